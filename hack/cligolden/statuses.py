"""The script that stands for the controllers while `bootstrap git` waits: it sets statuses ready."""

import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Self

from hack.cligolden.kube import Api, NotFound, Object
from hack.cligolden.outcome import NotPlayed

POLL_SECONDS = 0.2
PREFIX = "statuses set ready by a script: "
WHEN = "2026-01-05T11:00:00Z"
NAMES = {"GitRepository": "GitRepository", "Kustomization": "Kustomization", "Deployments": "Deployment"}


def statuses_of(text: str) -> tuple[str, ...]:
    """Return the kinds that a recording's `controllers` names. Raises NotPlayed when it says something else."""
    if not text:
        return ()
    names = text.removeprefix(PREFIX).split(", ")
    if not text.startswith(PREFIX) or any(name not in NAMES for name in names):
        raise NotPlayed(f"no way is known to play these controllers: {text}")
    return tuple(NAMES[name] for name in names)


class Statuses:
    """Sets statuses in a thread while the context lasts. tip: returns branch and commit, "" while there is none."""

    def __init__(self, api: Api, kinds: Sequence[str], namespace: str, tip: Callable[[], tuple[str, str]]) -> None:
        self.error = ""
        self._api, self._kinds, self._namespace, self._tip = api, kinds, namespace, tip
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()

    def _run(self) -> None:
        try:
            while not self._end.wait(POLL_SECONDS):
                for kind in self._kinds:
                    self._set(kind)
        except Exception as error:  # the thread's end is told by who started it
            self.error = f"{type(error).__name__}: {error}"

    def _set(self, kind: str) -> None:
        branch, head = self._tip()
        for item in self._api.list(kind, self._namespace):
            status = ready_status(kind, item, f"{branch}@sha1:{head}")
            if all((item.get("status") or {}).get(key) == value for key, value in status.items()):
                continue
            with suppress(NotFound):  # deleted in between
                self._api.write_status(kind, self._namespace, item["metadata"]["name"], status)


def ready_status(kind: str, item: Object, revision: str) -> dict[str, Any]:
    """Return the status of an object that its controller has brought to a revision."""
    generation = item["metadata"]["generation"]
    status: dict[str, Any] = {"observedGeneration": generation}
    if kind == "Deployment":
        replicas = item["spec"].get("replicas", 1)
        numbers = ("replicas", "updatedReplicas", "readyReplicas", "availableReplicas")
        conditions = [
            _condition("Available", "MinimumReplicasAvailable"),
            _condition("Progressing", "NewReplicaSetAvailable"),
        ]
        return status | dict.fromkeys(numbers, replicas) | {"conditions": conditions}
    status["conditions"] = [_condition("Ready", "Succeeded") | {"observedGeneration": generation}]
    if kind == "Kustomization":
        return status | {"lastAttemptedRevision": revision, "lastAppliedRevision": revision}
    artifact = {
        "revision": revision,
        "path": "gitrepository/artifact.tar.gz",
        "url": "http://source-controller/gitrepository/artifact.tar.gz",
        "digest": f"sha256:{'0' * 64}",
        "lastUpdateTime": WHEN,
    }
    return status | {"artifact": artifact}


def _condition(type: str, reason: str) -> dict[str, Any]:
    return {"type": type, "status": "True", "reason": reason, "message": "ready", "lastTransitionTime": WHEN}
