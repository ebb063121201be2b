"""The time limit of one operation, shared by the thread that works and the task that waits for it."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TypeVar

from controllers.git.errors import DeadlineExceeded

T = TypeVar("T")

CUT_SECONDS = 0.25
"""How long a thread has to notice the end of its time: by itself, and after its connections are cut."""


class Deadline:
    """The end of one operation: `timeout` after its first step, or at once when it is abandoned.

    What blocks the thread is cut then: see `cutting`. A server that sends a byte from time to time would otherwise keep
    it for ever, as time limits of sockets are for each byte.
    """

    def __init__(self, timeout: timedelta, *, monotonic: Callable[[], float]) -> None:
        self._timeout = timeout
        self._monotonic = monotonic
        self._end: float | None = None
        self._lock = threading.Lock()
        self._is_abandoned = False
        self._cuts: dict[object, Callable[[], None]] = {}

    def remaining(self) -> float:
        """Return the seconds left, more than zero; the first call starts the time. Raises DeadlineExceeded."""
        if self._is_abandoned:
            raise DeadlineExceeded("the operation was abandoned")
        now = self._monotonic()
        if self._end is None:
            self._end = now + self._timeout.total_seconds()
        left = self._end - now
        if left <= 0:
            raise self.exceeded()
        return left

    def seconds_left(self) -> float:
        """Return the seconds left, zero when there are none. Does not start the time."""
        if self._end is None:
            return self._timeout.total_seconds()
        return max(self._end - self._monotonic(), 0)

    def exceeded(self) -> DeadlineExceeded:
        """Return the error to raise when the time is used up."""
        return DeadlineExceeded(f"timed out after {self._timeout.total_seconds():g}s")

    def abandon(self) -> None:
        """Make the thread stop at once. Safe to call from another thread."""
        with self._lock:
            self._is_abandoned = True
            self._cut()

    def enforce(self) -> bool:
        """Cut what blocks the thread if the time is over; return whether it is. Safe to call from another thread."""
        with self._lock:
            over = self._is_over()
            if over:
                self._cut()
            return over

    async def result_of(self, future: "asyncio.Future[T]") -> T:
        """Return what the thread returns, or raise what it raises.

        Raises DeadlineExceeded when the time is over, whatever the thread does: it is cut then. A caller that is gone
        ends it, too.
        """
        try:
            while not (await asyncio.wait({future}, timeout=self.seconds_left() + CUT_SECONDS))[0]:
                if self.enforce() and not (await asyncio.wait({future}, timeout=CUT_SECONDS))[0]:
                    raise self.exceeded()
            return future.result()
        except asyncio.CancelledError:
            self.abandon()
            raise

    @contextmanager
    def cutting(self, cut: Callable[[], None]) -> Iterator[None]:
        """Call `cut` when the operation ends before the block does. It must neither block nor raise."""
        key = object()
        with self._lock:
            self._cuts[key] = cut
            if self._is_over():
                self._cut()
        try:
            yield
        finally:
            with self._lock:
                self._cuts.pop(key, None)

    def _is_over(self) -> bool:
        return self._is_abandoned or (self._end is not None and self._monotonic() >= self._end)

    def _cut(self) -> None:
        for cut in self._cuts.values():
            cut()
