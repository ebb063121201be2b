"""How long a command may take: one deadline for all its requests, pauses and plugins."""

import time
from collections.abc import Callable

from controllers.runtime.kube.errors import ApiError


class TimedOut(ApiError):
    """Our own `--timeout` has passed. A request under way may have been carried out."""

    def __init__(self, operation: str, allowed: str) -> None:
        super().__init__(operation, "", reason="TimedOut")
        self.message = f"{operation}: not done within --timeout={allowed}; raise --timeout if the server is slow"
        self.args = (self.message,)


class Deadline:
    """The time until which everything must be done; time goes by on a clock that never goes backwards."""

    def __init__(
        self,
        seconds: float | None,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """seconds: from now; None for no limit."""
        self._seconds = seconds
        self._monotonic = monotonic
        self._sleep = sleep
        self._end = None if seconds is None else monotonic() + seconds

    def remaining(self) -> float | None:
        """Return the seconds that are left, 0 when none are; None for no limit."""
        return None if self._end is None else max(self._end - self._monotonic(), 0.0)

    def has_passed(self) -> bool:
        """Return whether no time is left; a socket's own clock may be some milliseconds ahead."""
        left = self.remaining()
        return left is not None and left < 0.01

    def check(self, operation: str) -> None:
        """Raise TimedOut when no time is left for `operation`."""
        if self.has_passed():
            raise self.error(operation)

    def error(self, operation: str) -> TimedOut:
        """Return the error for an operation that this deadline has ended."""
        return TimedOut(operation, f"{self._seconds or 0:g}s")

    def within(self, seconds: float | None) -> "Deadline":
        """Return a deadline for a part of the work: after `seconds`, but not later than this one."""
        left = [limit for limit in (self.remaining(), seconds) if limit is not None]
        return Deadline(min(left) if left else None, monotonic=self._monotonic, sleep=self._sleep)

    def anew(self, seconds: float | None) -> "Deadline":
        """Return a deadline on the same clock that does not heed this one."""
        return Deadline(seconds, monotonic=self._monotonic, sleep=self._sleep)

    def allows(self, seconds: float) -> bool:
        """Return whether more than `seconds` are left."""
        left = self.remaining()
        return left is None or left > seconds

    def sleep(self, seconds: float) -> None:
        """Pause, but not beyond the deadline."""
        left = self.remaining()
        self._sleep(seconds if left is None else min(seconds, left))
