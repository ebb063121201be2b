"""Keys that other objects wake again and again: how long each run of them lets further changes gather.

The thousand choices of a cold start, or of a new base image, arrive one after the other, and each of them wakes the
automation that writes them. Without a pause it would run, and commit, for every few of them, and take from the others
the time in which they are made. So a key that was woken during its run runs again at once the first time, since most
bursts are two or three changes; after that it waits, longer each time, until a run ends after which nothing follows.
A change never waits for longer than the burst has lasted, and never longer than `MAX_WAIT`.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from cachetools import LRUCache

from controllers.clock import Clock
from controllers.runtime.key import Key

FIRST_WAIT: Final = timedelta(milliseconds=100)
MAX_WAIT: Final = timedelta(seconds=5)
MAX_KEYS: Final = 4096
"""In a burst at the same time; one that is forgotten begins anew."""


@dataclass(slots=True)
class _Burst:
    wait: timedelta
    """From the end of a run to the next; nothing at first."""
    until: float
    """A change before this moment, in monotonic seconds, belongs to the burst."""
    goes_on: bool = True
    """A change of the burst has asked for the next run."""


class Bursts:
    """The keys of one queue that are in a burst; nothing is kept of others. Used from one event loop."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._bursts: LRUCache[Key, _Burst] = LRUCache(MAX_KEYS)

    def end_run(self, key: Key, *, is_woken: bool) -> timedelta:
        """Record the end of a run; return how long the next one has to wait that changes during it ask for."""
        now = self._clock.monotonic()
        burst: _Burst | None = self._bursts.get(key)
        if burst is None or (not burst.goes_on and burst.until <= now):
            self._bursts.pop(key, None)
            if is_woken:
                self._bursts[key] = _Burst(timedelta(), now)
            return timedelta()
        if is_woken:
            burst.wait = min(max(2 * burst.wait, FIRST_WAIT), MAX_WAIT)
        elif not burst.wait:
            del self._bursts[key]
        burst.until = now + burst.wait.total_seconds()
        burst.goes_on = is_woken
        return burst.wait if is_woken else timedelta()

    def wake_delay(self, key: Key) -> timedelta:
        """Return how long a run has to wait that a change asks for while the key does not run; 0: not at all."""
        burst: _Burst | None = self._bursts.get(key)
        if burst is None:
            return timedelta()
        left = burst.until - self._clock.monotonic()
        if left <= 0:
            del self._bursts[key]
            return timedelta()
        burst.goes_on = True
        return timedelta(seconds=left)
