"""The packaged manifests, and what `tagline install` builds from them, beside what kubectl's kustomize makes."""

import itertools
import os
from pathlib import Path
from typing import Any

import pytest

from api.version import VERSION
from cli.installing.build import FLUX_SOURCES, Options, build, feature_names, packaged, with_features
from hack.env.tools import find_program
from hack.packaged import MANIFESTS, PACKAGED, NotUnderstood, kustomize, main, read_component

pytestmark = pytest.mark.skipif(find_program("kubectl") is None, reason="comparing with kustomize needs kubectl")
FEATURES = [name for name in feature_names() if name != FLUX_SOURCES]


def by_name(objects: list[dict[str, Any]]) -> dict[tuple[str, str], dict[str, Any]]:
    found = {(obj["kind"], obj["metadata"]["name"]): obj for obj in objects}
    assert len(found) == len(objects)
    return found


def overlay(folder: Path, *components: str, namespace: str = "") -> dict[tuple[str, str], dict[str, Any]]:
    """Return what somebody gets who writes a kustomization as the comments of the components say."""
    lines = ["resources:", f"- {os.path.relpath(MANIFESTS, folder)}"]
    lines += [f"namespace: {namespace}"] if namespace else []
    lines += ["components:"] if components else []
    lines += [f"- {os.path.relpath(MANIFESTS / 'components' / name, folder)}" for name in components]
    (folder / "kustomization.yaml").write_text("\n".join(lines) + "\n")
    return by_name(kustomize(folder))


def test_the_packaged_manifests_are_fresh(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--check"]) == 0, capsys.readouterr().out


def test_without_flags_exactly_that_is_built_which_kustomize_makes() -> None:
    assert build(Options()) == kustomize(MANIFESTS)


@pytest.mark.parametrize("features", [*((one,) for one in feature_names()), *itertools.combinations(FEATURES, 2)])
def test_features_build_what_their_components_make(tmp_path: Path, features: tuple[str, ...]) -> None:
    options = Options(features=features)
    listed = with_features(options).features  # components that others patch come first, as their comments say
    assert by_name(build(options)) == overlay(tmp_path, *listed)


def test_another_namespace_is_what_kustomize_makes_of_it(tmp_path: Path) -> None:
    assert by_name(build(Options(namespace="ops"))) == overlay(tmp_path, namespace="ops")


def test_one_namespace_is_the_component_and_what_it_leaves_to_the_cluster(tmp_path: Path) -> None:
    built = by_name(build(Options(namespace="ops", watch_all_namespaces=False)))
    limited = overlay(tmp_path, "namespaced", namespace="ops")
    assert limited.items() <= built.items()
    shared = built.keys() - limited.keys()
    assert {kind for kind, _ in shared} == {"Namespace", "CustomResourceDefinition", "ClusterRole"}
    assert {name for kind, name in shared if kind == "ClusterRole"} == {"tagline-edit", "tagline-view"}


def test_one_namespace_with_the_receiver_leaves_to_the_cluster_what_limits_it(tmp_path: Path) -> None:
    options = Options(namespace="ops", watch_all_namespaces=False, features=("receiver",))
    built, limited = by_name(build(options)), overlay(tmp_path, "receiver", "namespaced", namespace="ops")
    assert limited.items() <= built.items()
    shared = built.keys() - limited.keys()
    assert {name for kind, name in shared if kind == "ClusterRole"} == {
        "tagline-edit",
        "tagline-view",
        "tagline-receiver-edit",
        "tagline-receiver-view",
    }
    assert ("ValidatingAdmissionPolicy", "tagline-receiver-controller") in shared
    assert limited["Role", "tagline-receiver-controller"]["metadata"]["namespace"] == "ops"


def test_the_image_is_that_of_this_release() -> None:
    deployments = [obj for obj in packaged().objects if obj["kind"] == "Deployment"]
    images = {one["spec"]["template"]["spec"]["containers"][0]["image"] for one in deployments}
    assert images == {f"ghcr.io/tagline/tagline:v{VERSION}"}


def test_stale_data_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stale = tmp_path / "manifests.json"
    stale.write_text(PACKAGED.read_text().replace('"tagline-view"', '"tagline-look"'))
    monkeypatch.setattr("hack.packaged.PACKAGED", stale)
    assert main(["--check"]) == 1
    assert "tagline-look" in capsys.readouterr().out
    assert main([]) == 0
    assert stale.read_text() == PACKAGED.read_text()


def test_a_component_that_the_command_line_would_not_understand_is_refused(tmp_path: Path) -> None:
    (tmp_path / "kustomization.yaml").write_text("kind: Component\nimages: []\n")
    with pytest.raises(NotUnderstood, match="images"):
        read_component(tmp_path)
