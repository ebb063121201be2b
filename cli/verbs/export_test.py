"""`tagline export`, on a cluster in memory. Recordings are played in e2e."""

import json
from typing import Any

import pytest

from api.names import GIT_REPOSITORIES, IMAGE_POLICIES, IMAGE_REPOSITORIES, SECRETS
from cli.grammar.session import Failed
from cli.grammar.tree import Command
from cli.verbs.export import COMMAND
from cli.yaml_documents import load_documents
from testing.cluster import FakeCluster, session_on

NOTHING = {"all": False, "all_namespaces": False, "label_selector": "", "output": "yaml"}


@pytest.fixture
def cluster() -> FakeCluster:
    cluster = FakeCluster()
    for namespace, name, labels in (("apps", "web", {"tier": "front"}), ("apps", "db", {}), ("other", "app", {})):
        metadata = {"name": name, "namespace": namespace, "labels": labels, "annotations": {"note": "mine"}}
        spec = {"image": f"x/{name}", "interval": "5m", "timeout": "60s"}
        cluster.put(IMAGE_REPOSITORIES, {"metadata": metadata, "spec": spec, "status": {"observedGeneration": 1}})
    return cluster


def export(cluster: FakeCluster, *path: str, names: tuple[str, ...] = (), **flags: Any) -> None:
    node = COMMAND.child(path[0])
    assert node is not None
    assert not isinstance(node, Command)
    command = node.child(path[1])
    assert isinstance(command, Command)
    with session_on(cluster, namespace="apps") as (session, _):
        command.run(session, names, **(NOTHING | flags))


def names_of(text: str) -> list[str]:
    return [obj["metadata"]["name"] for _, obj in load_documents(text.encode())]


def test_what_the_cluster_keeps_is_left_out_and_durations_are_as_go_writes_them(
    cluster: FakeCluster, capsys: pytest.CaptureFixture[str]
) -> None:
    export(cluster, "image", "repository", names=("web",))
    ((_, obj),) = load_documents(capsys.readouterr().out.encode())
    assert obj == {
        "apiVersion": "image.toolkit.fluxcd.io/v1",
        "kind": "ImageRepository",
        "metadata": {"name": "web", "namespace": "apps", "labels": {"tier": "front"}, "annotations": {"note": "mine"}},
        "spec": {"image": "x/web", "interval": "5m0s", "timeout": "1m0s"},
    }


@pytest.mark.parametrize(
    ("names", "flags", "printed"),
    [
        (("web", "db", "web"), {}, ["web", "db"]),
        ((), {"all": True}, ["db", "web"]),
        (("web",), {"all": True}, ["db", "web"]),
        ((), {"all_namespaces": True}, ["db", "web", "app"]),
        ((), {"label_selector": "tier=front"}, ["web"]),
    ],
)
def test_which_objects_are_printed(
    names: tuple[str, ...], flags: dict[str, Any], printed: list[str], cluster: FakeCluster,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    export(cluster, "image", "repository", names=names, **flags)
    assert names_of(capsys.readouterr().out) == printed


def test_all_kinds_are_printed_one_after_another(cluster: FakeCluster, capsys: pytest.CaptureFixture[str]) -> None:
    cluster.put(IMAGE_POLICIES, {"metadata": {"name": "web", "namespace": "apps"}, "spec": {}})
    export(cluster, "image", "all")
    kinds = [obj["kind"] for _, obj in load_documents(capsys.readouterr().out.encode())]
    assert kinds == ["ImageRepository", "ImageRepository", "ImagePolicy"]


def test_json_is_an_object_for_one_name_and_a_list_for_what_may_be_several(
    cluster: FakeCluster, capsys: pytest.CaptureFixture[str]
) -> None:
    export(cluster, "image", "repository", names=("web",), output="json")
    assert json.loads(capsys.readouterr().out)["kind"] == "ImageRepository"
    export(cluster, "image", "repository", label_selector="tier=front", output="json")
    listed = json.loads(capsys.readouterr().out)
    assert (listed["kind"], [item["metadata"]["name"] for item in listed["items"]]) == ("List", ["web"])


@pytest.mark.parametrize(
    ("names", "flags", "words"),
    [
        ((), {}, "name is required"),
        (("wep",), {}, 'imagerepositories.image.toolkit.fluxcd.io "wep" not found; did you mean "web"?'),
        (("web", "nothing-like-it"), {}, '"nothing-like-it" not found'),
        ((), {"label_selector": "a=b"}, "no objects found in apps namespace"),
        ((), {"label_selector": "a=b", "all_namespaces": True}, "no objects found in any namespace"),
        (("web",), {"label_selector": "a=b"}, "names and --label-selector cannot be used together"),
    ],
)
def test_nothing_is_printed_when_something_is_missing(
    names: tuple[str, ...], flags: dict[str, Any], words: str, cluster: FakeCluster,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    with pytest.raises(Failed) as refused:
        export(cluster, "image", "repository", names=names, **flags)
    assert words in str(refused.value)
    assert capsys.readouterr().out == ""


def test_a_filter_has_an_extract_but_beside_keys(cluster: FakeCluster, capsys: pytest.CaptureFixture[str]) -> None:
    for name, choice in (("plain", {"alphabetical": {}}), ("keys", {"keys": [{"extract": "$1"}]})):
        spec: dict[str, Any] = {"filterTags": {"pattern": "(a)"}, "policy": choice}
        cluster.put(IMAGE_POLICIES, {"metadata": {"name": name, "namespace": "apps"}, "spec": spec})
    export(cluster, "image", "policy", names=("plain", "keys"))
    filters = [obj["spec"]["filterTags"] for _, obj in load_documents(capsys.readouterr().out.encode())]
    assert filters == [{"extract": "", "pattern": "(a)"}, {"pattern": "(a)"}]


def test_secrets_of_sources_are_printed_when_asked_for(
    cluster: FakeCluster, capsys: pytest.CaptureFixture[str]
) -> None:
    spec = {"url": "https://x", "interval": "1m", "secretRef": {"name": "login"}}
    cluster.put(GIT_REPOSITORIES, {"metadata": {"name": "fleet", "namespace": "apps"}, "spec": spec})
    with pytest.raises(Failed, match='failed to retrieve secret login, error: secrets "login" not found'):
        export(cluster, "source", "git", names=("fleet",), with_credentials=True)
    assert names_of(capsys.readouterr().out) == ["fleet"]
    secret = {"metadata": {"name": "login", "namespace": "apps"}, "data": {"password": "eA=="}, "type": "Opaque"}
    cluster.put(SECRETS, secret)
    export(cluster, "source", "git", names=("fleet",), with_credentials=True)
    printed = [obj for _, obj in load_documents(capsys.readouterr().out.encode())]
    assert printed[1] == {"apiVersion": "v1", "kind": "Secret", **secret}
