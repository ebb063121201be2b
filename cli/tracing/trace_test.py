"""`cli.tracing`: `trace`, as its users meet it."""

import json
from typing import Any

import pytest

from api.names import DEPLOYMENTS, GIT_REPOSITORIES, IMAGE_POLICIES, KUSTOMIZATIONS, PODS
from api.resource import Resource
from controllers.runtime.kube.errors import ServerError
from testing.readable_cluster import CommandLine, ReadableCluster, command_line

REPLICA_SETS = Resource("apps", "v1", "replicasets", "ReplicaSet")
RELEASES = Resource("helm.toolkit.fluxcd.io", "v2", "helmreleases", "HelmRelease")
CHARTS = Resource("source.toolkit.fluxcd.io", "v1", "helmcharts", "HelmChart")
REPOSITORIES = Resource("source.toolkit.fluxcd.io", "v1", "helmrepositories", "HelmRepository")
MANAGED = {"kustomize.toolkit.fluxcd.io/name": "apps", "kustomize.toolkit.fluxcd.io/namespace": "flux-system"}
RELEASED = {"helm.toolkit.fluxcd.io/name": "redis", "helm.toolkit.fluxcd.io/namespace": "flux-system"}
READY = {"type": "Ready", "status": "True", "message": "well", "lastTransitionTime": "2026-01-05T10:41:00Z"}


def add(cluster: ReadableCluster, resource: Resource, name: str, **fields: Any) -> None:
    metadata = {"name": name, "namespace": "flux-system"} | fields.pop("metadata", {})
    cluster.put(resource, {"metadata": metadata, **fields})


@pytest.fixture
def cluster() -> ReadableCluster:
    found = ReadableCluster()

    def resources(*kinds: Resource) -> bytes:
        listed = [
            {"name": one.plural, "kind": one.kind, "namespaced": True, "singularName": one.kind.lower(),
             "shortNames": [one.plural[:2]]}
            for one in kinds
        ]  # fmt: skip
        return json.dumps({"resources": [{"name": "pods/log", "kind": "Pod", "namespaced": True}, *listed]}).encode()

    groups = ("apps/v1", "image.toolkit.fluxcd.io/v1")
    found.documents = {
        "/apis": json.dumps({"groups": [{"preferredVersion": {"groupVersion": one}} for one in groups]}).encode(),
        "/api/v1": resources(PODS),
        "/apis/apps/v1": resources(DEPLOYMENTS, REPLICA_SETS),
        "/apis/image.toolkit.fluxcd.io/v1": resources(IMAGE_POLICIES),
    }
    spec = {"path": "./apps", "sourceRef": {"kind": "GitRepository", "name": "fleet"}}
    add(found, KUSTOMIZATIONS, "apps", spec=spec, status={"lastAppliedRevision": "main@sha1:1", "conditions": [READY]})
    git = {"url": "https://git.test/fleet", "ref": {"branch": "main"}, "suspend": True}
    add(found, GIT_REPOSITORIES, "fleet", spec=git, status={"artifact": {"revision": "main@sha1:1"}})
    add(found, DEPLOYMENTS, "web", metadata={"labels": MANAGED})
    owner = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
    add(found, REPLICA_SETS, "web-1", metadata={"ownerReferences": [owner]})
    owner = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web-1"}
    add(found, PODS, "web-1-x", metadata={"ownerReferences": [owner]})
    add(found, IMAGE_POLICIES, "app")
    return found


@pytest.fixture
def call(cluster: ReadableCluster, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> CommandLine:
    return command_line(cluster, monkeypatch, capsys)


@pytest.mark.parametrize(
    "arguments",
    [["pod", "web-1-x"], ["PODS/web-1-x"], ["po/web-1-x"], ["web-1-x", "--kind", "Pod", "--api-version", "v1"]],
)
def test_a_pod_comes_from_the_source_of_what_owns_it(call: CommandLine, arguments: list[str]) -> None:
    assert call("trace", *arguments) == (
        0,
        (
            "\nObject:          Pod/web-1-x\nNamespace:       flux-system\nStatus:          Managed by Flux\n"
            "---\nKustomization:   apps\nNamespace:       flux-system\nPath:            ./apps\n"
            "Revision:        main@sha1:1\nStatus:          Last reconciled at 2026-01-05 10:41:00 +0000 UTC\n"
            "Message:         well\n"
            "---\nGitRepository:   fleet\nNamespace:       flux-system\nURL:             https://git.test/fleet\n"
            "Branch:          main\nRevision:        main@sha1:1\nStatus:          Suspended\n"
        ),
        "",
    )


def test_what_nobody_manages_is_said_and_the_others_are_traced(call: CommandLine) -> None:
    status, out, err = call("trace", "imagepolicy/app", "deployment/web")
    assert status == 0
    assert err == "failed to trace ImagePolicy/app in namespace flux-system: object not managed by Flux\n"
    assert "Object:          Deployment/web\n" in out


def test_a_release_comes_from_its_chart_and_the_repository_of_that(call: CommandLine, cluster: ReadableCluster) -> None:
    add(cluster, DEPLOYMENTS, "redis", metadata={"labels": RELEASED})
    add(cluster, RELEASES, "redis", status={"helmChart": "flux-system/redis-chart"})
    chart = {"chart": "redis", "sourceRef": {"kind": "HelmRepository", "name": "charts"}}
    add(cluster, CHARTS, "redis-chart", spec=chart)
    out = call("trace", "deployment", "redis")[1]
    assert "HelmRelease:     redis\n" in out
    assert "HelmChart:       redis-chart\n" in out
    assert out.endswith("---\nHelmRepository:  charts (not found)\n")


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ([], "either `<resource>/<name>` or `<resource> <name>` is required as an argument"),
        (["pod"], "either `<resource>/<name>` or `<resource> <name>` is required as an argument"),
        (["app", "--kind", "ImagePolicy"], "object apiVersion is required (--api-version)"),
        (["app", "--api-version", "v1"], "object kind is required (--kind)"),
        (["app", "--kind", "Foo", "--api-version", "v1"], 'no matches for kind "Foo" in version "v1"'),
        (["app", "--kind", "Foo", "--api-version", "x/v9"], 'no matches for kind "Foo" in version "x/v9"'),
        (["pod/a/b"], "arguments in resource/name form may not have more than one slash"),
        (["foo", "app"], 'the server doesn\'t have a resource type "foo"'),
        (["pod", "nope"], 'failed to find object: pods "nope" not found'),
    ],
)
def test_what_cannot_be_traced_is_said(call: CommandLine, arguments: list[str], text: str) -> None:
    assert call("trace", *arguments) == (1, "", f"✗ {text}\n")


def test_owners_in_a_circle_have_an_end(call: CommandLine, cluster: ReadableCluster) -> None:
    owner = {"apiVersion": "v1", "kind": "Pod", "name": "web-1-x"}
    add(cluster, PODS, "web-1-x", metadata={"ownerReferences": [owner]})
    assert "object not managed by Flux" in call("trace", "pod", "web-1-x")[2]


METRICS_ARE_AWAY = ServerError("get", "the server is currently unable to handle the request", status=503)


def test_a_group_whose_server_is_away_keeps_no_other_back(call: CommandLine, cluster: ReadableCluster) -> None:
    groups = ("metrics.k8s.io/v1beta1", "apps/v1")
    listed = [{"preferredVersion": {"groupVersion": one}} for one in groups]
    cluster.documents["/apis"] = json.dumps({"groups": listed}).encode()
    cluster.documents["/apis/metrics.k8s.io/v1beta1"] = METRICS_ARE_AWAY
    assert "Object:          Deployment/web\n" in call("trace", "deployment/web")[1]
    assert call("trace", "foo/app") == (
        1,
        "",
        (
            '✗ no resource type "foo" is known, and the server does not say which there are in metrics.k8s.io/v1beta1 '
            "(the server is currently unable to handle the request)\n"
        ),
    )


def test_what_is_no_api_server_is_said(call: CommandLine, cluster: ReadableCluster) -> None:
    cluster.documents["/apis"] = b"<html>log in</html>"
    status, _, err = call("trace", "deployment/web")
    assert (status, err) == (1, "✗ answer is not an object in JSON; is that an API server?\n")


def test_a_word_is_looked_up_once(call: CommandLine, cluster: ReadableCluster) -> None:
    call("trace", "deployment", "web", "web", "web")
    assert cluster.read == ["/api/v1", "/apis", "/apis/apps/v1"]


def test_an_api_version_stays_within_its_part_of_the_path(call: CommandLine, cluster: ReadableCluster) -> None:
    call("trace", "app", "--kind", "Foo", "--api-version", "x y/v1?a\r\nb")
    assert cluster.read == ["/apis/x%20y/v1%3Fa%0D%0Ab"]
