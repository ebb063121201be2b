"""A Deployment of ours as its operator and its kernel see it: pods, restarts, processes."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from e2e import metrics
from e2e.cluster import condition, eventually
from hack.controllers import NAMESPACE, Kubectl
from hack.env.node import Node, cgroups

READY_SECONDS = 120


@dataclass(frozen=True, slots=True)
class Workload:
    """One Deployment in our namespace, whose pods run on `node`."""

    kubectl: Kubectl
    node: Node
    name: str

    def pods(self) -> list[dict[str, Any]]:
        """Return its pods, oldest first; not those that are on their way out or were evicted."""
        listed = self.kubectl("get", "pods", "-n", NAMESPACE, "-l", f"app={self.name}", "-o", "json").stdout
        pods = [pod for pod in json.loads(listed)["items"] if is_wanted(pod)]
        return sorted(pods, key=lambda pod: str(pod["metadata"]["creationTimestamp"]))

    def ready_pods(self) -> list[dict[str, Any]]:
        """Return those that are ready."""
        return [pod for pod in self.pods() if condition(pod, "Ready").get("status") == "True"]

    def wait_ready(self, count: int = 1, *, seconds: float = READY_SECONDS) -> list[dict[str, Any]]:
        """Return its pods once there are so many, all of them ready."""

        def probe() -> list[dict[str, Any]]:
            pods = self.pods()
            return pods if len(pods) == count and len(self.ready_pods()) == count else []

        return eventually(probe, what=f"{count} ready pods of {self.name}", seconds=seconds)

    def restarts(self) -> int:
        """Return how often containers of its pods were started again."""
        return sum(status["restartCount"] for pod in self.pods() for status in pod["status"]["containerStatuses"])

    def last_end(self) -> dict[str, Any]:
        """Return how the container of its only pod ended last (reason, exitCode); empty if it never did."""
        (pod,) = self.pods()
        ended = pod["status"]["containerStatuses"][0].get("lastState", {}).get("terminated", {})
        return dict(ended)

    def leader(self) -> str:
        """Return the name of the pod that holds the lease; empty when none does."""
        lease = self.kubectl("get", "lease", f"{self.name}-leader-election", "-n", NAMESPACE, "-o", "json").stdout
        return str(json.loads(lease)["spec"].get("holderIdentity") or "").partition("_")[0]

    def evicted(self) -> list[str]:
        """Return why the kubelet has evicted pods of it.

        The condition says so always. The status has reason `Evicted` only where the process had to be killed: one that
        ends in time leaves a pod that has `Succeeded`.
        """
        listed = self.kubectl("get", "pods", "-n", NAMESPACE, "-l", f"app={self.name}", "-o", "json").stdout
        targets = [condition(pod, "DisruptionTarget") for pod in json.loads(listed)["items"]]
        return [target["message"] for target in targets if target.get("reason") == "TerminationByKubelet"]

    def spec(self) -> dict[str, Any]:
        """Return the Deployment's spec."""
        read = self.kubectl("get", "deployment", self.name, "-n", NAMESPACE, "-o", "json").stdout
        return dict(json.loads(read)["spec"])

    def replace(self, spec: Mapping[str, Any]) -> None:
        """Put another spec in place of the whole."""
        change = json.dumps([{"op": "replace", "path": "/spec", "value": spec}])
        self.kubectl("patch", "deployment", self.name, "-n", NAMESPACE, "--type=json", "-p", change)

    def leaders(self) -> list[str]:
        """Return the names of the pods that say that they lead."""
        return [pod["metadata"]["name"] for pod in self.pods() if says_that_it_leads(pod)]

    def patch(self, spec: Mapping[str, Any]) -> None:
        """Merge a change into the Deployment's spec, lists by their names."""
        change = json.dumps({"spec": spec})
        self.kubectl("patch", "deployment", self.name, "-n", NAMESPACE, "--type=strategic", "-p", change)

    def patch_container(self, **change: Any) -> None:
        """Merge a change into its container."""
        self.patch({"template": {"spec": {"containers": [{"name": "manager", **change}]}}})

    def waiting(self) -> dict[str, str]:
        """Return, by reason, what keeps its pods waiting, in the words of kubelet and scheduler."""
        out = {}
        for pod in self.pods():
            scheduled = condition(pod, "PodScheduled")
            if scheduled.get("status") == "False":
                out[scheduled["reason"]] = scheduled["message"]
            for status in pod["status"].get("containerStatuses", []):
                reason = status["state"].get("waiting")
                if reason:
                    out[reason["reason"]] = reason.get("message", "")
        return out


def is_wanted(pod: Mapping[str, Any]) -> bool:
    """Return False for a pod that is on its way out, or has come to its end."""
    return "deletionTimestamp" not in pod["metadata"] and pod["status"].get("phase") not in ("Failed", "Succeeded")


def says_that_it_leads(pod: Mapping[str, Any]) -> bool:
    """Return what the metrics of a pod say; False when it does not answer."""
    try:
        return metrics.total(f"http://{pod['status']['podIP']}:8080", "leader_election_master_status") == 1
    except (KeyError, httpx.HTTPError):
        return False


def container_id(pod: Mapping[str, Any]) -> str:
    """Return the id of a pod's only container."""
    return str(pod["status"]["containerStatuses"][0]["containerID"]).removeprefix("containerd://")


def pids(node: Node, pod: Mapping[str, Any]) -> list[int]:
    """Return the processes of a pod's only container as this machine numbers them, the first one first."""
    for tree in cgroups.existing(node.cgroup):
        for group in tree.rglob(container_id(pod)):
            if found := sorted(map(int, (group / "cgroup.procs").read_text().split())):
                return found
    return []


def status_of(pid: int) -> dict[str, str]:
    """Return the fields of proc_pid_status(5)."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}
