"""Which keys fail, when the queue tries each again by itself, and how soon something else may start a try.

The backoff of a key grows with the tries that the queue makes by itself. A try that was started from outside (another
object has changed, say) while the next one was pending says nothing about how long the trouble lasts: fourteen such
tries within ten seconds of an outage would otherwise double the delay fourteen times. Such a try, when it fails, leaves
the pending one where it was. Nor are they made without measure: see `WAKE_SPACING`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from cachetools import LRUCache

from controllers.clock import Clock
from controllers.runtime.key import Key
from controllers.runtime.queue.ratelimit import Backoff, TokenBucket

WAKE_SPACING = timedelta(seconds=5)
"""A key that fails is tried because of other objects' changes no sooner than this after its last try: a host that is
down is not asked once for every event, and after its recovery an event still acts within seconds."""
TOLERANCE_SECONDS = 0.001
"""Times are rounded on their way to timers: what is due within this is due."""
MAX_BUCKETS = 4096


@dataclass(slots=True)
class _Failing:
    """A key whose last try failed. Times in monotonic seconds."""

    count: int
    """How many tries of the queue itself failed in a row."""
    due: float
    """When the queue tries again by itself."""
    ended: float
    """When the last try ended, whoever started it."""
    is_named: bool = False
    """The other side named the time that it is due."""


class Failures:
    """The keys of one queue that fail; nothing is kept of others. Used from one event loop."""

    def __init__(self, clock: Clock, backoff: Backoff, make_bucket: Callable[[], TokenBucket]) -> None:
        """Build it; `make_bucket` returns what limits the retries of one namespace, so that none delays another's."""
        self._clock = clock
        self._backoff = backoff
        self._make_bucket = make_bucket
        self._failing: dict[Key, _Failing] = {}
        self._buckets: LRUCache[str, TokenBucket] = LRUCache(MAX_BUCKETS)

    def __len__(self) -> int:
        """Return how many keys fail."""
        return len(self._failing)

    def record(self, key: Key, *, max_delay: timedelta | None = None, left_alone: timedelta = timedelta()) -> timedelta:
        """Record that a try of `key` failed; return the delay until the next one.

        max_delay: bounds the backoff of this failure, for causes that may be gone any moment
        left_alone: how long no try can reach the other side. The queue's own next try is not made sooner; a try from
            outside, which reached nobody, is made up for then
        """
        longest = timedelta.max if max_delay is None else max_delay
        failing = self._failing.get(key)
        is_pending = failing is not None and failing.due > self._clock.monotonic() + TOLERANCE_SECONDS
        if failing is not None and is_pending and not failing.is_named:  # another failure is no reason to wait as long
            return self._keep_pending(failing, longest, left_alone)
        return self._count(key, longest, left_alone)

    def _keep_pending(self, failing: _Failing, max_delay: timedelta, left_alone: timedelta) -> timedelta:
        now = self._clock.monotonic()
        failing.ended = now
        delay = min(timedelta(seconds=failing.due - now), max_delay)
        failing.due = now + delay.total_seconds()
        return min(delay, left_alone) if left_alone else delay

    def _count(self, key: Key, max_delay: timedelta, left_alone: timedelta) -> timedelta:
        now = self._clock.monotonic()
        count = self._failing[key].count + 1 if key in self._failing else 1
        wait = timedelta(seconds=self._bucket(key.namespace).reserve(now))
        delay = max(min(self._backoff.delay(count), max_delay), left_alone, wait)
        self._failing[key] = _Failing(count, now + delay.total_seconds(), now)
        return delay

    def record_wait(self, key: Key, delay: timedelta) -> None:
        """Record that a try failed, and that the other side named the time of the next. The backoff does not grow."""
        now = self._clock.monotonic()
        count = self._failing[key].count if key in self._failing else 0
        self._failing[key] = _Failing(count, now + delay.total_seconds(), now, is_named=True)

    def wake_delay(self, key: Key) -> timedelta:
        """Return how long a try of `key` that another object's change asks for has to wait; 0: not at all."""
        failing = self._failing.get(key)
        if failing is None:
            return timedelta()
        earliest = min(failing.ended + WAKE_SPACING.total_seconds(), failing.due)
        return timedelta(seconds=max(earliest - self._clock.monotonic(), 0))

    def forget(self, key: Key) -> None:
        """Start the backoff of `key` anew."""
        self._failing.pop(key, None)

    def _bucket(self, namespace: str) -> TokenBucket:
        bucket: TokenBucket | None = self._buckets.get(namespace)
        if bucket is None:
            bucket = self._buckets[namespace] = self._make_bucket()
        return bucket
