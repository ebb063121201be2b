"""A clock that leaps: it stands still until it is moved, and then goes from one thing that is due to the next.

`testing.clock.VirtualClock` wakes everybody at exactly their time. A process looks at its event loop ten times a
second, which makes ten minutes of virtual time seconds of real time; here such short sleeps are over when something
else happens.
"""

import asyncio
import heapq
import itertools
from datetime import datetime, timedelta

from testing.clock import START

SHORT_SECONDS = 0.5
"""Sleeps up to this length are over at the next leap."""
_TURNS = 5


class LeapingClock:
    """A `Clock` for whole processes."""

    def __init__(self) -> None:
        self._elapsed = 0.0
        self._order = itertools.count()
        self._sleepers: list[tuple[float, int, asyncio.Future[None], float]] = []

    def now(self) -> datetime:
        return START + timedelta(seconds=self._elapsed)

    def monotonic(self) -> float:
        return self._elapsed

    async def sleep(self, seconds: float) -> None:
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        wake: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._elapsed + seconds, next(self._order), wake, seconds))
        await wake

    def next_wake(self, *, longer_than: float = 0.0) -> float | None:
        """Return the seconds until the first one wakes of those that sleep for longer; None when there is none."""
        due = [at for at, _, wake, seconds in self._sleepers if seconds > longer_than and not wake.done()]
        return max(min(due) - self._elapsed, 0) if due else None

    async def leap(self, seconds: float) -> None:
        """Move time, wake all whose time has come, and let them run a little."""
        self._elapsed += seconds
        while self._sleepers and self._sleepers[0][0] <= self._elapsed:
            wake = heapq.heappop(self._sleepers)[2]
            if not wake.done():  # else it was cancelled
                wake.set_result(None)
        for _ in range(_TURNS):
            await asyncio.sleep(0)

    def skip(self, seconds: float) -> None:
        """Move time while nobody sleeps."""
        self._elapsed += seconds
