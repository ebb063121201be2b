"""`cli.installing.removal`: a namespace goes only where it is certain that nobody has anything in it."""

import json
from typing import Any, cast

import pytest

from api.names import CUSTOM_RESOURCE_DEFINITIONS, NAMESPACES
from api.resource import Resource
from cli.installing.build import PART_OF, Options
from cli.installing.inventory import Inventory
from cli.installing.removal import plan
from cli.installing.resources import Ref, ref_of
from cli.kube.client import Cluster
from controllers.runtime.kube.errors import ApiError, NotFound, ServerError
from testing.readable_cluster import ReadableCluster

NAMESPACE = "tagline-system"
ALERTS = Resource("notification.toolkit.fluxcd.io", "v1beta3", "alerts", "Alert")
CRD = "imagerepositories.image.toolkit.fluxcd.io"
AWAY = NotFound("get", "404 page not found", status=404)


def kinds(*found: Resource) -> bytes:
    listed = [{"name": one.plural, "kind": one.kind, "namespaced": True, "verbs": ["get", "list"]} for one in found]
    return json.dumps({"resources": listed}).encode()


def group(*versions: str) -> dict[str, Any]:
    listed = [{"groupVersion": one} for one in versions]
    return {"preferredVersion": listed[0], "versions": listed}


def cluster_with(*groups: dict[str, Any], **documents: bytes | ApiError) -> ReadableCluster:
    cluster = ReadableCluster()
    cluster.put(NAMESPACES, {"metadata": {"name": NAMESPACE, "labels": {PART_OF: "tagline"}}})
    cluster.documents = {"/api/v1": kinds(), "/apis": json.dumps({"groups": groups}).encode(), **documents}
    return cluster


def content_of(cluster: ReadableCluster) -> str:
    """Return what a removal with CRDs says about its namespace; "" where that goes."""
    crd = ref_of(cluster.put(CUSTOM_RESOURCE_DEFINITIONS, {"metadata": {"name": CRD, "labels": {PART_OF: "tagline"}}}))
    inventory = Inventory(Options(namespace=NAMESPACE), (Ref("v1", "Namespace", "", NAMESPACE), crd))
    planned = plan(cast("Cluster", cluster), inventory, [], crds=True, keep_namespace=False)
    (kept,) = planned.kept or ("",)
    assert planned.deletes_namespace is not bool(kept)
    return kept.partition(" in it: ")[2].partition(";")[0]


def test_what_only_another_version_of_its_group_has_is_found() -> None:
    preferred = Resource(ALERTS.group, "v1", "receivers", "Receiver")
    cluster = cluster_with(
        group(preferred.api_version, ALERTS.api_version),
        **{f"/apis/{preferred.api_version}": kinds(preferred), f"/apis/{ALERTS.api_version}": kinds(ALERTS)},
    )
    assert content_of(cluster) == ""
    cluster.put(ALERTS, {"metadata": {"name": "mine", "namespace": NAMESPACE}})
    assert content_of(cluster) == "Alert/mine"


def test_a_kind_of_several_versions_is_listed_once() -> None:
    newer = Resource(ALERTS.group, "v1", "alerts", "Alert")
    cluster = cluster_with(
        group(newer.api_version, ALERTS.api_version),
        **{f"/apis/{one.api_version}": kinds(one) for one in (newer, ALERTS)},
    )
    content_of(cluster)
    assert [one for one in cluster.requests if "alerts" in one] == [f"list alerts {NAMESPACE}/"]


@pytest.mark.parametrize("away", [AWAY, ServerError("get", "unavailable", status=503)], ids=["404", "503"])
def test_a_namespace_stays_where_an_extension_does_not_say_what_it_has(away: ApiError) -> None:
    cluster = cluster_with(group("extension.test/v1"), **{"/apis/extension.test/v1": away})
    assert content_of(cluster) == f"maybe objects of extension.test/v1 ({away.message})"


def test_a_namespace_stays_where_an_extension_does_not_list_what_it_has() -> None:
    things = Resource("extension.test", "v1", "things", "Thing")
    cluster = cluster_with(group(things.api_version), **{f"/apis/{things.api_version}": kinds(things)})
    cluster.failures[f"list things {NAMESPACE}/"] = AWAY
    assert content_of(cluster) == f"maybe objects of extension.test/v1 ({AWAY.message})"


def test_a_group_that_goes_with_its_crds_may_be_listed_a_little_longer() -> None:
    assert content_of(cluster_with(group("image.toolkit.fluxcd.io/v1"))) == ""
