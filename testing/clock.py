"""Virtual time: nothing sleeps, a test moves the clock."""

import asyncio
import heapq
import itertools
from datetime import UTC, datetime, timedelta

START = datetime(2024, 1, 1, tzinfo=UTC)
TEST_TIMEOUT_SECONDS = 10.0
"""Real time after which a wait for something that never happens fails the test instead of hanging it."""
_SETTLE_TURNS = 20


class VirtualClock:
    """A `Clock` that stands still until it is moved; with `auto_advance`, each sleep moves it and is over at once.

    Sleepers wake in the order of their deadlines, each at exactly its deadline, and run until they wait again
    before the next one wakes. What waits for sockets or threads needs real turns of the loop: await what it does.
    """

    def __init__(self, start: datetime = START, *, auto_advance: bool = False) -> None:
        self.slept: list[float] = []
        """Seconds of each sleep, in the order they began."""
        self._start = start
        self._auto_advance = auto_advance
        self._elapsed = 0.0
        self._order = itertools.count()
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._more_sleepers = asyncio.Event()

    def now(self) -> datetime:
        return self._start + timedelta(seconds=self._elapsed)

    def monotonic(self) -> float:
        return self._elapsed

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        if self._auto_advance:
            await self.advance(seconds)
            return
        wake: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._elapsed + seconds, next(self._order), wake))
        self._more_sleepers.set()
        await wake

    async def advance(self, seconds: float) -> None:
        """Move time forward, wake everybody whose deadline has passed, and let them run."""
        target = self._elapsed + seconds
        await settle()
        while self._sleepers and self._sleepers[0][0] <= target:
            deadline, _, wake = heapq.heappop(self._sleepers)
            if wake.done():  # cancelled
                continue
            self._elapsed = max(self._elapsed, deadline)
            wake.set_result(None)
            await settle()
        self._elapsed = target
        await settle()

    def skip(self, seconds: float) -> None:
        """Move time forward while nobody runs, as when the event loop is held; sleepers wake at the next `advance`."""
        self._elapsed += seconds

    def step_wall_clock(self, seconds: float) -> None:
        """Step the wall clock without monotonic time passing, as NTP does."""
        self._start += timedelta(seconds=seconds)

    @property
    def sleeper_count(self) -> int:
        """The number of tasks that sleep now."""
        return sum(not wake.done() for _, _, wake in self._sleepers)

    @property
    def next_wake(self) -> float | None:
        """Seconds until the first sleeper wakes; None when nobody sleeps."""
        pending = [deadline for deadline, _, wake in self._sleepers if not wake.done()]
        return min(pending) - self._elapsed if pending else None

    async def wait_for_sleepers(self, count: int = 1) -> None:
        """Return once at least `count` tasks sleep; for code that does real I/O before it sleeps."""
        async with asyncio.timeout(TEST_TIMEOUT_SECONDS):
            while self.sleeper_count < count:
                self._more_sleepers.clear()
                await self._more_sleepers.wait()

    async def wait_for_wake(self, within: float) -> float:
        """Return the seconds until the first sleeper wakes, once one wakes `within` so many seconds."""
        async with asyncio.timeout(TEST_TIMEOUT_SECONDS):
            while self.next_wake is None or self.next_wake > within:
                self._more_sleepers.clear()
                await self._more_sleepers.wait()
        return self.next_wake


async def settle() -> None:
    """Let every task that can run without I/O run until it waits."""
    for _ in range(_SETTLE_TURNS):
        await asyncio.sleep(0)
