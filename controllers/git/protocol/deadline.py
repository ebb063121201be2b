"""The time limit of one operation, shared by the thread that works and the task that waits for it."""

import threading
from collections.abc import Callable
from datetime import timedelta

from controllers.git.errors import DeadlineExceeded


class Deadline:
    """The end of one operation: `timeout` after its first step, or at once when it is abandoned."""

    def __init__(self, timeout: timedelta, *, monotonic: Callable[[], float]) -> None:
        self._timeout = timeout
        self._monotonic = monotonic
        self._end: float | None = None
        self._abandoned = threading.Event()

    def remaining(self) -> float:
        """Return the seconds left, more than zero; the first call starts the time. Raises DeadlineExceeded."""
        if self._abandoned.is_set():
            raise DeadlineExceeded("the operation was abandoned")
        now = self._monotonic()
        if self._end is None:
            self._end = now + self._timeout.total_seconds()
        left = self._end - now
        if left <= 0:
            raise self.exceeded()
        return left

    def exceeded(self) -> DeadlineExceeded:
        """Return the error to raise when the time is used up."""
        return DeadlineExceeded(f"timed out after {self._timeout.total_seconds():g}s")

    def abandon(self) -> None:
        """Make the thread stop at its next step. Safe to call from another thread."""
        self._abandoned.set()
