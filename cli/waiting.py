"""Waits until an object has been reconciled: watches it, tells each change of its state, and ends once it is known.

An object is settled when its controller has seen the present generation and says neither Reconciling nor Stalled, as
`kstatus` has it (https://github.com/kubernetes-sigs/cli-utils/tree/master/pkg/kstatus).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final, TypeAlias

from api.names import DEPENDENCY_NOT_READY, FALSE, READY, RECONCILING, STALLED, TRUE
from cli.fields import field, number, text
from cli.grammar.session import Failed, Session
from cli.kinds.kind import CliKind, Object, condition


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
NO_JUDGES: Final[Mapping[str, Judge]] = {}
_GONE: Final = "deleted meanwhile"
NO_LIMIT: Final = 86_400.0
"""Seconds that stand for a watch without an end."""


class NotReconciled(Failed):
    """An object failed, or was not done in time. `why` is its message, or what it was last seen doing."""

    def __init__(self, text: str, why: str) -> None:
        super().__init__(text)
        self.why = why


def judge(obj: Object) -> State:
    """Return the state of an object as of its present generation."""
    generation = number(obj, "metadata", "generation")
    if number(obj, "status", "observedGeneration") < generation:
        return State(Progress.PENDING, "", "its controller has not seen it yet")
    stalled, reconciling, ready = (_of_generation(obj, one, generation) for one in (STALLED, RECONCILING, READY))
    if text(stalled, "status") == TRUE:
        return _state(Progress.FAILED, stalled)
    if ready is None:
        return _state(Progress.PENDING, reconciling)
    if text(ready, "status") == FALSE:
        waits = text(ready, "reason") == DEPENDENCY_NOT_READY
        return _state(Progress.PENDING if waits else Progress.FAILED, ready)
    if text(ready, "status") != TRUE or text(reconciling, "status") == TRUE:
        return _state(Progress.PENDING, reconciling or ready)
    return _state(Progress.DONE, ready)


_judge = judge


def judge_after(before: str) -> Judge:
    """Return what judges an object once a request has been handled. before: the last one handled until now."""

    def after(obj: Object) -> State:
        if text(obj, "status", "lastHandledReconcileAt") == before:
            return State(Progress.PENDING, "", "its controller has not handled the request yet")
        return judge(obj)

    return after


@dataclass(frozen=True, slots=True)
class Result:
    """How the waiting for one object has ended."""

    obj: Object
    """As it was last seen."""
    error: NotReconciled | None = None

    @property
    def name(self) -> str:
        """The object's name."""
        return _name(self.obj)


def wait_for(session: Session, kind: CliKind, obj: Object, *, judge: Judge = judge) -> Object:
    """Return the object once it is done; obj: as it is now. Raises NotReconciled, and ApiError of the API server."""
    (result,) = wait_for_each(session, kind, [obj], judge={_name(obj): judge})
    if result.error is not None:
        raise result.error
    return result.obj


def wait_for_each(
    session: Session, kind: CliKind, objects: Sequence[Object], *, judge: Mapping[str, Judge] = NO_JUDGES
) -> Iterator[Result]:
    """Yield how each of these objects of one namespace ends, as it ends; at the deadline those that are left.

    objects: as they are now. judge: by name, for those that `judge` is not for. Raises ApiError of the API server.
    """
    waiting = {_name(obj): _Waiting(obj, judge.get(_name(obj), _judge)) for obj in objects}
    for name in sorted(waiting):
        yield from _settle(session, kind, waiting, name, waiting[name].obj)
    for name, changed in _changes(session, kind, waiting):
        if changed is None:
            yield Result(waiting.pop(name).obj, NotReconciled(f"{kind.kind} {name} was {_GONE}", f"it was {_GONE}"))
        else:
            yield from _settle(session, kind, waiting, name, changed)
    for name in sorted(waiting):
        one = waiting[name]
        yield Result(one.obj, _too_late(session, kind, one.obj, one.judge(one.obj)))


@dataclass(slots=True)
class _Waiting:
    """An object that is not done yet. shown: the state that was told last."""

    obj: Object
    judge: Judge
    shown: State | None = None


def _settle(session: Session, kind: CliKind, waiting: dict[str, _Waiting], name: str, obj: Object) -> Iterator[Result]:
    """Take a version of an object; yield its result if it has one."""
    one = waiting[name]
    one.obj, state = obj, one.judge(obj)
    if state.progress is Progress.PENDING:
        if one.shown is not None and state != one.shown:
            session.report.waiting(f"{kind.kind} {name}: {_describe(state)}")
        one.shown = state
        return
    del waiting[name]
    failed = state.progress is Progress.FAILED
    yield Result(obj, NotReconciled(state.message or state.reason, state.message) if failed else None)


_Change: TypeAlias = tuple[str, Object | None]
"""A name and the object's new version, None for one that is gone."""


def _changes(session: Session, kind: CliKind, waiting: Mapping[str, _Waiting]) -> Iterator[_Change]:
    """Yield what becomes of those that are waited for, until none is, or the deadline."""
    from cli.kube.deadline import TimedOut  # noqa: PLC0415
    from controllers.runtime.kube.errors import Gone  # noqa: PLC0415

    while waiting and not session.deadline.has_passed():
        try:
            yield from _watch(session, kind, waiting)
        except TimedOut:
            return
        except Gone:
            continue


def _watch(session: Session, kind: CliKind, waiting: Mapping[str, _Waiting]) -> Iterator[_Change]:
    namespace = next(iter(waiting.values())).obj["metadata"]["namespace"]
    fields = f"metadata.name={next(iter(waiting))}" if len(waiting) == 1 else ""
    listed, version = session.cluster.list_versioned(kind.resource, namespace, fields=fields)
    there = {_name(obj): obj for obj in listed}
    for name in list(waiting):
        yield name, there.get(name)
    if not waiting:
        return
    left = session.deadline.remaining()
    events = session.cluster.watch(
        kind.resource, namespace, fields=fields, resource_version=version, timeout=NO_LIMIT if left is None else left
    )
    with closing(events):
        for event, obj in events:
            if _name(obj) not in waiting:
                continue
            yield _name(obj), None if event == "DELETED" else obj
            if not waiting:
                return


def _name(obj: Object) -> str:
    return str(obj["metadata"]["name"])


def _of_generation(obj: Object, type: str, generation: int) -> Object | None:
    """Return a condition unless it speaks of an earlier generation."""
    found = condition(obj, type)
    if found is None or not field(found, "observedGeneration"):
        return found
    return found if number(found, "observedGeneration") >= generation else None


def _state(progress: Progress, found: Object | None) -> State:
    return State(progress, text(found, "reason"), text(found, "message"))


def _describe(state: State) -> str:
    return ": ".join(part for part in (state.reason, state.message) if part) or "it has no condition yet"


def _too_late(session: Session, kind: CliKind, obj: Object, state: State) -> NotReconciled:
    meta, doing = obj["metadata"], _describe(state)
    seconds = f"{session.timeout_seconds:g}s"
    if not number(obj, "status", "observedGeneration"):
        advice = f"is its controller running? See `{session.program} check`"
    else:
        events = f"events -n {meta['namespace']} --for {kind.kind}/{meta['name']}"
        advice = f"give it longer with --timeout, or see `{session.program} {events}`"
    why = f"not done within --timeout={seconds}: {doing}"
    return NotReconciled(f"{why}; {advice}", why)
