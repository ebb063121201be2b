"""Which object runs next: the queue between watch events and workers.

Guarantees, whatever the interleaving:

- a key is queued at most once, however often it is added;
- a key never runs twice at the same time; added during its run it is queued again when the run is over;
- nothing added before `shut_down` is lost: each add is followed by a run that begins after it.

User edits (`Lane.USER`) run before resyncs and retries (`Lane.RESYNC`), and inside a lane namespaces take
turns, so that a tenant with a thousand objects delays a tenant with one by at most one run.

Modelled on controller-runtime's priority queue and knative's two-lane queue. It does not run anything itself
(see `controller`) and knows nothing about outcomes. It belongs to one event loop: no method but `get` awaits,
so callers need no locks.
"""

import asyncio
import heapq
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from enum import IntEnum
from typing import Protocol

from controllers.clock import Clock
from controllers.runtime.key import Key
from controllers.runtime.queue.ratelimit import Backoff, TokenBucket


class Lane(IntEnum):
    """Smaller runs first."""

    USER = 0
    RESYNC = 1


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


class _FairLane:
    """First come, first served inside a namespace; namespaces take turns."""

    def __init__(self) -> None:
        self._turns: OrderedDict[str, dict[Key, None]] = OrderedDict()  # namespace -> its keys in order
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def push(self, key: Key) -> None:
        self._turns.setdefault(key.namespace, {})[key] = None
        self._count += 1

    def remove(self, key: Key) -> None:
        keys = self._turns[key.namespace]
        del keys[key]
        self._count -= 1
        if not keys:
            del self._turns[key.namespace]

    def pop(self) -> Key:
        namespace, keys = next(iter(self._turns.items()))
        key = next(iter(keys))
        self.remove(key)
        if keys:
            self._turns.move_to_end(namespace)
        return key


@dataclass(frozen=True, slots=True, order=True)
class _Scheduled:
    """A delayed add. Ordered by time, then by arrival."""

    when: float
    sequence: int
    key: Key
    lane: Lane


class WorkQueue:
    """See the module. `bucket` limits retries over all keys; `backoff` spaces those of one key."""

    def __init__(
        self,
        clock: Clock,
        *,
        backoff: Backoff | None = None,
        bucket: TokenBucket | None = None,
        metrics: QueueMetrics | None = None,
    ) -> None:
        self._clock = clock
        self._backoff = backoff or Backoff()
        self._bucket = bucket or TokenBucket(rate=10, burst=100)
        self._metrics = metrics or NoQueueMetrics()
        self._lanes = {lane: _FairLane() for lane in Lane}
        self._queued: dict[Key, Lane] = {}
        self._ready_since: dict[Key, float] = {}  # queued keys: when they became ready to run
        self._running: dict[Key, float] = {}  # when the run began
        self._dirty: dict[Key, Lane] = {}  # running keys that must run again
        self._previously_scheduled: dict[Key, _Scheduled] = {}  # running keys: what was scheduled before the run
        self._delayed: dict[Key, _Scheduled] = {}
        self._heap: list[_Scheduled] = []  # may hold entries that `_delayed` no longer has
        self._sequence = 0
        self._failures: dict[Key, int] = {}
        self._ready = asyncio.Semaphore(0)  # one permit for each queued key
        self._timer: asyncio.Task[None] | None = None
        self._timer_at = 0.0
        self._closed = False

    def __len__(self) -> int:
        """Return the number of keys ready to run; delayed and running ones do not count."""
        return len(self._queued)

    def add(self, key: Key, lane: Lane = Lane.USER) -> None:
        """Queue `key` now. A queued key keeps its place, except that USER lifts it out of RESYNC."""
        if self._closed:
            return
        self._metrics.count_add()
        if key in self._running:
            self._dirty[key] = min(lane, self._dirty.get(key, lane))
        else:
            self._push(key, lane)

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
        self._sequence += 1
        self._schedule(_Scheduled(self._clock.monotonic() + delay.total_seconds(), self._sequence, key, lane))

    def add_rate_limited(self, key: Key, lane: Lane = Lane.RESYNC, *, max_delay: timedelta | None = None) -> timedelta:
        """Count a failure, queue `key` after its backoff (or later, if all keys fail a lot); return the delay.

        max_delay: bounds the backoff of this failure, for causes that may be gone any moment
        """
        failures = self._failures[key] = self._failures.get(key, 0) + 1
        wait = timedelta(seconds=self._bucket.reserve(self._clock.monotonic()))
        backoff = self._backoff.delay(failures)
        delay = max(backoff if max_delay is None else min(backoff, max_delay), wait)
        self._metrics.count_retry()
        self.add_after(key, delay, lane)
        return delay

    def forget(self, key: Key) -> None:
        """Start the backoff anew; for a running key also drop what had been scheduled before that run."""
        self._failures.pop(key, None)
        self._previously_scheduled.pop(key, None)

    async def get(self) -> Key:
        """Wait for a key, mark it running and return it; `done` must follow. Raises QueueShutDown."""
        await self._ready.acquire()
        if self._closed:
            self._ready.release()  # the next waiter leaves, too
            raise QueueShutDown
        lane = next(lane for lane in Lane if len(self._lanes[lane]))
        key = self._lanes[lane].pop()
        del self._queued[key]
        now = self._clock.monotonic()
        self._metrics.set_depth(lane, len(self._lanes[lane]))
        self._metrics.observe_wait(now - self._ready_since.pop(key))
        self._running[key] = now
        if scheduled := self._delayed.pop(key, None):
            self._previously_scheduled[key] = scheduled
        return key

    def done(self, key: Key) -> None:
        """End the run of `key`. If it was added meanwhile it is queued again.

        What had been scheduled before the run comes back, unless the run decided (add_after, add_rate_limited
        or forget) when the key is due.
        """
        self._metrics.observe_work(self._clock.monotonic() - self._running.pop(key))
        if scheduled := self._previously_scheduled.pop(key, None):
            self._schedule(scheduled)
        if key in self._dirty:
            self._push(key, self._dirty.pop(key))

    def shut_down(self) -> None:
        """Take nothing more and hand out nothing more; waiting `get`s raise QueueShutDown."""
        self._closed = True
        self._ready.release()
        if self._timer:
            self._timer.cancel()
        self._delayed.clear()
        self._heap.clear()

    @property
    def is_idle(self) -> bool:
        """Whether nothing runs and nothing waits for a worker; what is to be added later does not count."""
        return not self._queued and not self._running

    def running_durations(self) -> Iterator[float]:
        """Yield for each running key how long it has run, in seconds."""
        now = self._clock.monotonic()
        return (now - began for began in self._running.values())

    def _push(self, key: Key, lane: Lane) -> None:
        if self._closed:
            return
        queued = self._queued.get(key)
        if queued is not None and queued <= lane:
            return
        if queued is None:
            self._ready_since[key] = self._clock.monotonic()
            self._ready.release()
        else:
            self._lanes[queued].remove(key)
            self._metrics.set_depth(queued, len(self._lanes[queued]))
        self._queued[key] = lane
        self._lanes[lane].push(key)
        self._metrics.set_depth(lane, len(self._lanes[lane]))

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
        now = self._clock.monotonic()
        while self._heap and self._heap[0].when <= now:
            entry = heapq.heappop(self._heap)
            if self._delayed.get(entry.key) is entry:
                del self._delayed[entry.key]
                self.add(entry.key, entry.lane)
        self._timer = None
        self._arm()
