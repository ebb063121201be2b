"""One pass over one object: read, run the kind's reconciler, write the status once, record the event.

This is the only place where conditions, `observedGeneration` and `lastHandledReconcileAt` are decided, and the
only writer of a status. The rules are Flux's end-of-run rules, reached in one write instead of a sequence of
patches. Deliberate differences from Flux: a requested run that failed stays requested until a run succeeds; an
object that stalls for a new reason says so; no finalizer is added (Flux's is removed where there is one).

Writes are merge patches of the difference to what was read, with its resourceVersion as precondition. On a conflict
the object is read again and the same facts and outcome are applied to it; facts are never lost, and an outcome
for a spec that has changed meanwhile is dropped, since the next run is already queued. Where a run can be repeated and
the conflict shows that it began with an old status, it is: what it concluded from that status may be wrong.
"""

import logging
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import partial
from random import Random
from typing import Any, Generic, Protocol, TypeVar

import msgspec

from api.names import FAILED, FINALIZER, READY, REQUESTED_AT, STALLED, SUCCEEDED
from api.resource import Resource
from controllers.clock import Clock
from controllers.net.foreign_text import escape_all
from controllers.runtime import logkey
from controllers.runtime.key import Key, key_of
from controllers.runtime.kube.errors import ApiError
from controllers.runtime.kube.objects import ReconciledObject, Status
from controllers.runtime.kube.protocols import Cache, Client
from controllers.runtime.log import bind_fields
from controllers.runtime.reconcile import merge_patch
from controllers.runtime.reconcile.conditions import (
    OWNED,
    find_condition,
    is_failing,
    is_ready,
    is_true,
    summarize,
    truncate_message,
)
from controllers.runtime.reconcile.events import EventType, InvolvedObject, Recorder
from controllers.runtime.reconcile.leader import Leader, LostLeadership
from controllers.runtime.reconcile.outcome import Outcome, Ready, Retry, Stalled, Waiting
from controllers.runtime.reconcile.patcher import ObjectPatcher
from controllers.runtime.reconcile.run import Reconciler, Run
from controllers.runtime.reconcile.supersede import Interrupted, Superseded, Superseder
from controllers.runtime.tracing import NO_TRACER, Tracer

MAX_REPETITIONS = 3
"""Of a run that began with an old status. After that, what it found is merged into whatever is there."""

T = TypeVar("T", bound=ReconciledObject)
S = TypeVar("S", bound=Status)


class _Outdated(Exception):
    """The run began with a status that was not the last one; `current` has that."""

    def __init__(self, current: ReconciledObject) -> None:
        super().__init__()
        self.current = current


class Durations(Protocol):
    """Takes the length of each pass; `forget` is called when the object is gone."""

    def observe(self, key: Key, seconds: float) -> None: ...
    def forget(self, key: Key) -> None: ...


class Lifecycle(Generic[T, S]):
    """The reconcile function of a kind; see the module. Safe for several objects at the same time."""

    def __init__(
        self,
        client: Client,
        resource: Resource,
        cache: Cache[T],
        reconciler: Reconciler[T, S],
        *,
        events: Recorder,
        clock: Clock,
        log: logging.Logger,
        field_manager: str,
        leader: Leader,
        forget: Callable[[Key], None] | None = None,
        durations: Durations | None = None,
        handle_requests_while_suspended: bool = True,
        superseder: Superseder | None = None,
        repeat_outdated: bool = False,
        jitter_percentage: int = 0,
        rng: Random | None = None,
        tracer: Tracer = NO_TRACER,
    ) -> None:
        """Build it.

        forget: called for an object that is gone or being deleted, once or more often
        handle_requests_while_suspended: whether `lastHandledReconcileAt` follows the annotation of a suspended
            object (Flux: for ImageRepository and ImagePolicy, not for ImageUpdateAutomation)
        superseder: ends runs of an outdated spec; None: every run goes on to its end
        repeat_outdated: whether a run that began with an old status is repeated, unless it has acted
        jitter_percentage: what `Run.spread` moves intervals by, at most
        tracer: what runs make spans with
        """
        self._cache = cache
        self._reconciler = reconciler
        self._events = events
        self._clock = clock
        self._log = log
        self._leader = leader
        self._forget = forget
        self._durations = durations
        self._superseder = superseder
        self._repeat_outdated = repeat_outdated
        self._jitter_percentage = jitter_percentage
        self._tracer = tracer
        self._handle_requests_while_suspended = handle_requests_while_suspended
        self._patcher = ObjectPatcher(
            client,
            resource,
            cache,
            leader=leader,
            clock=clock,
            rng=rng or Random(),  # noqa: S311 - spreads retries, guards nothing
            log=log,
            field_manager=field_manager,
        )

    async def __call__(self, key: Key) -> Outcome | None:
        """Do one pass over the object named `key`; return its outcome, or None when no run reached one.

        Raises LostLeadership, and what a reconciler crashed with, once the status says so.
        """
        obj = self._cache.get(key)
        if obj is not None and self._cache.is_behind:  # nothing is to be done for what is gone, nor by an old spec
            obj = await self._cache.find(key)
        if obj is None:
            self._forget_object(key)
            return None
        began = self._clock.monotonic()
        with bind_fields(**{logkey.GENERATION: obj.metadata.generation}):
            try:
                return await self._handle(obj)
            except ApiError as error:
                # Of our own writes, after several tries that kept the server's times. A run costs more than a write:
                # with the same times whole runs would be repeated as fast as the server allows writes.
                return Retry(FAILED, str(error))
            finally:
                if self._durations:
                    self._durations.observe(key, self._clock.monotonic() - began)

    async def _handle(self, obj: T, *, repetitions: int = 0) -> Outcome | None:
        if _is_going(obj):
            await self._remove_finalizer(obj)
            return None
        if obj.spec.suspend:
            await self._handle_suspended(obj)
            return None
        return await self._reconcile(obj, repetitions=repetitions)

    def _forget_object(self, key: Key) -> None:
        if self._forget:
            self._forget(key)
        if self._durations:
            self._durations.forget(key)

    async def _remove_finalizer(self, obj: T) -> None:
        """Let a deletion go on: Flux's finalizer may be left from before a migration."""
        self._forget_object(key_of(obj))

        def without_finalizer(current: T) -> dict[str, object]:
            kept = [name for name in current.metadata.finalizers if name != FINALIZER]
            return {} if len(kept) == len(current.metadata.finalizers) else {"metadata": {"finalizers": kept}}

        await self._patcher.patch(obj, without_finalizer, subresource="")

    async def _handle_suspended(self, obj: T) -> None:
        """Record requests and generation of a suspended object; its conditions stay as they are."""
        self._log.debug("reconciliation is suspended for this object")

        def patch_for(current: T) -> dict[str, object]:
            if _is_going(current):
                return {}
            before = _encode(current.status)
            after = dict(before)
            conditions = current.status.conditions
            if current.spec.suspend and (is_ready(conditions) or is_true(conditions, STALLED)):
                after["observedGeneration"] = current.metadata.generation
            if current.spec.suspend and self._handle_requests_while_suspended:
                after |= _handled_request(current)
            return _status_patch(before, after)

        await self._patcher.patch(obj, patch_for)

    async def _reconcile(self, obj: T, *, repetitions: int) -> Outcome | None:
        self._leader.check()  # no new work once the lease is lost, even if the renew loop is late to say so
        run = self._start_run(obj)
        try:
            outcome = await self._run(obj, run)
        except LostLeadership:
            raise
        except Superseded:  # no outcome to record: the change that ended the run has queued the next one
            self._log.debug("run ended: its object has changed")
            if run.has_acted:  # but what it has done is a fact
                await self._record_facts(obj, run)
            return None
        except Exception as error:
            # The text of an unforeseen error may contain anything, so the status names only its class.
            text = f"internal error ({type(error).__name__}) while {run.progress}, see the log"
            try:
                await self._conclude(obj, run, Retry(FAILED, text))
            except ApiError as unwritten:  # the crash is what has to be seen, and counted
                self._log.error("the status does not say that a run crashed", extra={logkey.ERROR: str(unwritten)})
            raise
        try:
            return await self._conclude(
                obj, run, outcome, may_repeat=self._repeat_outdated and repetitions < MAX_REPETITIONS
            )
        except _Outdated as outdated:
            self._log.debug("run repeated: it began with an old status")
            current: Any = outdated.current  # of the same kind as obj
            self._cache.record_write(current)
            return await self._handle(current, repetitions=repetitions + 1)

    async def _run(self, obj: T, run: Run[T, S]) -> Outcome:
        work = self._reconciler.reconcile(run)
        try:
            return await (self._superseder.run(obj, work) if self._superseder else work)
        except ApiError as error:
            return _retry(error)
        except Interrupted:
            text = f"ended while {run.progress}, to make room for others: it took long, and too many others did, too"
            return Retry(FAILED, text)

    async def _conclude(self, obj: T, run: Run[T, S], outcome: Outcome, *, may_repeat: bool = False) -> Outcome | None:
        """Write the status and record the events; None when the object was deleted meanwhile. Raises _Outdated."""
        patch_for = self._make_status_patch(obj, run, outcome)

        def checked(current: T) -> dict[str, object]:
            changes = patch_for(current)  # none where the answer to this very write was lost
            if changes and may_repeat and not run.has_acted and current is not obj and _own(current) != _own(obj):
                raise _Outdated(current)
            return changes

        based_on = await self._patcher.patch(obj, checked)
        if based_on is None:
            return None
        self._record_events(based_on, outcome, current=based_on.metadata.generation == obj.metadata.generation)
        return outcome

    async def _record_facts(self, read: T, run: Run[T, S]) -> None:
        """Write what a run has done that came to no outcome; whatever it was asked is still to be answered."""
        facts = _facts(read, run)

        def patch_for(current: T) -> dict[str, object]:
            before = _encode(current.status)
            return {} if _is_going(current) else _status_patch(before, merge_patch.merge(before, facts))

        await self._patcher.patch(read, patch_for)

    def _check(self, obj: T) -> None:
        """Raise LostLeadership, or Superseded: the object is being deleted, or was suspended, during its run."""
        self._leader.check()
        current = self._cache.get(key_of(obj))
        is_same = current is not None and current.metadata.uid == obj.metadata.uid
        if current is None or not is_same or _is_going(current) or current.spec.suspend:
            raise Superseded

    def _start_run(self, obj: T) -> Run[T, S]:
        generation, observed = obj.metadata.generation, obj.status.observed_generation
        requested_at = obj.metadata.annotations.get(REQUESTED_AT, "")
        owed = requested_at != obj.status.last_handled_reconcile_at or is_failing(obj.status.conditions)
        new = generation != observed
        facts: Any = obj.status  # S is the type of T's status, which the type system cannot say
        return Run(
            object=obj,
            status=facts,
            progress=f"processing object: new generation {observed} -> {generation}"
            if new
            else "reconciliation in progress",
            now=self._now(),
            requested=bool(requested_at) and owed,
            new_generation=new,
            jitter_percentage=self._jitter_percentage,
            check_leader=self._leader.check,
            check=partial(self._check, obj),
            tracer=self._tracer,
        )

    def _make_status_patch(self, read: T, run: Run[T, S], outcome: Outcome) -> Callable[[T], dict[str, object]]:
        """Return how the end of a run changes the status of an object that may be newer than the one `read`."""
        facts = _facts(read, run)
        generation, now = read.metadata.generation, self._now()

        def patch_for(current: T) -> dict[str, object]:
            if _is_going(current):
                return {}
            before = _encode(current.status)
            after = merge_patch.merge(before, facts) | _handled_request(read)
            if current.metadata.generation == generation:
                conditions = summarize(
                    current.status.conditions, outcome, progress=run.progress, generation=generation, now=now
                )
                after["conditions"] = msgspec.to_builtins(conditions)
                if isinstance(outcome, Ready | Stalled):
                    after["observedGeneration"] = generation
            return _status_patch(before, after)

        return patch_for

    def _record_events(self, obj: T, outcome: Outcome, *, current: bool) -> None:
        """Record the one event of this run; `obj`: as before the write, `current`: its spec is the one that ran."""
        before = find_condition(obj.status.conditions, READY)
        if isinstance(outcome, Ready) and current:
            for reason, message in outcome.warnings:
                self._record_event(obj, EventType.WARNING, reason, message)
        match outcome:
            case Ready(event=str(text)):
                self._record_event(obj, EventType.NORMAL, SUCCEEDED, text)
            case _ if not current:
                pass  # the conditions do not have this outcome either
            case Ready(no_change=str(text)) if is_ready(obj.status.conditions):
                self._record_event(obj, EventType.NORMAL, SUCCEEDED, text, no_change=True)
            case Ready(message=text) if (
                before is None or not is_ready(obj.status.conditions) or before.message != truncate_message(text)
            ):
                self._record_event(obj, EventType.NORMAL, SUCCEEDED, text)
            case Ready() | Waiting(warn=False):
                pass
            case Waiting(reason=reason, message=text) if before is not None and (
                (before.reason, before.message, before.observed_generation)
                == (reason, truncate_message(text), obj.metadata.generation)
            ):
                pass  # looked at again, and nothing has moved
            case _:
                self._record_event(obj, EventType.WARNING, outcome.reason, outcome.message)

    def _record_event(self, obj: T, type: EventType, reason: str, message: str, *, no_change: bool = False) -> None:
        message = truncate_message(message)
        self._events.record(InvolvedObject.of(obj), type, reason=reason, message=message, no_change=no_change)
        if type is EventType.NORMAL:  # failures are logged where their retry is decided
            level = logging.DEBUG if no_change else logging.INFO
            self._log.log(level, "reconciled", extra={logkey.REASON: reason, logkey.DETAIL: message})

    def _now(self) -> datetime:
        return self._clock.now().replace(microsecond=0)


def _is_going(obj: ReconciledObject) -> bool:
    """Return whether an object's deletion has begun: it stays as it is until whoever holds it lets go."""
    return obj.metadata.deletion_timestamp is not None


def _retry(error: ApiError) -> Retry:
    after = timedelta(seconds=error.retry_after) if error.retry_after else None  # 0 would be a busy loop
    return Retry(FAILED, str(error), retry_after=after)


def _encode(value: Any) -> dict[str, object]:
    encoded: dict[str, object] = msgspec.to_builtins(value)
    return encoded


def _facts(read: ReconciledObject, run: Run[Any, Any]) -> dict[str, object]:
    """Return what a run has changed of the status that it began with.

    Facts come from registries and repositories: a name that JSON cannot hold must not keep them unwritten.
    """
    facts: dict[str, object] = escape_all(merge_patch.diff(_encode(read.status), _encode(run.status)))
    return facts


def _own(obj: ReconciledObject) -> dict[str, object]:
    """Return an object's status without what others have written there."""
    status = _encode(obj.status)
    status["conditions"] = [c for c in obj.status.conditions if c.type in OWNED]
    return status


def _handled_request(obj: ReconciledObject) -> dict[str, object]:
    requested_at = obj.metadata.annotations.get(REQUESTED_AT)
    return {"lastHandledReconcileAt": requested_at} if requested_at else {}


def _status_patch(before: Mapping[str, object], after: Mapping[str, object]) -> dict[str, object]:
    patch = merge_patch.diff(before, after)
    return {"status": patch} if patch else {}
