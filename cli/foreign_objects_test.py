"""`cli`: whatever a controller writes into an object of a kind without a strict schema, every verb copes with it."""

import copy
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from api.names import (
    DEPLOYMENTS,
    GIT_REPOSITORIES,
    IMAGE_POLICIES,
    IMAGE_REPOSITORIES,
    IMAGE_UPDATE_AUTOMATIONS,
    KUSTOMIZATIONS,
    SECRETS,
)
from api.resource import Resource
from testing.readable_cluster import CommandLine, ReadableCluster, command_line

_READY = {
    "type": "Ready", "status": "True", "reason": "Succeeded", "message": "done", "observedGeneration": 1,
    "lastTransitionTime": "2020-01-05T10:00:00Z",
}  # fmt: skip
_SOURCE = {"kind": "GitRepository", "name": "app", "namespace": "flux-system"}

OBJECTS: Mapping[Resource, Mapping[str, Any]] = {
    IMAGE_REPOSITORIES: {
        "spec": {"image": "ghcr.io/org/app", "interval": "1m", "suspend": False},
        "status": {"lastScanResult": {"scanTime": "2020-01-05T10:00:00Z", "tagCount": 3}},
    },
    IMAGE_POLICIES: {
        "spec": {
            "imageRepositoryRef": {"name": "app", "namespace": "x"},
            "policy": {"semver": {"range": "1"}},
            "filterTags": {"pattern": "a", "extract": "b"},
        },
        "status": {"latestRef": {"name": "a", "tag": "b", "digest": "c"}},
    },
    IMAGE_UPDATE_AUTOMATIONS: {
        "spec": {
            "sourceRef": _SOURCE,
            "git": {"checkout": {"ref": {"branch": "b"}}, "push": {"branch": "b"}},
            "policySelector": {"matchLabels": {"a": "b"}},
        },
        "status": {"lastAutomationRunTime": "2020-01-05T10:00:00Z", "lastPushCommit": "abc"},
    },
    GIT_REPOSITORIES: {
        "spec": {"url": "https://host/r", "secretRef": {"name": "app"}, "sourceRef": _SOURCE},
        "status": {"artifact": {"revision": "main@sha1:abc", "size": 5}},
    },
    KUSTOMIZATIONS: {
        "spec": {"sourceRef": _SOURCE, "path": "p", "targetNamespace": "t"},
        "status": {
            "lastAppliedRevision": "r",
            "helmChart": "a/b",
            "inventory": {"entries": [{"id": "flux-system_app_apps_Deployment"}]},
        },
    },
}
"""Objects with every field that a verb reads."""

ODD: tuple[Any, ...] = (None, "\x1b[31mred\nline", 5, [None], {"x": 1}, [{"x": None}])

COMMANDS = (
    "get all -A -o wide",
    "get all --status-selector ready=true",
    "get images all -w",
    "export image all",
    "export source git --all --with-credentials",
    "resume image repository --all --wait",
    "resume image policy app",
    "reconcile image all",
    "reconcile source git app",
    "tree image policy app",
    "tree image update app",
    "tree ks app",
    "trace deployment app",
    "stats",
)


def _places(value: object, at: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    yield at
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in inside:
        yield from _places(inner, (*at, key))


def _with(value: Any, place: tuple[str | int, ...], odd: object) -> Any:
    if not place:
        return odd
    changed = copy.copy(value)
    changed[place[0]] = _with(value[place[0]], place[1:], odd)
    return changed


def _object(resource: Resource) -> dict[str, Any]:
    body = OBJECTS[resource]
    found = {"observedGeneration": 1, "lastHandledReconcileAt": "x", "conditions": [_READY], **body["status"]}
    return {"metadata": {"name": "app", "namespace": "flux-system"}, "spec": body["spec"], "status": found}


@pytest.fixture
def cluster() -> ReadableCluster:
    found = ReadableCluster()
    for resource in OBJECTS:
        found.put(resource, _object(resource))
    group = KUSTOMIZATIONS.group
    labels = {f"{group}/name": "app", f"{group}/namespace": "flux-system"}
    found.put(DEPLOYMENTS, {"metadata": {"name": "app", "namespace": "flux-system", "labels": labels}})
    found.put(SECRETS, {"metadata": {"name": "app", "namespace": "flux-system"}, "data": {"a": "Yg=="}})
    found.documents = {
        "/apis": b'{"groups": [{"preferredVersion": {"groupVersion": "apps/v1"}}]}',
        "/api/v1": b"{}",
        "/apis/apps/v1": b'{"resources": [{"name": "deployments", "kind": "Deployment", "namespaced": true}]}',
    }
    return found


@pytest.fixture
def call(cluster: ReadableCluster, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> CommandLine:
    return command_line(cluster, monkeypatch, capsys)


PAIRS = [
    (words, resource)
    for words in COMMANDS
    for resource in OBJECTS
    if (resource is KUSTOMIZATIONS) <= words.startswith(("tree ks", "trace", "stats"))
]


@pytest.mark.parametrize(("words", "resource"), PAIRS, ids=str)
def test_a_field_may_hold_anything(
    words: str, resource: Resource, call: CommandLine, cluster: ReadableCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = _object(resource)
    for place in _places({"spec": whole["spec"], "status": whole["status"]}):
        for odd in ODD if place else ():
            cluster.put(resource, _with(whole, place, odd))
            status, out, err = call(*words.split(), "--timeout=1s")
            assert status in (0, 1), (place, odd)
            assert "\x1b" not in out + err, (place, odd)


def test_the_objects_beside_an_odd_one_are_shown(call: CommandLine, cluster: ReadableCluster) -> None:
    odd = _object(IMAGE_POLICIES) | {"status": {"conditions": "none", "latestRef": ["x"]}}
    odd["metadata"]["name"] = "odd"
    cluster.put(IMAGE_POLICIES, odd)
    status, out, _ = call("get", "images", "policy", "--no-header")
    rows = [[cell.strip() for cell in line.split("\t")][:5] for line in out.splitlines()]
    expected = [["app", "a", "b", "True", "done"], ["odd", "", "", "False", "waiting to be reconciled"]]
    assert (status, rows) == (0, expected)


def test_null_is_nothing(call: CommandLine, cluster: ReadableCluster) -> None:
    """And not the word None."""
    cluster.put(GIT_REPOSITORIES, _with(_object(GIT_REPOSITORIES), ("status", "artifact", "revision"), None))
    assert "None" not in call("get", "sources", "git", "-o", "wide")[1]
