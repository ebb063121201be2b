"""One pass over one object: read, run the kind's reconciler, write the status once, tell the event.

This is the only place where conditions, `observedGeneration` and `lastHandledReconcileAt` are decided, and the
only writer of a status. The rules are Flux's end-of-run rules, reached in one write instead of a sequence of
patches. Deliberate differences to Flux: a requested run that failed stays requested until a run succeeds; an
object stalled for a new reason tells the new one; no finalizer is added (Flux's is removed where found).

Writes are merge patches of the difference to what was read, with its resourceVersion as precondition. On a conflict
the object is read again and the same facts and verdict are applied to it; facts are never lost, and a verdict
about a spec that has changed meanwhile is dropped, since the next run is already queued.
"""

import logging
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from random import Random
from typing import Any, Generic, Protocol, TypeVar

import msgspec

from api.meta import FAILED, FINALIZER, READY, REQUESTED_AT, STALLED
from api.resource import Resource
from controllers.runtime import logkey
from controllers.runtime.clock import Clock
from controllers.runtime.key import Key, key_of
from controllers.runtime.kube.errors import ApiError
from controllers.runtime.kube.objects import Object, Status
from controllers.runtime.log import bound
from controllers.runtime.reconcile import merge_patch
from controllers.runtime.reconcile.conditions import (
    Failing,
    Stuck,
    Succeeded,
    Verdict,
    find_condition,
    is_failing,
    is_ready,
    is_true,
    summarize,
    truncate_message,
)
from controllers.runtime.reconcile.controller import Done, Outcome, RequeueAfter, Retriable, TerminalError
from controllers.runtime.reconcile.events import EventType, InvolvedObject, Recorder
from controllers.runtime.reconcile.leader import Leader, LostLeadership
from controllers.runtime.reconcile.patcher import ObjectCache, ObjectClient, ObjectPatcher
from controllers.runtime.reconcile.run import NotReady, Ready, Reconciler, Run, Stalled
from controllers.runtime.reconcile.supersede import Superseded, Superseder

T = TypeVar("T", bound=Object)
S = TypeVar("S", bound=Status)


class Durations(Protocol):
    """Where the length of each pass goes; `forget` is called when the object is gone."""

    def observe(self, key: Key, seconds: float) -> None: ...
    def forget(self, key: Key) -> None: ...


def make_verdict(end: Ready | Exception, progress: str) -> Verdict:
    """What the conditions say about this end of a run."""
    match end:
        case Ready(message=message):
            return Succeeded(message)
        case Stalled(reason=reason, message=message):
            return Stuck(message, reason)
        case NotReady(reason=reason, message=message):
            return Failing(message, progress, reason)
        case ApiError():
            return Failing(str(end), progress, FAILED)
        case _:  # the text of an unforeseen error may contain anything, so only its kind is told
            return Failing(f"internal error ({type(end).__name__}) while {progress}, see the log", progress, FAILED)


def make_outcome(end: Ready | Exception) -> Outcome:
    """What the controller is to do after this end of a run; raises what it is to count and retry."""
    match end:
        case Ready(after=None):
            return Done()
        case Ready(after=timedelta() as after):
            return RequeueAfter(after)
        case Stalled(reason=reason, message=message):
            raise TerminalError(message, reason=reason) from end
        case NotReady(wait=True):
            return Done()
        case NotReady(reason=reason, message=message, retry_after=after, max_delay=max_delay):
            raise Retriable(message, reason=reason, after=after, max_delay=max_delay) from end
        case ApiError():
            after = timedelta(seconds=end.retry_after) if end.retry_after else None  # 0 would be a busy loop
            raise Retriable(str(end), reason=FAILED, after=after) from end
        case Exception():
            raise end
        case _:
            raise TypeError(f"a reconciler returned {type(end).__name__}, not Ready")


class Lifecycle(Generic[T, S]):
    """The reconcile function of a kind; see the module. Safe for several objects at the same time."""

    def __init__(
        self,
        client: ObjectClient,
        resource: Resource,
        informer: ObjectCache[T],
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
        rng: Random | None = None,
    ) -> None:
        """Build it.

        forget: called for an object that is gone or going, as often as it is seen so
        handle_requests_while_suspended: whether `lastHandledReconcileAt` follows the annotation of a suspended
            object (Flux: for ImageRepository and ImagePolicy, not for ImageUpdateAutomation)
        superseder: hears of changes, and ends runs of an outdated spec; None: every run goes on to its end
        """
        self._informer = informer
        self._reconciler = reconciler
        self._events = events
        self._clock = clock
        self._log = log
        self._leader = leader
        self._forget = forget
        self._durations = durations
        self._superseder = superseder
        self._handle_requests_while_suspended = handle_requests_while_suspended
        self._patcher = ObjectPatcher(
            client,
            resource,
            informer,
            leader=leader,
            clock=clock,
            rng=rng or Random(),  # noqa: S311 - spreads retries, guards nothing
            log=log,
            field_manager=field_manager,
        )

    async def __call__(self, key: Key) -> Outcome:
        """Do one pass over the object named `key`. Raises Retriable, TerminalError, LostLeadership, or a crash."""
        obj = self._informer.get(key)
        if obj is None:
            self._forget_object(key)
            return Done()
        began = self._clock.monotonic()
        with bound(**{logkey.GENERATION: obj.metadata.generation}):
            try:
                if obj.metadata.deletion_timestamp is not None:
                    return await self._remove_finalizer(obj)
                if obj.spec.suspend:
                    return await self._handle_suspended(obj)
                return await self._reconcile(obj)
            finally:
                if self._durations:
                    self._durations.observe(key, self._clock.monotonic() - began)

    def _forget_object(self, key: Key) -> None:
        if self._forget:
            self._forget(key)
        if self._durations:
            self._durations.forget(key)

    async def _remove_finalizer(self, obj: T) -> Outcome:
        """Let a deletion go on: Flux's finalizer may be left over from before a migration."""
        self._forget_object(key_of(obj))

        def without_finalizer(current: T) -> dict[str, object]:
            kept = [name for name in current.metadata.finalizers if name != FINALIZER]
            return {} if len(kept) == len(current.metadata.finalizers) else {"metadata": {"finalizers": kept}}

        await self._patcher.write(obj, without_finalizer, subresource="")
        return Done()

    async def _handle_suspended(self, obj: T) -> Outcome:
        """Keep the books of a suspended object; its conditions stay as they are."""
        self._log.debug("reconciliation is suspended for this object")

        def patch_for(current: T) -> dict[str, object]:
            before = _encode(current.status)
            after = dict(before)
            conditions = current.status.conditions
            if current.spec.suspend and (is_ready(conditions) or is_true(conditions, STALLED)):
                after["observedGeneration"] = current.metadata.generation
            if current.spec.suspend and self._handle_requests_while_suspended:
                after |= _handled_request(current)
            return _status_patch(before, after)

        await self._patcher.write(obj, patch_for)
        return Done()

    async def _reconcile(self, obj: T) -> Outcome:
        self._leader.check()  # no new work once the lease is lost, even if the renew loop is late to say so
        run = self._start_run(obj)
        end: Ready | Exception
        try:
            end = await self._run(obj, run)
        except LostLeadership:
            raise
        except Superseded:  # nothing to tell of it: the change that ended it has queued the next run
            self._log.debug("run ended: the spec has changed")
            return Done()
        except Exception as error:  # also a crash is told in the status; `make_outcome` raises it again
            end = error
        verdict = make_verdict(end, run.progress)
        based_on = await self._patcher.write(obj, self._make_status_patch(obj, run, verdict))
        if based_on is None:  # deleted meanwhile
            return Done()
        self._record_events(based_on, end, verdict, current=based_on.metadata.generation == obj.metadata.generation)
        return make_outcome(end)

    async def _run(self, obj: T, run: Run[T, S]) -> Ready:
        work = self._reconciler.reconcile(run)
        return await (self._superseder.follow(obj, work) if self._superseder else work)

    def _start_run(self, obj: T) -> Run[T, S]:
        generation, observed = obj.metadata.generation, obj.status.observed_generation
        asked = obj.metadata.annotations.get(REQUESTED_AT, "")
        owed = asked != obj.status.last_handled_reconcile_at or is_failing(obj.status.conditions)
        new = generation != observed
        facts: Any = obj.status  # S is the type of T's status, which the type system cannot say
        return Run(
            object=obj,
            status=facts,
            progress=f"processing object: new generation {observed} -> {generation}"
            if new
            else "reconciliation in progress",
            now=self._now(),
            requested=bool(asked) and owed,
            new_generation=new,
            leader_check=self._leader.check,
        )

    def _make_status_patch(self, read: T, run: Run[T, S], verdict: Verdict) -> Callable[[T], dict[str, object]]:
        """How the end of a run changes the status of an object that may be newer than the one `read`."""
        facts = merge_patch.diff(_encode(read.status), _encode(run.status))
        generation, now = read.metadata.generation, self._now()

        def concluded(current: T) -> dict[str, object]:
            before = _encode(current.status)
            after = merge_patch.merge(before, facts) | _handled_request(read)
            if current.metadata.generation == generation:
                told = summarize(current.status.conditions, verdict, generation=generation, now=now)
                after["conditions"] = msgspec.to_builtins(told)
                if not isinstance(verdict, Failing):
                    after["observedGeneration"] = generation
            return _status_patch(before, after)

        return concluded

    def _record_events(self, obj: T, end: Ready | Exception, verdict: Verdict, *, current: bool) -> None:
        """Tell the one event of this run; `obj`: as before the write, `current`: its spec is the one that ran."""
        before = find_condition(obj.status.conditions, READY)
        if isinstance(end, Ready) and current:
            for reason, message in end.warnings:
                self._record_event(obj, EventType.WARNING, reason, message)
        match end:
            case Ready(event=str(text)):
                self._record_event(obj, EventType.NORMAL, verdict.reason, text)
            case _ if not current:
                pass  # the verdict was not recorded either
            case Ready(no_change=str(text)) if is_ready(obj.status.conditions):
                self._record_event(obj, EventType.NORMAL, verdict.reason, text, no_change=True)
            case Ready(message=text) if (
                before is None or not is_ready(obj.status.conditions) or before.message != truncate_message(text)
            ):
                self._record_event(obj, EventType.NORMAL, verdict.reason, text)
            case Ready() | NotReady(warn=False):
                pass
            case _:
                self._record_event(obj, EventType.WARNING, verdict.reason, verdict.message)

    def _record_event(self, obj: T, type: EventType, reason: str, message: str, *, no_change: bool = False) -> None:
        message = truncate_message(message)
        self._events.record(InvolvedObject.of(obj), type, reason=reason, message=message, no_change=no_change)
        if type is EventType.NORMAL:  # failures are logged where their retry is decided
            level = logging.DEBUG if no_change else logging.INFO
            self._log.log(level, "reconciled", extra={logkey.REASON: reason, logkey.DETAIL: message})

    def _now(self) -> datetime:
        return self._clock.now().replace(microsecond=0)


def _encode(value: Any) -> dict[str, object]:
    encoded: dict[str, object] = msgspec.to_builtins(value)
    return encoded


def _handled_request(obj: Object) -> dict[str, object]:
    asked = obj.metadata.annotations.get(REQUESTED_AT)
    return {"lastHandledReconcileAt": asked} if asked else {}


def _status_patch(before: Mapping[str, object], after: Mapping[str, object]) -> dict[str, object]:
    patch = merge_patch.diff(before, after)
    return {"status": patch} if patch else {}
