"""Waits until Deployments are ready, and says what they wait for."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from api.names import DEPLOYMENTS, PODS
from cli.grammar.session import Failed, Reporter

if TYPE_CHECKING:
    from cli.kube.client import Cluster
    from cli.kube.deadline import Deadline

POLL_SECONDS: Final = 1.0
"""Between looks at Deployments, and at their pods, where they fail."""


def is_ready(deployment: Mapping[str, Any]) -> bool:
    """Return whether all pods that a Deployment wants are of its newest template and available.

    https://github.com/kubernetes-sigs/cli-utils/blob/master/pkg/kstatus/README.md
    """
    spec, status = deployment["spec"], deployment.get("status") or {}
    wanted = spec.get("replicas", 1)
    conditions = {one["type"]: one for one in status.get("conditions") or ()}
    return bool(
        status.get("observedGeneration", 0) >= deployment["metadata"].get("generation", 1)
        and status.get("updatedReplicas", 0) >= wanted
        and status.get("replicas", 0) <= max(wanted, status.get("updatedReplicas", 0))
        and status.get("availableReplicas", 0) >= wanted
        and conditions.get("Progressing", {}).get("reason") != "ProgressDeadlineExceeded"
        and conditions.get("Available", {}).get("status", "True") == "True"
    )


def wait_until_ready(cluster: "Cluster", namespace: str, names: Sequence[str], report: Reporter) -> None:
    """Return when all Deployments are ready. Raises Failed at the deadline, with what is missing."""
    reasons = wait_for(cluster, namespace, names, report, cluster.deadline)
    if reasons:
        missing = "; ".join(f"{name}: {reason}" for name, reason in reasons.items())
        raise Failed(
            f"not ready within --timeout: {missing}. All objects are applied: run `tagline check` later, or repeat "
            "with a longer --timeout"
        )


def wait_for(
    cluster: "Cluster", namespace: str, names: Sequence[str], report: Reporter, until: "Deadline"
) -> dict[str, str]:
    """Return what Deployments still wait for at the deadline, by their names; empty as soon as all are ready.

    Prints each that is ready, and what the others wait for whenever that changes.
    """
    waiting, said = list(names), dict.fromkeys(names, "")
    while True:
        found = {one["metadata"]["name"]: one for one in cluster.list(DEPLOYMENTS, namespace)}
        for name in [name for name in waiting if name in found and is_ready(found[name])]:
            waiting.remove(name)
            report.success(f"{name}: deployment ready")
        if not waiting:
            return {}
        reasons = {name: explain(cluster, found.get(name)) for name in waiting}
        for name, reason in reasons.items():
            if reason != said[name]:
                report.waiting(f"{name}: {reason}")
        said = reasons
        if not until.allows(POLL_SECONDS):
            return reasons
        until.sleep(POLL_SECONDS)


def explain(cluster: "Cluster", deployment: Mapping[str, Any] | None) -> str:
    """Return why a Deployment is not ready: what its pods or their place wait for, or how many there are."""
    if deployment is None:
        return "there is no such Deployment"
    status = deployment.get("status") or {}
    for condition in status.get("conditions") or ():
        # A quota, an admission webhook or a missing ServiceAccount: there is no pod to ask.
        if condition["type"] == "ReplicaFailure" and condition["status"] == "True":
            return f"{condition.get('reason', '')}: {condition.get('message', '')}"
    labels = ",".join(f"{key}={value}" for key, value in deployment["spec"]["selector"].get("matchLabels", {}).items())
    pods = list(cluster.list(PODS, deployment["metadata"]["namespace"], labels=labels))
    newest_first = sorted(pods, key=lambda pod: pod["metadata"].get("creationTimestamp", ""), reverse=True)
    for reason in filter(None, map(explain_pod, newest_first)):
        return reason
    wanted = deployment["spec"].get("replicas", 1)
    if status.get("observedGeneration", 0) < deployment["metadata"].get("generation", 1):
        return "no controller of the cluster has seen this Deployment yet"
    if not pods and wanted:
        return f"0 of {wanted} pods are there"
    return f"{status.get('availableReplicas', 0)} of {wanted} pods are available"


def explain_pod(pod: Mapping[str, Any]) -> str:
    """Return what a pod waits for, in the words of scheduler and kubelet; empty for nothing that they speak of."""
    name, status = pod["metadata"]["name"], pod.get("status") or {}
    statuses = [*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())]
    for reason in filter(None, map(_explain_container, statuses)):
        return f"pod {name}: {reason}"
    for condition in status.get("conditions") or ():
        if condition["type"] == "PodScheduled" and condition["status"] == "False":
            return f"pod {name}: {_join(condition)}"
    if status.get("phase") == "Failed":
        return f"pod {name}: {_join(status) or 'failed'}"
    return ""


def _explain_container(status: Mapping[str, Any]) -> str:
    state = status.get("state") or {}
    waiting = state.get("waiting")
    if waiting and waiting.get("reason") not in ("ContainerCreating", "PodInitializing"):
        last = (status.get("lastState") or {}).get("terminated") or {}
        ended = f" (it ended with exit code {last['exitCode']}: {_join(last)})" if "exitCode" in last else ""
        return f"{_join(waiting)}{ended}"
    if "running" in state and not status.get("ready"):
        return "runs, and its readiness probe does not answer yet"
    return ""


def _join(said: Mapping[str, Any]) -> str:
    return ": ".join(str(part) for part in (said.get("reason"), said.get("message")) if part)
