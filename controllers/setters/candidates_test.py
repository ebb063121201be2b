import pytest

from controllers.setters import (
    UnsupportedStrategy,
    UpdatePathOutside,
    has_marker,
    is_candidate,
    relative_to,
    require_strategy,
    resolve_update_path,
)


@pytest.mark.parametrize(
    ("path", "want"),
    [
        pytest.param("a/b.yaml", True, id="yaml"),
        pytest.param("b.yml", True, id="yml"),
        pytest.param("a/Kustomization", True, id="kustomization-without-extension"),
        pytest.param(".git/x.yaml", True, id="folder-with-a-dot"),
        pytest.param("a/.hidden.yaml", True, id="hidden-file"),
        pytest.param("a/.yaml", True, id="nothing-but-the-extension"),
        pytest.param("b.YAML", False, id="extension-is-case-sensitive"),
        pytest.param("b.json", False, id="json"),
        pytest.param("kustomization", False, id="kustomization-in-lower-case"),
        pytest.param("MyKustomization", False, id="longer-name"),
        pytest.param("Kustomization/readme.md", False, id="folder-named-kustomization"),
        pytest.param("yaml", False, id="no-dot"),
    ],
)
def test_candidates(path: str, want: bool) -> None:
    assert is_candidate(path) is want


def test_marker_prefilter_wants_the_quotes() -> None:
    assert has_marker(b'a: b # {"$imagepolicy": "x:y"}')
    assert not has_marker(b"a: b # {$imagepolicy: x:y}")


@pytest.mark.parametrize(
    ("path", "want"),
    [
        pytest.param("", "", id="unset"),
        pytest.param(".", "", id="dot"),
        pytest.param("./", "", id="dot-slash"),
        pytest.param("/", "", id="slash"),
        pytest.param("./apps", "apps", id="leading-dot"),
        pytest.param("/apps/", "apps", id="absolute-is-relative-to-the-root"),
        pytest.param("apps//a/./b", "apps/a/b", id="redundant-parts"),
        pytest.param("apps/../infra", "infra", id="up-and-down-again"),
        pytest.param("apps/..", "", id="back-to-the-root"),
        pytest.param("..apps", "..apps", id="name-that-begins-with-dots"),
    ],
)
def test_update_path_is_normalised(path: str, want: str) -> None:
    assert resolve_update_path(path) == want


@pytest.mark.parametrize("path", ["..", "../../outside", "/..", "apps/../../outside/../apps", "a/../.."])
def test_update_path_that_leads_out_is_refused(path: str) -> None:
    with pytest.raises(UpdatePathOutside, match=r"leads out of the repository: set it to"):
        resolve_update_path(path)


@pytest.mark.parametrize(
    ("path", "base", "want"),
    [
        pytest.param("a/b.yaml", "", "a/b.yaml", id="whole-repository"),
        pytest.param("a/b/c.yaml", "a", "b/c.yaml", id="below"),
        pytest.param("a/b.yaml", "a/b.yaml", "b.yaml", id="the-file-itself"),
        pytest.param("ab/c.yaml", "a", None, id="sibling-with-the-same-beginning"),
        pytest.param("c.yaml", "a", None, id="beside"),
    ],
)
def test_paths_in_results(path: str, base: str, want: str | None) -> None:
    assert relative_to(path, base) == want


@pytest.mark.parametrize("strategy", ["", "Other", "setters"])
def test_only_one_strategy(strategy: str) -> None:
    require_strategy("Setters")
    with pytest.raises(UnsupportedStrategy, match=f"^unsupported update strategy: {strategy}$"):
        require_strategy(strategy)
