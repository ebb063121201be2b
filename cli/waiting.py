"""Waits until an object has been reconciled: watches it, tells each change of its state, and ends once it is known.

An object is settled when its controller has seen the present generation and says neither Reconciling nor Stalled, as
`kstatus` has it (https://github.com/kubernetes-sigs/cli-utils/tree/master/pkg/kstatus).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum, auto
from typing import TypeAlias

from api.names import DEPENDENCY_NOT_READY, FALSE, READY, RECONCILING, STALLED, TRUE
from cli.grammar.session import Failed, Session
from cli.kinds.kind import CliKind, Object, condition, status


class Progress(Enum):
    """How far an object is."""

    PENDING = auto()
    DONE = auto()
    FAILED = auto()


@dataclass(frozen=True, slots=True)
class State:
    """What an object says of itself."""

    progress: Progress
    reason: str = ""
    message: str = ""


Judge: TypeAlias = Callable[[Object], State]


class NotReconciled(Failed):
    """An object failed, or was not done in time. `why` is its message, or what it was last seen doing."""

    def __init__(self, text: str, why: str) -> None:
        super().__init__(text)
        self.why = why


def judge(obj: Object) -> State:
    """Return the state of an object as of its present generation."""
    generation = obj["metadata"].get("generation", 0)
    if status(obj).get("observedGeneration", 0) < generation:
        return State(Progress.PENDING, "", "its controller has not seen it yet")
    stalled, reconciling, ready = (_of_generation(obj, one, generation) for one in (STALLED, RECONCILING, READY))
    if stalled is not None and stalled["status"] == TRUE:
        return _state(Progress.FAILED, stalled)
    if ready is None:
        return _state(Progress.PENDING, reconciling)
    if ready["status"] == FALSE:
        waits = ready.get("reason") == DEPENDENCY_NOT_READY
        return _state(Progress.PENDING if waits else Progress.FAILED, ready)
    if ready["status"] != TRUE or (reconciling is not None and reconciling["status"] == TRUE):
        return _state(Progress.PENDING, reconciling or ready)
    return _state(Progress.DONE, ready)


def judge_after(before: str) -> Judge:
    """Return what judges an object once a request has been handled. before: the last one handled until now."""

    def after(obj: Object) -> State:
        if status(obj).get("lastHandledReconcileAt", "") == before:
            return State(Progress.PENDING, "", "its controller has not handled the request yet")
        return judge(obj)

    return after


def wait_for(session: Session, kind: CliKind, obj: Object, *, judge: Judge = judge) -> Object:
    """Return the object once it is done; obj: as it is now. Raises NotReconciled, and ApiError of the API server."""
    shown = state = judge(obj)
    for seen in _versions(session, kind, obj):
        obj, state = seen, judge(seen)
        if state.progress is Progress.DONE:
            return obj
        if state.progress is Progress.FAILED:
            raise NotReconciled(state.message or state.reason, state.message)
        if state != shown:
            session.report.waiting(f"{kind.kind} {obj['metadata']['name']}: {_describe(state)}")
            shown = state
    raise _too_late(session, kind, obj, state)


def wait_until_ready(session: Session, kind: CliKind, namespace: str, name: str) -> Object:
    """Return the object once it is ready; see `wait_for`."""
    return wait_for(session, kind, session.cluster.get(kind.resource, namespace, name))


def _versions(session: Session, kind: CliKind, obj: Object) -> Iterator[Object]:
    """Yield the object as it is, and each later version until the deadline. Raises Failed when it is deleted."""
    from cli.kube.deadline import TimedOut  # noqa: PLC0415
    from controllers.runtime.kube.errors import Gone  # noqa: PLC0415

    meta = obj["metadata"]
    fields = f"metadata.name={meta['name']}"
    while not session.deadline.has_passed():
        yield obj
        try:
            for event, seen in session.cluster.watch(
                kind.resource,
                meta["namespace"],
                fields=fields,
                resource_version=obj["metadata"]["resourceVersion"],
                timeout=session.deadline.remaining() or 0.0,
            ):
                if event == "DELETED":
                    raise Failed(f"{kind.kind} {meta['name']} was deleted meanwhile")
                obj = seen
                yield obj
        except TimedOut:
            return
        except Gone:
            obj = session.cluster.get(kind.resource, meta["namespace"], meta["name"])


def _of_generation(obj: Object, type: str, generation: int) -> Object | None:
    """Return a condition unless it speaks of an earlier generation."""
    found = condition(obj, type)
    return found if found is not None and found.get("observedGeneration", generation) >= generation else None


def _state(progress: Progress, found: Object | None) -> State:
    return State(progress, str((found or {}).get("reason", "")), str((found or {}).get("message", "")))


def _describe(state: State) -> str:
    return ": ".join(text for text in (state.reason, state.message) if text) or "it has no condition yet"


def _too_late(session: Session, kind: CliKind, obj: Object, state: State) -> NotReconciled:
    meta, doing = obj["metadata"], _describe(state)
    seconds = f"{session.timeout_seconds:g}s"
    if not status(obj).get("observedGeneration"):
        advice = f"is its controller running? See `{session.program} check`"
    else:
        events = f"events -n {meta['namespace']} --for {kind.kind}/{meta['name']}"
        advice = f"give it longer with --timeout, or see `{session.program} {events}`"
    why = f"not done within --timeout={seconds}: {doing}"
    return NotReconciled(f"{kind.kind} {meta['name']} is {why}; {advice}", why)
