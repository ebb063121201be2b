"""The way to a remote, as the session (`session.py`) needs it, whatever carries it; and its time limit.

Everything here blocks and runs in worker threads.
"""

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta
from typing import Protocol

from controllers.git.errors import DeadlineExceeded
from controllers.git.protocol.pktline import Stream


class Deadline:
    """The end of the time for one operation, which begins with its first step; abandoned, it ends at once."""

    def __init__(self, timeout: timedelta, *, monotonic: Callable[[], float]) -> None:
        self._timeout = timeout
        self._monotonic = monotonic
        self._end: float | None = None
        self._abandoned = threading.Event()

    def remaining(self) -> float:
        """Seconds left, more than zero. Raises DeadlineExceeded."""
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
        return DeadlineExceeded(f"timed out after {self._timeout.total_seconds():g}s")

    def abandon(self) -> None:
        """Makes the thread stop at its next step. Safe to call from another thread."""
        self._abandoned.set()


class GitTransport(Protocol):
    """Requests to one repository as one identity. Safe to use from several threads."""

    def advertise(self, service: str, deadline: Deadline) -> AbstractContextManager[Stream]:
        """The remote's greeting for a service (`git-upload-pack`, `git-receive-pack`). One round trip."""

    def send_request(
        self, service: str, body: bytes, deadline: Deadline, *, version: int, max_bytes: int
    ) -> AbstractContextManager[Stream]:
        """The answer to a request; reading it beyond `max_bytes` raises RepositoryTooLarge."""

    def close(self) -> None:
        """Gives up connections that are kept."""
