"""Time as an argument: what tests replace by `testing.VirtualClock`."""

import asyncio
import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Wall time, monotonic time and sleeping."""

    def now(self) -> datetime:
        """Wall time, timezone-aware UTC: for what is written into objects."""

    def monotonic(self) -> float:
        """Seconds from an arbitrary point that never go backwards: for deadlines and durations."""

    async def sleep(self, seconds: float) -> None:
        """Return after `seconds` of monotonic time; zero or less yields once."""


class SystemClock:
    """The machine's clock and the event loop's timers."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(max(seconds, 0))


SYSTEM_CLOCK = SystemClock()
"""Stateless, so one is enough."""
