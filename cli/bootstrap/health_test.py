from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from api.names import DEPLOYMENTS, GIT_REPOSITORIES, KUSTOMIZATIONS
from cli.bootstrap.argocd import APPLICATIONS, ArgoPlace
from cli.bootstrap.health import Health
from cli.grammar.session import Failed
from cli.kube.deadline import Deadline
from controllers.golang.duration import SECOND
from testing.cluster import FakeCluster, session_on

NAME = "flux-system"
REVISION = "main@sha1:aa"
READY = {"type": "Ready", "status": "True", "reason": "Succeeded", "message": "stored"}
FAILING = {"type": "Ready", "status": "False", "reason": "GitOperationFailed", "message": "authentication required"}


class Run:
    """Waits on a cluster whose clock goes by itself."""

    def __init__(self, cluster: FakeCluster, health: Health, said: Callable[[], str]) -> None:
        self.cluster, self.health, self.said = cluster, health, said

    def failure(self) -> str:
        with pytest.raises(Failed) as caught:
            self.health.conclude()
        return str(caught.value)


@contextmanager
def run(cluster: FakeCluster, *, seconds: int = 30) -> Iterator[Run]:
    def sleep(pause: float) -> None:
        cluster.now += pause
        if cluster.steps:
            cluster.steps.pop(0)(cluster)

    with session_on(cluster, timeout=seconds * SECOND) as (session, said):
        session._deadline = Deadline(seconds, monotonic=lambda: cluster.now, sleep=sleep)
        yield Run(cluster, Health(session), said.getvalue)


def source(**status: Any) -> dict[str, Any]:
    return {"metadata": {"name": NAME, "namespace": NAME}, "spec": {}, "status": {"observedGeneration": 1} | status}


def stored(revision: str = REVISION) -> dict[str, Any]:
    return source(conditions=[READY], artifact={"revision": revision})


def is_newest(revision: str) -> bool:
    return revision == REVISION


def test_a_source_that_has_the_newest_commit_is_ready() -> None:
    cluster = FakeCluster()
    cluster.put(GIT_REPOSITORIES, source())
    cluster.steps = [lambda now: now.put(GIT_REPOSITORIES, stored())]
    with run(cluster) as waiting:
        waiting.health.wait_for_source(NAME, is_newest)
        waiting.health.conclude()
        assert waiting.said() == (
            '◎ waiting for GitRepository "flux-system/flux-system" to be reconciled\n'
            "◎ GitRepository flux-system/flux-system: it has no condition yet\n"
            "✔ GitRepository reconciled successfully\n"
        )


def test_each_change_of_state_is_told_and_the_last_one_explains_the_failure() -> None:
    cluster = FakeCluster()
    cluster.put(GIT_REPOSITORIES, source(conditions=[FAILING]))
    with run(cluster) as waiting:
        waiting.health.wait_for_source(NAME, is_newest)
        said = waiting.said()
        assert said.count("◎ GitRepository flux-system/flux-system: GitOperationFailed: authentication required\n") == 1
        assert (
            "✗ GitRepository flux-system/flux-system: not ready within --timeout=30s: GitOperationFailed: "
            "authentication required; give it longer with --timeout, or see `tagline events -n flux-system --for "
            "GitRepository/flux-system`\n"
        ) in said
        assert "GitOperationFailed: authentication required" in waiting.failure()
        assert cluster.now < 30, "some time is kept for what else is missing"


@pytest.mark.parametrize(
    ("obj", "said"),
    [
        (stored("main@sha1:old"), "it has main@sha1:old, which is not the newest commit"),
        (source(observedGeneration=0), "its controller has not seen it yet; is its controller running?"),
        (None, "there is no such GitRepository"),
    ],
)
def test_what_is_missing_is_said(obj: dict[str, Any] | None, said: str) -> None:
    cluster = FakeCluster()
    if obj:
        cluster.put(GIT_REPOSITORIES, obj)
    with run(cluster) as waiting:
        waiting.health.wait_for_source(NAME, is_newest)
        assert said in waiting.said()
        assert "deadline exceeded" not in waiting.failure()


@pytest.mark.parametrize(
    ("obj", "said"),
    [
        (source(conditions=[{"type": "Stalled", "status": "True", "reason": "URLInvalid"}]), "URLInvalid"),
        (source() | {"spec": {"suspend": True}}, "it is suspended"),
    ],
)  # fmt: skip
def test_what_will_never_be_ready_is_not_waited_for(obj: dict[str, Any], said: str) -> None:
    cluster = FakeCluster()
    cluster.put(GIT_REPOSITORIES, obj)
    with run(cluster) as waiting:
        waiting.health.wait_for_source(NAME, is_newest)
        assert said in waiting.said()
        assert cluster.now == 0


def test_a_kustomization_has_to_have_applied_the_newest_commit() -> None:
    cluster = FakeCluster()
    cluster.put(KUSTOMIZATIONS, source(conditions=[READY], lastAppliedRevision="main@sha1:old"))
    with run(cluster) as waiting:
        waiting.health.wait_for_kustomization(NAME, is_newest)
        assert "it has applied main@sha1:old" in waiting.said()
    cluster.put(KUSTOMIZATIONS, source(conditions=[READY], lastAppliedRevision=REVISION))
    with run(cluster) as waiting:
        waiting.health.wait_for_kustomization(NAME, is_newest)
        waiting.health.conclude()


@pytest.mark.parametrize(
    ("status", "said"),
    [
        ({"sync": {"status": "Synced", "revision": "aa"}, "health": {"status": "Healthy"}}, ""),
        ({"sync": {"status": "Synced", "revision": "bb"}, "health": {"status": "Healthy"}}, "not the newest commit"),
        ({"sync": {"status": "OutOfSync"}, "operationState": {"message": "no rights"}}, "it is OutOfSync: no rights"),
        ({"sync": {"status": "Synced", "revision": "aa"}, "health": {"status": "Degraded"}}, "it is Degraded"),
        ({"sync": {"status": "Unknown"}, "conditions": [{"type": "SyncError", "message": "m"}]}, "SyncError: m"),
        ({}, "its controller has not seen it yet"),
    ],
)  # fmt: skip
def test_an_application_has_to_be_synced_and_healthy(status: dict[str, Any], said: str) -> None:
    cluster = FakeCluster()
    app = {"metadata": {"name": NAME, "namespace": "argocd"}, "spec": {}, "status": status}
    cluster.put(APPLICATIONS, app)
    with run(cluster) as waiting:
        waiting.health.wait_for_application(ArgoPlace(), NAME, lambda commit: commit == "aa")
        if said:
            assert said in waiting.failure()
        else:
            waiting.health.conclude()


def deployment(name: str, *, ready: bool) -> dict[str, Any]:
    counts = dict.fromkeys(("replicas", "updatedReplicas", "availableReplicas"), 1)
    return {
        "metadata": {"name": name, "namespace": NAME},
        "spec": {"replicas": 1, "selector": {"matchLabels": {"app": name}}},
        "status": {"observedGeneration": 1} | (counts if ready else {}),
    }


def test_components_that_are_not_ready_are_told_with_what_they_wait_for() -> None:
    cluster = FakeCluster()
    cluster.put(DEPLOYMENTS, deployment("good", ready=True))
    cluster.put(DEPLOYMENTS, deployment("slow", ready=False))
    with run(cluster) as waiting:
        waiting.health.confirm_components({"slow": NAME, "good": NAME, "gone": NAME})
        said = waiting.said()
        assert said.startswith("► confirming components are healthy\n✔ good: deployment ready\n")
        assert "✗ gone: deployment not ready: there is no such Deployment\n" in said
        assert "✗ slow: deployment not ready: 0 of 1 pods are there\n" in said
        assert "all components are healthy" not in said
        assert (
            "bootstrap failed with 1 health check failure(s): not ready within --timeout=30s: gone: "
            in waiting.failure()
        )


@pytest.mark.parametrize("odd", ["text", 7, [1], {"a": 1}, None])
def test_whatever_stands_in_a_status_is_told_and_no_fault(odd: Any) -> None:
    cluster = FakeCluster()
    cluster.put(GIT_REPOSITORIES, source(conditions=odd, artifact=odd, observedGeneration=odd))
    cluster.put(APPLICATIONS, {"metadata": {"name": NAME, "namespace": "argocd"}, "spec": odd, "status": {"sync": odd}})
    with run(cluster, seconds=2) as waiting:
        waiting.health.wait_for_source(NAME, is_newest)
        waiting.health.wait_for_application(ArgoPlace(), NAME, is_newest)
        assert "2 health check failure(s)" in waiting.failure()
