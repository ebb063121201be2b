"""When a Deployment is ready, and what it waits for, in the words of who keeps it waiting."""

from collections.abc import Mapping
from io import StringIO
from typing import Any, cast

import pytest

from api.names import DEPLOYMENTS, PODS
from cli.grammar.session import Failed, Reporter
from cli.installing.readiness import explain, explain_pod, is_ready, wait_for, wait_until_ready
from cli.kube.client import Cluster
from cli.kube.deadline import Deadline
from testing.cluster import FakeCluster

READY = {"observedGeneration": 1, "replicas": 1, "updatedReplicas": 1, "availableReplicas": 1}


class Waiting(FakeCluster):
    """A cluster in which something happens each time somebody pauses."""

    def __init__(self, *statuses: Mapping[str, Any]) -> None:
        super().__init__()
        self.statuses = list(statuses)
        self.deadline = Deadline(5, monotonic=lambda: self.now, sleep=self.pause)
        self.put(DEPLOYMENTS, deployment())

    def pause(self, seconds: float) -> None:
        self.now += seconds
        if self.statuses:
            self.put(DEPLOYMENTS, deployment(**self.statuses.pop(0)))


def deployment(replicas: int = 1, **status: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": "app", "namespace": "system", "generation": 1},
        "spec": {"replicas": replicas, "selector": {"matchLabels": {"app": "app"}}},
        "status": status,
    }


def pod(name: str = "app-1", created: str = "2026-01-05T10:00:00Z", **status: Any) -> dict[str, Any]:
    labels = {"app": "app"}
    metadata = {"name": name, "namespace": "system", "labels": labels, "creationTimestamp": created}
    return {"metadata": metadata, "status": status}


def container(**state: Any) -> dict[str, Any]:
    return {"containerStatuses": [{"name": "manager", "ready": False, **state}]}


@pytest.mark.parametrize(
    ("status", "ready"),
    [
        pytest.param(READY, True, id="all-there"),
        pytest.param({}, False, id="not-seen"),
        pytest.param(READY | {"observedGeneration": 0}, False, id="an-older-spec"),
        pytest.param(READY | {"replicas": 2}, False, id="an-old-pod-left"),
        pytest.param(READY | {"availableReplicas": 0}, False, id="not-available"),
        pytest.param(READY | {"updatedReplicas": 0}, False, id="not-updated"),
        pytest.param(
            READY | {"conditions": [{"type": "Available", "status": "False"}]}, False, id="says-so-itself"
        ),
    ],
)  # fmt: skip
def test_a_deployment_is_ready_when_all_its_pods_are_new_and_available(status: dict[str, Any], *, ready: bool) -> None:
    assert is_ready(deployment(**status)) == ready


@pytest.mark.parametrize(
    ("given", "said"),
    [
        pytest.param(
            pod(**container(state={"waiting": {"reason": "ImagePullBackOff", "message": "Back-off pulling image"}})),
            "pod app-1: ImagePullBackOff: Back-off pulling image",
            id="image",
        ),
        pytest.param(
            pod(
                **container(
                    state={"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 10s"}},
                    lastState={"terminated": {"exitCode": 2, "reason": "Error"}},
                )
            ),
            "pod app-1: CrashLoopBackOff: back-off 10s (it ended with exit code 2: Error)",
            id="crash",
        ),
        pytest.param(
            pod(
                phase="Pending",
                conditions=[
                    {
                        "type": "PodScheduled",
                        "status": "False",
                        "reason": "Unschedulable",
                        "message": "0/3 nodes are available",
                    }
                ],
            ),
            "pod app-1: Unschedulable: 0/3 nodes are available",
            id="no-node",
        ),
        pytest.param(
            pod(**container(state={"running": {}})),
            "pod app-1: runs, and its readiness probe does not answer yet",
            id="probe",
        ),
        pytest.param(
            pod(phase="Failed", reason="Evicted", message="low on memory"),
            "pod app-1: Evicted: low on memory",
            id="gone",
        ),
        pytest.param(pod(**container(state={"waiting": {"reason": "ContainerCreating"}})), "", id="just-begun"),
        pytest.param(pod(phase="Running"), "", id="nothing-to-say"),
    ],
)
def test_a_pod_says_what_it_waits_for(given: dict[str, Any], said: str) -> None:
    assert explain_pod(given) == said


def test_a_quota_is_named_though_there_is_no_pod() -> None:
    failure = {
        "type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": "exceeded quota: pods=0",
    }  # fmt: skip
    found = explain(cast("Cluster", FakeCluster()), deployment(**READY, conditions=[failure]))
    assert found == "FailedCreate: exceeded quota: pods=0"


def test_the_newest_pod_speaks_for_the_deployment() -> None:
    cluster = FakeCluster()
    for name, created, reason in (("old", "2026-01-05T10:00:00Z", "Old"), ("new", "2026-01-05T11:00:00Z", "New")):
        cluster.put(PODS, pod(name, created, **container(state={"waiting": {"reason": reason}})))
    assert explain(cast("Cluster", cluster), deployment(observedGeneration=1)) == "pod new: New"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        pytest.param(None, "there is no such Deployment", id="deleted"),
        pytest.param(deployment(), "no controller of the cluster has seen this Deployment yet", id="unseen"),
        pytest.param(deployment(observedGeneration=1), "0 of 1 pods are there", id="no-pods"),
    ],
)
def test_what_can_be_said_without_pods_is_said(given: dict[str, Any] | None, said: str) -> None:
    assert explain(cast("Cluster", FakeCluster()), given) == said


def test_changes_are_told_once_and_the_wait_ends_when_it_is_ready() -> None:
    cluster, said = Waiting({"observedGeneration": 1}, {"observedGeneration": 1}, READY), StringIO()
    assert wait_for(cast("Cluster", cluster), "system", ["app"], Reporter(said), cluster.deadline) == {}
    assert said.getvalue() == (
        "◎ app: no controller of the cluster has seen this Deployment yet\n"
        "◎ app: 0 of 1 pods are there\n"
        "✔ app: deployment ready\n"
    )
    assert cluster.now == 3


def test_what_is_missing_is_named_at_the_deadline() -> None:
    cluster = Waiting()
    with pytest.raises(Failed, match=r"^not ready within --timeout: app: no controller of the cluster has seen this"):
        wait_until_ready(cast("Cluster", cluster), "system", ["app"], Reporter(StringIO()))
    assert 4 <= cluster.now <= 5
