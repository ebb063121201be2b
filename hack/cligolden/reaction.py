"""What a controller does while a command waits: it writes a recorded status once something has happened."""

import threading
from typing import Any, Self

from hack.cligolden.cases import Reaction
from hack.cligolden.kube import Api, Object

POLL_SECONDS = 0.03
DELAY_SECONDS = 0.3
REQUESTED_AT = "reconcile.fluxcd.io/requestedAt"


class Reacting:
    """Watches from its beginning to its end, in a thread; use as a context manager. error: what went wrong."""

    def __init__(self, api: Api, reaction: Reaction) -> None:
        self.error = ""
        self._api, self._reaction = api, reaction
        self._before = self._get()
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
                stored = self._get()
                if stored and is_due(self._reaction.when, self._before, stored):
                    if not self._end.wait(DELAY_SECONDS):
                        self._write()
                    return
        except Exception as error:  # the thread's end is told by who started it
            self.error = f"{type(error).__name__}: {error}"

    def _write(self) -> None:
        stored = self._get()
        if stored:
            status = filled(self._reaction.status, stored)
            self._api.write_status(self._reaction.kind, self._reaction.namespace, self._reaction.name, status)

    def _get(self) -> Object | None:
        return self._api.get(self._reaction.kind, self._reaction.namespace, self._reaction.name)


def is_due(when: str, before: Object | None, now: Object) -> bool:
    """Return True once an object, which was as `before` says, has become what the reaction waits for."""
    generation = before["metadata"]["generation"] if before else 0
    risen = now["metadata"]["generation"] > generation
    match when:
        case "created":
            return True
        case "updated":
            return bool(risen)
        case "resumed":
            return bool(risen) and now["spec"].get("suspend") is not True
        case _:
            return requested_at(now) not in (None, requested_at(before))


def requested_at(item: Object | None) -> str | None:
    """Return the token of the last request to reconcile an object."""
    found = ((item or {}).get("metadata", {}).get("annotations") or {}).get(REQUESTED_AT)
    return None if found is None else str(found)


def filled(value: Any, item: Object) -> Any:
    """Return a recorded status with `<generation>` and `<requestedAt>` filled in."""
    if isinstance(value, dict):
        return {key: filled(inner, item) for key, inner in value.items()}
    if isinstance(value, list):
        return [filled(inner, item) for inner in value]
    match value:
        case "<generation>":
            return item["metadata"]["generation"]
        case "<requestedAt>":
            return requested_at(item) or ""
    return value
