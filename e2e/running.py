"""The three controllers as tests drive and read them, be they processes of this machine or pods of a cluster."""

import json
from collections.abc import Mapping
from typing import Any, Protocol

import httpx

from e2e import metrics
from e2e.cluster import condition, eventually
from e2e.kubeapi import KubeApi
from hack.controllers import KINDS, NAMESPACE, Kubectl

METRICS_PORT, HEALTH_PORT = 8080, 9440
START_SECONDS, STOP_SECONDS = 120, 60
MIB = 1 << 20
CONTAINER = "/spec/template/spec/containers/0"


class Running(Protocol):
    """The controllers by kind. Each can be stopped, and started again with further flags."""

    @property
    def metrics(self) -> Mapping[str, str]:
        """Where each says what it measures: the URL without `/metrics`."""

    @property
    def health(self) -> Mapping[str, str]:
        """Where each is probed: the URL without `/healthz`."""

    def start(self, *kinds: str, flags: tuple[str, ...] = ()) -> None:
        """Start the named kinds (all by default) and return when each is ready."""

    def stop(self, *kinds: str) -> None:
        """Stop the named kinds (all by default) and return when they have ended."""

    def rss_mib(self) -> Mapping[str, float]:
        """Return the resident memory by kind, in MiB."""

    def incarnations(self) -> Mapping[str, str]:
        """Return of each kind that runs a text that is another one once it was started again."""

    def log_text(self, kind: str) -> str:
        """Return what the kind has logged since it was started."""


class Pods:
    """The Deployments of an installation, one pod each.

    Pods are read by way of the API server, since not every cluster lets this machine reach them. To stop a kind is to
    scale its Deployment to none; flags are further arguments of its container.
    """

    def __init__(self, kubectl: Kubectl, api: KubeApi) -> None:
        self._kubectl, self._api = kubectl, api
        self._arguments = {kind: self._container(kind)["args"] for kind in KINDS}

    @property
    def metrics(self) -> Mapping[str, str]:
        """Where each says what it measures."""
        return self._urls(METRICS_PORT)

    @property
    def health(self) -> Mapping[str, str]:
        """Where each is probed."""
        return self._urls(HEALTH_PORT)

    def start(self, *kinds: str, flags: tuple[str, ...] = ()) -> None:
        """Start the named kinds, and return when their pods are ready."""
        for kind in kinds or KINDS:
            arguments = {"op": "replace", "path": f"{CONTAINER}/args", "value": [*self._arguments[kind], *flags]}
            self._patch(kind, arguments, {"op": "replace", "path": "/spec/replicas", "value": 1})
        for kind in kinds or KINDS:
            eventually(lambda kind=kind: self._is_ready(kind), what=f"a pod of {kind}", seconds=START_SECONDS)  # type: ignore[misc]

    def stop(self, *kinds: str) -> None:
        """Stop the named kinds, and return when their pods are gone."""
        for kind in kinds or KINDS:
            self._patch(kind, {"op": "replace", "path": "/spec/replicas", "value": 0})
        for kind in kinds or KINDS:
            eventually(lambda kind=kind: not self._pods(kind), what=f"{kind} to end", seconds=STOP_SECONDS)  # type: ignore[misc]

    def rss_mib(self) -> Mapping[str, float]:
        """Return the resident memory by kind; a pod that does not answer is left out."""
        out = {}
        for kind, url in self.metrics.items():
            try:
                out[kind] = metrics.total(url, "process_resident_memory_bytes") / MIB
            except httpx.HTTPError:
                continue
        return out

    def incarnations(self) -> Mapping[str, str]:
        """Return the pod of each kind that has one, and how often its container was started again."""
        found = {kind: self._pod(kind) for kind in KINDS}
        return {kind: f"{pod['metadata']['uid']} {_restarts(pod)}" for kind, pod in found.items() if pod}

    def log_text(self, kind: str) -> str:
        """Return what the kind's container has logged."""
        return self._kubectl("logs", "-n", NAMESPACE, f"deployment/{kind}-controller", "--tail=-1").stdout

    def _urls(self, port: int) -> Mapping[str, str]:
        found = {kind: self._pod(kind) for kind in KINDS}
        root = f"{self._api.url}/api/v1/namespaces/{NAMESPACE}/pods"
        return {kind: f"{root}/{pod['metadata']['name']}:{port}/proxy" for kind, pod in found.items() if pod}

    def _pod(self, kind: str) -> dict[str, Any]:
        """Return the pod that is to stay; empty for none."""
        wanted = [pod for pod in self._pods(kind) if not pod["metadata"].get("deletionTimestamp")]
        return wanted[0] if wanted else {}

    def _pods(self, kind: str) -> list[dict[str, Any]]:
        return self._api.list("v1", "Pod", namespace=NAMESPACE, label_selector=f"app={kind}-controller")

    def _is_ready(self, kind: str) -> bool:
        """Return whether the only pod has the arguments that the Deployment has by now, and is ready."""
        pods, wanted = self._pods(kind), self._container(kind)["args"]
        return [pod["spec"]["containers"][0]["args"] for pod in pods] == [wanted] and (
            condition(pods[0], "Ready").get("status") == "True"
        )

    def _container(self, kind: str) -> dict[str, Any]:
        read = self._kubectl("get", "deployment", f"{kind}-controller", "-n", NAMESPACE, "-o", "json").stdout
        return dict(json.loads(read)["spec"]["template"]["spec"]["containers"][0])

    def _patch(self, kind: str, *changes: dict[str, Any]) -> None:
        name, text = f"{kind}-controller", json.dumps(changes)
        self._kubectl("patch", "deployment", name, "-n", NAMESPACE, "--type=json", "-p", text)


def _restarts(pod: Mapping[str, Any]) -> int:
    return sum(status["restartCount"] for status in pod["status"].get("containerStatuses", ()))
