"""Where kinds live in the API: known ones, and those of other releases, for which the API server is asked."""

import json
from collections.abc import Mapping
from typing import cast

import pytest

from api.names import DEPLOYMENTS
from api.resource import Resource
from cli.installing.resources import Ref, ref_of, resource_of
from cli.kube.client import Cluster
from controllers.runtime.kube.errors import NotFound
from testing.cluster import FakeCluster


class Serving(FakeCluster):
    """Says what it serves of one group's version."""

    def raw(self, path: str, query: Mapping[str, str] | None = None) -> bytes:
        assert path == "/apis/policy/v1"
        served = [("poddisruptionbudgets/status", True), ("poddisruptionbudgets", True)]
        kind = "PodDisruptionBudget"
        return json.dumps(
            {"resources": [{"name": name, "kind": kind, "namespaced": limited} for name, limited in served]}
        ).encode()


def test_a_known_kind_costs_no_request() -> None:
    cluster = FakeCluster()
    assert resource_of(cast("Cluster", cluster), "apps/v1", "Deployment") == DEPLOYMENTS
    assert cluster.requests == []


def test_other_kinds_are_as_the_api_server_serves_them() -> None:
    cluster = cast("Cluster", Serving())
    found = resource_of(cluster, "policy/v1", "PodDisruptionBudget")
    assert found == Resource("policy", "v1", "poddisruptionbudgets", "PodDisruptionBudget")
    with pytest.raises(NotFound, match="policy/v1 Other"):
        resource_of(cluster, "policy/v1", "Other")


def test_progress_names_objects_as_flux_does() -> None:
    obj = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "app", "namespace": "ops"}}
    assert str(ref_of(obj)) == "Deployment/ops/app"
    assert str(Ref("v1", "Namespace", "", "ops")) == "Namespace/ops"
