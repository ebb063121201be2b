"""Workers that take keys from a queue, run the reconcile function, and decide what happens next.

The outcome is decided in one place (`_handle_outcome`), each arm with its metric; the shape is controller-runtime's
`internal/controller`. What a run does and what it writes is decided in `lifecycle`.

Where runs mostly wait for other servers, a few that never answer would hold all workers, and with them every other
object. A worker whose run takes longer than `slow_threshold` is therefore replaced by a stand-in, and ends when its run
is over. The queue keeps a namespace with slow runs, and each host in it, to its share: nobody has all the stand-ins.
How many runs may be that slow at the same time is bounded, too: when there is no further stand-in, the run that has
taken longest in the namespace with most of them is ended, where runs may be cut off anywhere.
"""

import asyncio
import logging
import uuid
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Protocol, assert_never

from api import names
from controllers.clock import Clock
from controllers.net.library_errors import name_and_text
from controllers.runtime import logkey
from controllers.runtime.key import Key
from controllers.runtime.log import bind_fields
from controllers.runtime.queue.lanes import Shares
from controllers.runtime.queue.workqueue import Lane, QueueShutDown, WorkQueue
from controllers.runtime.reconcile.leader import LostLeadership
from controllers.runtime.reconcile.outcome import Outcome, Ready, Retry, Stalled, Waiting

SLOW_RUNS_PER_WORKER = 64
"""How many slow runs are given a stand-in, for each worker: a bound for memory, at some 50 KiB for a run that waits."""
NAMESPACE_RUNS_PER_WORKER = 8
"""A namespace's share while one of its runs is slow. What uses one registry or Git host needs no more: they are asked
by a few runs at a time."""
HOST_RUNS_PER_WORKER = 4
"""One host's share of that."""


class ControllerMetrics(Protocol):
    """What a controller reports. `result`: success, requeue_after or error."""

    def record_start(self) -> None: ...
    def record_result(self, result: str, *, seconds: float) -> None: ...
    def record_terminal_error(self) -> None: ...
    def record_crash(self) -> None: ...


def shares_of(workers: int) -> Shares:
    """Return the shares that go with so many workers."""
    return Shares(namespace=NAMESPACE_RUNS_PER_WORKER * workers, host=HOST_RUNS_PER_WORKER * workers)


class Controller:
    """`workers` loops over one queue. Build one per kind; `run` it once."""

    def __init__(
        self,
        name: str,
        reconcile: Callable[[Key], Awaitable[Outcome | None]],
        *,
        queue: WorkQueue,
        workers: int,
        clock: Clock,
        metrics: ControllerMetrics,
        log: logging.Logger,
        fields: dict[str, object] | None = None,
        slow_threshold: timedelta | None = None,
        interrupt: Callable[[Key], bool] = lambda _: False,
        requeue_dependency: timedelta | None = None,
    ) -> None:
        """Build it.

        fields: bound to every log line of every run (group and kind, say)
        slow_threshold: after how long a run gets a stand-in for its worker; None: never, `workers` bounds all runs
        interrupt: ends the run of a key to make room, and returns whether it did
        requeue_dependency: when to look again at what waits for another object; None: when a watch reports a change
        """
        self.name = name
        self._slow_threshold = slow_threshold
        self._interrupt = interrupt
        self._requeue_dependency = requeue_dependency
        self._stand_ins = asyncio.Semaphore(workers * SLOW_RUNS_PER_WORKER)
        self._reconcile = reconcile
        self._queue = queue
        self._workers = workers
        self._clock = clock
        self._metrics = metrics
        self._log = log
        self._fields = {logkey.CONTROLLER: name, **(fields or {})}

    async def run(self) -> None:
        """Work until `stop`, or until a run finds that leadership is lost (raises LostLeadership)."""
        lost: LostLeadership | None = None
        try:
            async with asyncio.TaskGroup() as workers:  # the first worker that fails takes the others with it
                for number in range(self._workers):
                    workers.create_task(self._run_worker(workers), name=f"{self.name}-{number}")
        except* LostLeadership as group:
            lost = next(error for error in group.exceptions if isinstance(error, LostLeadership))
        if lost:
            raise lost

    def stop(self) -> None:
        """Start nothing more; `run` returns when the runs under way are over (cancel its task to cut them)."""
        self._queue.shut_down()

    async def _run_worker(self, workers: asyncio.TaskGroup) -> None:
        while True:
            try:
                key = await self._queue.get()
            except QueueShutDown:
                return
            relief = workers.create_task(self._add_stand_in(workers, key, t)) if (t := self._slow_threshold) else None
            try:
                await self._process(key)
            finally:
                self._queue.done(key)
            if relief and not relief.cancel():  # it has ended: the stand-in goes on in our place
                self._stand_ins.release()
                return

    async def _add_stand_in(self, workers: asyncio.TaskGroup, key: Key, slow_threshold: timedelta) -> None:
        """Start a stand-in for a worker whose run takes too long; cancelled when the run is over before."""
        await self._clock.sleep(slow_threshold.total_seconds())
        self._queue.mark_slow(key)
        if self._stand_ins.locked():
            any(self._interrupt(slow) for slow in self._queue.slow_keys())  # the first that can be
        await self._stand_ins.acquire()
        workers.create_task(self._run_worker(workers), name=f"{self.name}-stand-in")

    async def _process(self, key: Key) -> None:
        began = self._clock.monotonic()
        self._metrics.record_start()
        result = "error"
        fields = {logkey.NAMESPACE: key.namespace, logkey.NAME: key.name, logkey.RECONCILE_ID: str(uuid.uuid4())}
        with bind_fields(**self._fields, **fields):
            try:
                result = self._handle_outcome(key, await self._attempt(key))
            finally:
                self._metrics.record_result(result, seconds=self._clock.monotonic() - began)

    async def _attempt(self, key: Key) -> Outcome | Exception | None:
        try:
            return await self._reconcile(key)
        except Exception as error:  # the one boundary: no error of a run may end its worker
            return error

    def _handle_outcome(self, key: Key, outcome: Outcome | Exception | None) -> str:
        """Decide when `key` runs again; return the label of the result metric."""
        match outcome:
            case None:
                return self._schedule(key, None)
            case Waiting(reason=names.DEPENDENCY_NOT_READY, requeue_after=None):
                return self._schedule(key, self._requeue_dependency)
            case Ready(requeue_after=delay) | Waiting(requeue_after=delay):
                return self._schedule(key, delay)
            case Stalled():
                self._queue.forget(key)
                self._metrics.record_terminal_error()
                self._log_error(outcome.message, reason=outcome.reason)
                return "error"
            case Retry(retry_after=delay):
                if delay is not None and delay > timedelta():
                    self._queue.retry_after(key, delay)
                else:  # a server that says "now" would be asked without end
                    delay = self._queue.add_rate_limited(
                        key, max_delay=outcome.max_delay, left_alone=outcome.left_alone
                    )
                self._log_error(outcome.message, reason=outcome.reason, delay=delay)
                return "error"
            case LostLeadership():
                raise outcome  # the process ends: nothing is queued, nothing is written
            case Exception():
                self._metrics.record_crash()
                self._log_error(name_and_text(outcome), delay=self._queue.add_rate_limited(key), crash=outcome)
                return "error"
            case _:
                assert_never(outcome)

    def _schedule(self, key: Key, delay: timedelta | None) -> str:
        """Run `key` again after `delay`, or only when it is added; its next failure is its first."""
        self._queue.forget(key)
        if delay is None:
            return "success"
        self._queue.add_after(key, delay, Lane.RESYNC)
        return "requeue_after"

    def _log_error(
        self, message: str, *, reason: str = "", delay: timedelta | None = None, crash: Exception | None = None
    ) -> None:
        extra: dict[str, object] = {logkey.ERROR: message}
        if reason:
            extra[logkey.REASON] = reason
        if delay is not None:
            extra[logkey.DELAY] = delay.total_seconds()
        self._log.error("Reconciler error", extra=extra, exc_info=crash)
