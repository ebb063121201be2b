"""What tests do with objects of the cluster: apply, wait, read conditions and events."""

import json
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from api.kinds import EVERY_KIND
from e2e.kubeapi import KubeApi
from hack.controllers import Kubectl

API_VERSION = {kind.resource.kind: kind.resource.api_version for kind in EVERY_KIND}
TEST_TIMEOUT_SECONDS = 20
REQUESTED_AT = "reconcile.fluxcd.io/requestedAt"
CRDS_COME_AND_GO = ("--watch-cache=false",)
"""Flags of an API server whose CRDs are deleted and made again.

Its watch cache of a CRD is built anew each time, and whoever asks for objects meanwhile is refused; the controller that
deletes a CRD asks again later and later then, after minutes in the end.
"""

T = TypeVar("T")


def eventually(probe: Callable[[], T], *, what: str, seconds: float = TEST_TIMEOUT_SECONDS) -> T:
    """Return the first truthy result of `probe`; fail with `what` and the last result at the deadline."""
    deadline = time.monotonic() + seconds
    while True:
        found = probe()
        if found:
            return found
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {seconds:.0f} s in vain for {what}; last: {found!r}")
        time.sleep(0.05)


@dataclass(frozen=True, slots=True)
class Space:
    """One namespace of the cluster, and what a user does in it with kubectl."""

    kubectl: Kubectl
    api: KubeApi
    name: str

    def apply(self, kind: str, name: str, spec: Mapping[str, Any] | None = None, **extra: Any) -> None:
        """Apply one object; `extra` are further top-level fields (type, data, stringData, apiVersion)."""
        document: dict[str, Any] = {
            "apiVersion": API_VERSION.get(kind, "v1"),
            "kind": kind,
            "metadata": {"name": name, "namespace": self.name, "labels": extra.pop("labels", {})},
            **extra,
        }
        if spec is not None:
            document["spec"] = spec
        self.api.apply(document)

    def patch(self, kind: str, name: str, spec: Mapping[str, Any]) -> None:
        """Merge a change into the spec."""
        self._merge(kind, name, {"spec": spec})

    def delete(self, kind: str, name: str) -> None:
        """Delete one object and wait until it is gone."""
        self.kubectl("delete", kind, name, "-n", self.name, "--timeout=20s")

    def request(self, kind: str, name: str) -> str:
        """Ask for a reconcile by annotation; return the token."""
        token = f"{time.time_ns()}"
        self._merge(kind, name, {"metadata": {"annotations": {REQUESTED_AT: token}}})
        return token

    def request_and_wait(self, kind: str, name: str) -> dict[str, Any]:
        """Ask for a reconcile and wait until it was handled."""
        token = self.request(kind, name)
        return self.wait(
            kind, name, lambda o: o["status"].get("lastHandledReconcileAt") == token, what="the request to be handled"
        )

    def get(self, kind: str, name: str) -> dict[str, Any]:
        """Return the object; an empty dict when there is none."""
        return self.api.get(API_VERSION.get(kind, "v1"), kind, namespace=self.name, name=name)

    def wait(
        self,
        kind: str,
        name: str,
        predicate: Callable[[dict[str, Any]], bool],
        *,
        what: str,
        seconds: float = TEST_TIMEOUT_SECONDS,
    ) -> dict[str, Any]:
        """Return the object as soon as `predicate` holds for it; the failure shows its status."""
        last: dict[str, Any] = {}

        def probe() -> bool:
            nonlocal last
            last = self.get(kind, name)
            return bool(last) and predicate(last)

        try:
            eventually(probe, what=what, seconds=seconds)
        except AssertionError as error:
            status = json.dumps(last.get("status"), indent=1)
            raise AssertionError(f"{kind} {name}: {error}\nstatus: {status}") from None
        return last

    def wait_ready(
        self, kind: str, name: str, *, message: str = "", seconds: float = TEST_TIMEOUT_SECONDS
    ) -> dict[str, Any]:
        """Return the object once it is Ready for its present generation (and its message matches the pattern)."""

        def predicate(o: dict[str, Any]) -> bool:
            ready = condition(o, "Ready")
            return (
                ready.get("status") == "True"
                and o["status"].get("observedGeneration") == o["metadata"]["generation"]
                and re.search(message, ready["message"]) is not None
            )

        return self.wait(kind, name, predicate, what=f"Ready=True {message}", seconds=seconds)

    def wait_not_ready(
        self, kind: str, name: str, *, reason: str, message: str = "", seconds: float = TEST_TIMEOUT_SECONDS
    ) -> dict[str, Any]:
        """Return the object once Ready is False for `reason` with a message that matches."""

        def predicate(o: dict[str, Any]) -> bool:
            ready = condition(o, "Ready")
            return (
                ready.get("status") == "False"
                and ready["reason"] == reason
                and re.search(message, ready["message"]) is not None
            )

        return self.wait(kind, name, predicate, what=f"Ready=False {reason} {message}", seconds=seconds)

    def events(self, kind: str, name: str, *, type: str = "", reason: str = "") -> list[dict[str, Any]]:
        """Return the events about one object, oldest first."""
        selector = f"involvedObject.kind={kind},involvedObject.name={name}"
        items = self.api.list("v1", "Event", namespace=self.name, field_selector=selector)
        items.sort(key=lambda e: e["lastTimestamp"] or "")
        return [e for e in items if type in ("", e["type"]) and reason in ("", e["reason"])]

    def wait_event(self, kind: str, name: str, *, type: str, reason: str, message: str) -> dict[str, Any]:
        """Return the first event with this type and reason whose message matches."""

        def probe() -> dict[str, Any] | None:
            found = self.events(kind, name, type=type, reason=reason)
            return next((e for e in found if re.search(message, e["message"])), None)

        found = eventually(probe, what=f"event {type} {reason} {message} of {kind} {name}")
        assert found is not None
        return found

    def _merge(self, kind: str, name: str, change: Mapping[str, Any]) -> None:
        self.api.merge(API_VERSION.get(kind, "v1"), kind, namespace=self.name, name=name, change=change)


def condition(document: Mapping[str, Any], type: str) -> dict[str, Any]:
    """Return the condition of that type; an empty dict when there is none."""
    for found in document.get("status", {}).get("conditions", []):
        if found["type"] == type:
            return dict(found)
    return {}
