"""`cli.verbs`: `stats` and `version`, as their users meet them."""

import json

import pytest

from api.names import CUSTOM_RESOURCE_DEFINITIONS, DEPLOYMENTS, GIT_REPOSITORIES, IMAGE_POLICIES
from api.version import VERSION
from cli.main import main
from cli.verbs.stats import format_size, resources
from cli.verbs.version import tag_of
from controllers.runtime.kube.errors import Forbidden, NotFound, ServerError
from testing.readable_cluster import CommandLine, ReadableCluster, command_line


@pytest.fixture
def cluster() -> ReadableCluster:
    return ReadableCluster()


@pytest.fixture
def call(cluster: ReadableCluster, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> CommandLine:
    return command_line(cluster, monkeypatch, capsys)


def add_controller(cluster: ReadableCluster, name: str, image: str, namespace: str, part_of: str) -> None:
    metadata = {"name": name, "namespace": namespace, "labels": {"app.kubernetes.io/part-of": part_of}}
    spec = {"template": {"spec": {"containers": [{"name": "manager", "image": image}]}}}
    cluster.put(DEPLOYMENTS, {"metadata": metadata, "spec": spec})


def test_objects_are_counted_by_state(call: CommandLine, cluster: ReadableCluster) -> None:
    failing = {"conditions": [{"type": "Ready", "status": "False"}]}
    objects: list[tuple[str, bool, object]]
    objects = [("a", True, failing), ("b", False, failing), ("c", False, {}), ("d", True, {})]
    for name, suspend, state in objects:
        metadata = {"name": name, "namespace": "flux-system"}
        cluster.put(IMAGE_POLICIES, {"metadata": metadata, "spec": {"suspend": suspend}, "status": state})
    for namespace in ("flux-system", "apps"):
        sized = {"artifact": {"size": 1234}}
        cluster.put(GIT_REPOSITORIES, {"metadata": {"name": "x", "namespace": namespace}, "status": sized})
    cluster.failures["list buckets flux-system/"] = NotFound("list", "404 page not found", status=404)
    status, out, _ = call("stats")
    rows = {cells[0].strip(): [cell.strip() for cell in cells[1:5]] for cells in map(str.split, out.splitlines())}
    assert status == 0
    assert list(rows)[1::12] == ["GitRepository", "ImageRepository"]
    assert rows["ImagePolicy"] == ["2", "2", "2", "-"]
    assert rows["Bucket"] == ["0", "0", "0", "-"]
    assert rows["GitRepository"] == ["1", "0", "0", "1.2"]
    assert "2.4 KiB" in call("stats", "-A")[1]


def test_a_kind_that_may_not_be_read_keeps_none_of_the_others_back(call: CommandLine, cluster: ReadableCluster) -> None:
    """An API server refuses a kind that is not installed, too, to whoever may not read everything."""
    cluster.put(IMAGE_POLICIES, {"metadata": {"name": "app", "namespace": "flux-system"}})
    cluster.failures["list buckets flux-system/"] = Forbidden("list", "buckets are not for you", status=403)
    cluster.failures["list alerts flux-system/"] = ServerError("list", "conversion webhook failed", status=500)
    status, out, err = call("stats")
    rows = {cells[0]: cells[1:] for cells in map(str.split, out.splitlines())}
    assert status == 0
    assert (rows["ImagePolicy"], rows["Bucket"], rows["Alert"]) == (["1", "0", "0", "-"], ["?"] * 4, ["?"] * 4)
    assert err.splitlines() == [
        "⚠️  Bucket objects are not counted: buckets are not for you",
        "⚠️  Alert objects are not counted: conversion webhook failed",
    ]


def test_stats_of_nothing_that_may_be_read_fail(call: CommandLine, cluster: ReadableCluster) -> None:
    for resource in resources():
        cluster.failures[f"list {resource.plural} flux-system/"] = Forbidden("list", "not for you", status=403)
    assert call("stats")[0] == 1


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "-"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        (1536, "1.5 KiB"),
        (5 << 20, "5.0 MiB"),
        (1 << 70, "1048576.0 PiB"),
    ],
)
def test_sizes_have_a_unit(size: int, text: str) -> None:
    assert format_size(size) == text


def test_versions_are_those_of_flux_and_of_tagline_in_the_cluster(call: CommandLine, cluster: ReadableCluster) -> None:
    add_controller(cluster, "source-controller", "ghcr.io/fluxcd/source-controller:v1.9.4", "flux-system", "flux")
    add_controller(cluster, "imagepolicy-controller", "ghcr.io/tagline/tagline:v0.1.0", "tagline-system", "tagline")
    labels = {"app.kubernetes.io/part-of": "flux", "app.kubernetes.io/version": "v2.9.4"}
    name = "gitrepositories.source.toolkit.fluxcd.io"
    cluster.put(CUSTOM_RESOURCE_DEFINITIONS, {"metadata": {"name": name, "labels": labels}})
    assert call("version") == (
        0,
        f"tagline: v{VERSION}\ndistribution: flux-v2.9.4\nimagepolicy-controller: v0.1.0\nsource-controller: v1.9.4\n",
        "",
    )
    assert json.loads(call("version", "-o", "json")[1]) == {
        "tagline": f"v{VERSION}",
        "distribution": "flux-v2.9.4",
        "imagepolicy-controller": "v0.1.0",
        "source-controller": "v1.9.4",
    }


def test_an_image_commands_no_terminal(call: CommandLine, cluster: ReadableCluster) -> None:
    add_controller(cluster, "x-controller", "x:\x1b[2Jv1\nforged: v2", "flux-system", "flux")
    assert call("version")[1] == f"tagline: v{VERSION}\nx-controller: \\x1b[2Jv1\\nforged: v2\n"


def test_the_client_alone_asks_no_cluster(call: CommandLine, cluster: ReadableCluster) -> None:
    assert call("version", "--client") == (0, f"tagline: v{VERSION}\n", "")
    assert json.loads(call("version", "--client", "-o", "json")[1]) == {"tagline": f"v{VERSION}"}
    assert cluster.requests == []


def test_without_any_cluster_the_client_still_says_its_version(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("KUBECONFIG", "/dev/null")
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    assert main(["version"]) == 1
    shown = capsys.readouterr()
    assert shown.out == f"tagline: v{VERSION}\n"
    assert shown.err.startswith("✗ no cluster")


def test_without_controllers_and_with_a_wrong_format_it_fails(call: CommandLine, cluster: ReadableCluster) -> None:
    assert call("version", "-n", "apps") == (1, "", "✗ no deployments found in apps namespace\n")
    assert call("version", "-o", "toml") == (1, "", "✗ --output must be json or yaml, not toml\n")
    cluster.failures["list deployments flux-system/"] = Forbidden("list", "not for you", status=403)
    assert call("version") == (1, "", "✗ not for you\n")


@pytest.mark.parametrize(
    ("image", "tag"),
    [
        ("ghcr.io/x/y:v1.2.3", "v1.2.3"), ("host:5000/x/y:v1@sha256:ab", "v1"), ("host:5000/x@sha256:ab", "sha256:ab"),
        ("host:5000/x/y", "latest"), ("", "latest"),
    ],
)  # fmt: skip
def test_versions_are_the_tags_of_images(image: str, tag: str) -> None:
    assert tag_of([image]) == tag


def test_stats_are_of_no_single_object(call: CommandLine) -> None:
    assert call("stats", "app") == (1, "", '✗ unknown command "app" for "tagline stats"\n')
