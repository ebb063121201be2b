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


class Bursts:
    """The keys of one queue that are in a burst; nothing is kept of others. Used from one event loop."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._bursts: LRUCache[Key, _Burst] = LRUCache(MAX_KEYS)

    def end_run(self, key: Key, *, is_woken: bool) -> timedelta:
        """Record the end of a run; return how long the next one has to wait that changes during it ask for."""
        burst: _Burst | None = self._bursts.get(key)
        if burst is None:
            if is_woken:
                self._bursts[key] = _Burst(timedelta(), self._clock.monotonic())
            return timedelta()
        if is_woken:
            burst.wait = min(max(2 * burst.wait, FIRST_WAIT), MAX_WAIT)
        elif not burst.wait:
            del self._bursts[key]
        burst.until = self._clock.monotonic() + burst.wait.total_seconds()
        return burst.wait if is_woken else timedelta()

    def wake_delay(self, key: Key) -> timedelta:
        """Return how long a run has to wait that a change asks for while the key does not run; 0: not at all."""
        burst: _Burst | None = self._bursts.get(key)
        left = burst.until - self._clock.monotonic() if burst else 0.0
        if left <= 0:
            self._bursts.pop(key, None)
            return timedelta()
        return timedelta(seconds=left)
