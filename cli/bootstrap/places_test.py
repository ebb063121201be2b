import pytest

from cli.bootstrap.places import Places, safe_path
from cli.grammar.session import Failed


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ("", ""), (".", ""), ("/", ""), ("./clusters/a/", "clusters/a"), ("../../etc", "etc"), ("a//b/../c", "a/c"),
        ("//a", "a"), ("a b/ü", "a b/ü"),
    ],
)  # fmt: skip
def test_a_path_stays_inside_of_the_repository(given: str, path: str) -> None:
    assert safe_path(given) == path


def test_control_characters_are_refused() -> None:
    with pytest.raises(Failed, match="--path"):
        safe_path("a\nb")


def test_the_root_of_a_repository_has_the_folder_of_the_namespace() -> None:
    places = Places("", "flux-system")
    assert places.sync == "flux-system/gotk-sync.yaml"
    assert places.root_kustomization == "kustomization.yaml"
    assert places.shown == "./"
