"""Which object runs next: the queue between watch events and workers.

Guarantees, whatever the interleaving:

- a key is queued at most once, however often it is added;
- a key never runs twice at the same time; added during its run it is queued again when the run is over;
- nothing added before `shut_down` is lost: each add is followed by a run that begins after it.

User edits (`Lane.USER`) run before resyncs and retries (`Lane.RESYNC`), and inside a lane namespaces take
turns, so that a tenant with a thousand objects delays a tenant with one by at most one run (`lanes`). A namespace whose
runs wait for slow servers keeps to its share. Keys that fail are tried again with growing delays (`failures`). Those
that others wake again and again let changes gather before each run (`bursts`).

Modelled on controller-runtime's priority queue and knative's two-lane queue. It does not run anything itself
(see `controller`) and knows nothing about outcomes. It belongs to one event loop: no method but `get` awaits,
so callers need no locks.
"""

import asyncio
import heapq
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from enum import IntEnum
from typing import NamedTuple, Protocol

from controllers.clock import Clock
from controllers.runtime.key import Key
from controllers.runtime.queue.bursts import Bursts
from controllers.runtime.queue.failures import Failures
from controllers.runtime.queue.lanes import FairLane, InFlight, Place, Shares
from controllers.runtime.queue.ratelimit import Backoff, TokenBucket, default_bucket


class Lane(IntEnum):
    """Smaller runs first."""

    USER = 0
    RESYNC = 1


class Cause(IntEnum):
    """Why a key is added; smaller weighs more. It matters for keys that fail."""

    EDIT = 0
    """The object is another one than the one that failed: it runs now, and its backoff starts anew."""
    REQUEST = 1
    """Somebody asked for a run: now, while the backoff stays as it is."""
    CHANGE = 2
    """Something that the object reads has changed: soon, see `failures` and `bursts`; the backoff stays as it is."""


class QueueShutDown(Exception):
    """The queue hands out no more keys; the worker ends."""


class QueueMetrics(Protocol):
    """What the queue reports; durations in seconds."""

    def count_add(self) -> None: ...
    def count_retry(self) -> None: ...
    def set_depth(self, lane: Lane, count: int) -> None: ...
    def observe_wait(self, seconds: float) -> None: ...
    def observe_work(self, seconds: float) -> None: ...


class NoQueueMetrics:
    """QueueMetrics for callers that do not measure."""

    def count_add(self) -> None: ...
    def count_retry(self) -> None: ...
    def set_depth(self, lane: Lane, count: int) -> None: ...
    def observe_wait(self, seconds: float) -> None: ...
    def observe_work(self, seconds: float) -> None: ...


@dataclass(frozen=True, slots=True, order=True)
class _Scheduled:
    """A delayed add. Ordered by time, then by arrival."""

    when: float
    sequence: int
    key: Key
    lane: Lane


class _Again(NamedTuple):
    """How a key that was added during its run is added after it: the best of what was asked for."""

    lane: Lane
    cause: Cause


class WorkQueue:
    """See the module. `make_bucket` limits the retries of one namespace; `backoff` spaces those of one key."""

    def __init__(
        self,
        clock: Clock,
        *,
        backoff: Backoff | None = None,
        make_bucket: Callable[[], TokenBucket] = default_bucket,
        metrics: QueueMetrics | None = None,
        shares: Shares | None = None,
        host_of: Callable[[Key], str] = lambda _: "",
    ) -> None:
        """Build it.

        shares: of namespaces with slow runs (`mark_slow`); None: nobody is held back
        host_of: which host the object of a key talks to, asked whenever the key is queued; empty: not known
        """
        self._clock = clock
        self._failures = Failures(clock, backoff or Backoff(), make_bucket)
        self._bursts = Bursts(clock)
        self._metrics = metrics or NoQueueMetrics()
        self._host_of = host_of
        self._lanes = {lane: FairLane() for lane in Lane}
        self._in_flight = InFlight(shares)
        self._queued: dict[Key, Lane] = {}
        self._ready_since: dict[Key, float] = {}  # queued keys: when they became ready to run
        self._running: dict[Key, float] = {}  # when the run began
        self._dirty: dict[Key, _Again] = {}  # running keys that must run again
        self._previously_scheduled: dict[Key, _Scheduled] = {}  # running keys: what was scheduled before the run
        self._delayed: dict[Key, _Scheduled] = {}
        self._gathering: set[Key] = set()  # delayed only so that more changes get into the run
        self._heap: list[_Scheduled] = []  # may hold entries that `_delayed` no longer has
        self._sequence = 0
        self._waiters: deque[asyncio.Future[None]] = deque()  # of `get`
        self._timer: asyncio.Task[None] | None = None
        self._timer_at = 0.0
        self._closed = False

    def __len__(self) -> int:
        """Return the number of keys ready to run; delayed and running ones do not count."""
        return len(self._queued)

    def add(self, key: Key, lane: Lane = Lane.USER, *, cause: Cause = Cause.REQUEST) -> None:
        """Queue `key`: now, or a little later if it fails and `cause` can wait. Never earlier than others in its lane.

        A queued key keeps its place, except that USER lifts it out of RESYNC.
        """
        if self._closed:
            return
        self._metrics.count_add()
        if key in self._running:
            before = self._dirty.get(key, _Again(lane, cause))
            self._dirty[key] = _Again(min(lane, before.lane), min(cause, before.cause))
        else:
            may_wait = cause is Cause.CHANGE and key not in self._queued
            gather = self._bursts.wake_delay(key) if may_wait else timedelta()
            self._push_for(key, _Again(lane, cause), gather)

    def add_after(self, key: Key, delay: timedelta, lane: Lane = Lane.RESYNC) -> None:
        """Queue `key` after `delay`; of several delays the earliest wins. Not positive: now.

        Called for a running key it replaces what had been scheduled before that run.
        """
        if self._closed:
            return
        self._previously_scheduled.pop(key, None)
        if delay <= timedelta(0):
            self.add(key, lane)
            return
        self._schedule_after(key, delay, lane)

    def add_rate_limited(
        self,
        key: Key,
        lane: Lane = Lane.RESYNC,
        *,
        max_delay: timedelta | None = None,
        left_alone: timedelta = timedelta(),
    ) -> timedelta:
        """Record a failure, queue `key` after its backoff (or later, if its namespace fails a lot); return the delay.

        A run that was started from outside while the next try was pending leaves that one as it is.
        max_delay, left_alone: see `Failures.record`
        """
        delay = self._failures.record(key, max_delay=max_delay, left_alone=left_alone)
        self._metrics.count_retry()
        self.add_after(key, delay, lane)
        return delay

    def retry_after(self, key: Key, delay: timedelta, lane: Lane = Lane.RESYNC) -> None:
        """Record a failure whose other side named the time of the next try, and queue `key` for it."""
        self._failures.record_wait(key, delay)
        self.add_after(key, delay, lane)

    def forget(self, key: Key) -> None:
        """Start the backoff anew; for a running key also drop what had been scheduled before that run."""
        self._failures.forget(key)
        self._previously_scheduled.pop(key, None)

    async def get(self) -> Key:
        """Wait for a key, mark it running and return it; `done` must follow. Raises QueueShutDown."""
        while (key := self._take()) is None:
            await self._wait_for_change()
        return key

    def done(self, key: Key) -> None:
        """End the run of `key`. If it was added meanwhile it is queued again.

        What had been scheduled before the run comes back, unless the run decided (add_after, add_rate_limited,
        retry_after or forget) when the key is due.
        """
        self._metrics.observe_work(self._clock.monotonic() - self._running.pop(key))
        self._in_flight.end(key)
        if scheduled := self._previously_scheduled.pop(key, None):
            self._schedule(scheduled)
        again = self._dirty.pop(key, None)
        gather = self._bursts.end_run(key, is_woken=again is not None and again.cause is Cause.CHANGE)
        if again:
            self._push_for(key, again, gather)
        if self._queued:  # its share may have held one of them back
            self._wake_waiter()

    def mark_slow(self, key: Key) -> None:
        """Note that the run of `key` waits for others: its namespace and host keep to their shares until it is over."""
        self._in_flight.mark_slow(key)

    def slow_keys(self) -> list[Key]:
        """Return the slow runs: those of the namespace that has most of them first, and of these the longest."""
        return self._in_flight.slow_keys()

    def shut_down(self) -> None:
        """Take nothing more and hand out nothing more; waiting `get`s raise QueueShutDown."""
        self._closed = True
        self._wake_waiter()
        if self._timer:
            self._timer.cancel()
        self._delayed.clear()
        self._gathering.clear()
        self._heap.clear()

    @property
    def is_idle(self) -> bool:
        """Whether nothing runs, waits for a worker or for more changes; what is to be added later does not count."""
        return not self._queued and not self._running and not self._gathering

    def is_running(self, key: Key) -> bool:
        """Return whether `key` runs now."""
        return key in self._running

    def running_durations(self) -> Iterator[float]:
        """Yield for each running key how long it has run, in seconds."""
        now = self._clock.monotonic()
        return (now - began for began in self._running.values())

    def _take(self) -> Key | None:
        """Mark the next key running; None when all queued ones are held back. Raises QueueShutDown."""
        if self._closed:
            self._wake_waiter()  # the next one leaves, too
            raise QueueShutDown
        for lane, queued in self._lanes.items():
            if taken := queued.pop(self._in_flight):
                self._begin(lane, *taken)
                return taken[0]
        return None

    def _begin(self, lane: Lane, key: Key, place: Place) -> None:
        del self._queued[key]
        self._gathering.discard(key)
        now = self._clock.monotonic()
        self._metrics.set_depth(lane, len(self._lanes[lane]))
        self._metrics.observe_wait(now - self._ready_since.pop(key))
        self._running[key] = now
        self._in_flight.begin(key, place)
        if scheduled := self._delayed.pop(key, None):
            self._previously_scheduled[key] = scheduled
        if self._queued:  # one end of a run may have made room for several
            self._wake_waiter()

    async def _wait_for_change(self) -> None:
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        try:
            await waiter
        except asyncio.CancelledError:
            if not waiter.cancelled():
                self._wake_waiter()  # it was our turn: the next one takes it
            raise

    def _wake_waiter(self) -> None:
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():  # else its task was cancelled
                waiter.set_result(None)
                return

    def _push_for(self, key: Key, again: _Again, gather: timedelta) -> None:
        """Queue a key that does not run: when, depends on the cause if it fails, or other changes are to gather."""
        if again.cause is Cause.EDIT:
            self._failures.forget(key)
        elif again.cause is Cause.CHANGE and key not in self._queued:
            wake_delay = self._failures.wake_delay(key)
            if gather > wake_delay:
                self._gathering.add(key)
            if delay := max(gather, wake_delay):
                self._schedule_after(key, delay, again.lane)
                return
        self._push(key, again.lane)

    def _push(self, key: Key, lane: Lane) -> None:
        if self._closed:
            return
        queued = self._queued.get(key)
        if queued is not None and queued <= lane:
            return
        if queued is None:
            self._ready_since[key] = self._clock.monotonic()
            place = Place(key.namespace, self._host_of(key))
        else:
            place = self._lanes[queued].remove(key)
            self._metrics.set_depth(queued, len(self._lanes[queued]))
        self._queued[key] = lane
        self._lanes[lane].push(key, place)
        self._metrics.set_depth(lane, len(self._lanes[lane]))
        self._wake_waiter()

    def _schedule_after(self, key: Key, delay: timedelta, lane: Lane) -> None:
        self._sequence += 1
        self._schedule(_Scheduled(self._clock.monotonic() + delay.total_seconds(), self._sequence, key, lane))

    def _schedule(self, entry: _Scheduled) -> None:
        earlier = self._delayed.get(entry.key)
        if self._closed or (earlier is not None and earlier.when <= entry.when):
            return
        self._delayed[entry.key] = entry
        heapq.heappush(self._heap, entry)
        if len(self._heap) > 2 * len(self._delayed) + 64:  # mostly superseded entries
            self._heap = sorted(self._delayed.values())
        self._arm()

    def _arm(self) -> None:
        """Have exactly one timer, for the earliest entry."""
        while self._heap and self._delayed.get(self._heap[0].key) is not self._heap[0]:
            heapq.heappop(self._heap)
        running = self._timer is not None and not self._timer.done()
        if not self._heap:
            return
        when = self._heap[0].when
        if running and self._timer_at <= when:
            return  # it re-arms itself when it fires
        if self._timer is not None and running:
            self._timer.cancel()
        self._timer_at = when
        self._timer = asyncio.get_running_loop().create_task(self._fire(when))

    async def _fire(self, when: float) -> None:
        await self._clock.sleep(when - self._clock.monotonic())
        now = max(self._clock.monotonic(), when)  # a sleep may be shorter by less than a float can tell
        while self._heap and self._heap[0].when <= now:
            entry = heapq.heappop(self._heap)
            if self._delayed.get(entry.key) is entry:
                del self._delayed[entry.key]
                self.add(entry.key, entry.lane)
        self._timer = None
        self._arm()
