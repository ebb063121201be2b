"""`cli.installing`: where Flux's notification-controller serves Receivers, tagline's receiver is refused."""

from typing import Any, cast

import pytest

from api.names import CUSTOM_RESOURCE_DEFINITIONS, RECEIVERS
from cli.grammar.session import Failed
from cli.installing.build import RECEIVER_CRD, Options, build, with_features
from cli.installing.installation import adapt
from cli.installing.inventory import Inventory
from cli.installing.removal import Plan, _looks_after_kind
from cli.installing.resources import ref_of
from cli.kube.client import Cluster
from testing.cluster import FakeCluster

WITH = with_features(Options(features=("receiver",)))
FLUX = {"app.kubernetes.io/part-of": "flux", "app.kubernetes.io/instance": "flux-system"}


def cluster_with(labels: dict[str, str] | None) -> Cluster:
    cluster = FakeCluster()
    if labels is not None:
        cluster.put(CUSTOM_RESOURCE_DEFINITIONS, {"metadata": {"name": RECEIVER_CRD, "labels": labels}, "spec": {}})
    return cast("Cluster", cluster)


def adapted(labels: dict[str, str] | None, options: Options = WITH, *, force: bool = False) -> list[Any]:
    return adapt(cluster_with(labels), build(options), options, force=force)[0]


def test_flux_keeps_its_receivers() -> None:
    with pytest.raises(Failed, match="Flux's notification-controller serves Receivers here"):
        adapted(FLUX)


@pytest.mark.parametrize(
    ("labels", "force"), [(None, False), ({"app.kubernetes.io/part-of": "tagline"}, False), (FLUX, True)]
)
def test_a_receiver_is_installed_where_nobody_else_serves_the_kind(
    labels: dict[str, str] | None, *, force: bool
) -> None:
    assert RECEIVER_CRD in [obj["metadata"]["name"] for obj in adapted(labels, force=force)]


def test_without_the_component_flux_is_in_nobodys_way() -> None:
    assert RECEIVER_CRD not in [obj["metadata"]["name"] for obj in adapted(FLUX, Options())]


@pytest.mark.parametrize(("options", "expected"), [(Options(), False), (WITH, True)])
def test_a_removal_touches_receivers_only_where_they_were_ours(options: Options, *, expected: bool) -> None:
    inventory = Inventory(options, tuple(ref_of(obj) for obj in build(options)))
    planned = Plan(
        inventory=inventory, objects=(), crds=(), lost=(), looks_after="", others=frozenset(), deletes_namespace=False,
        kept=(),
    )  # fmt: skip
    assert _looks_after_kind(planned, RECEIVERS) is expected
