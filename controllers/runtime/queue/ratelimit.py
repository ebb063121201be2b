"""How often something may happen: exponential backoff for one key, a token bucket for all of them, spread intervals.

All are plain arithmetic over what is passed in, so they neither sleep nor schedule; the workqueue and the event
recorder do that. Figures follow Flux's flags `--min-retry-delay` and `--max-retry-delay`.
"""

import zlib
from dataclasses import dataclass
from datetime import timedelta

_MAX_DOUBLINGS = 32  # 750 ms doubled 32 times is a century: the cap has long decided, and 2**n stays small


@dataclass(frozen=True, slots=True)
class Backoff:
    """Delay after the n-th failure in a row: `minimum`, doubled each time, never above `maximum`."""

    minimum: timedelta = timedelta(milliseconds=750)
    maximum: timedelta = timedelta(minutes=15)

    def delay(self, failures: int) -> timedelta:
        """Return the wait after `failures` failures (1 = the first); 0 and less count as 1."""
        doublings = min(max(failures - 1, 0), _MAX_DOUBLINGS)
        return min(self.minimum * (1 << doublings), self.maximum)


class TokenBucket:
    """Refills `rate` tokens a second up to `burst`; starts full. Not safe across threads."""

    __slots__ = ("_burst", "_rate", "_tokens", "_updated")

    def __init__(self, rate: float, burst: float) -> None:
        self._rate = rate
        self._burst = burst
        self._tokens = burst
        self._updated = float("-inf")

    def reserve(self, monotonic: float) -> float:
        """Take a token, on credit where there is none; return the seconds until it is really there."""
        self._refill(monotonic)
        self._tokens -= 1
        return 0.0 if self._tokens >= 0 else -self._tokens / self._rate

    def allow(self, monotonic: float) -> bool:
        """Take a token if there is one."""
        self._refill(monotonic)
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True

    def _refill(self, monotonic: float) -> None:
        elapsed = max(monotonic - self._updated, 0.0)
        self._tokens = min(self._tokens + elapsed * self._rate, self._burst)
        self._updated = monotonic


def default_bucket() -> TokenBucket:
    """Return what limits retries: ten a second after a hundred at once, controller-runtime's figures."""
    return TokenBucket(rate=10, burst=100)


def spread(interval: timedelta, *, percentage: int, seed: str) -> timedelta:
    """Return `interval`, shorter or longer by up to `percentage`; 0 leaves it as it is.

    The same seed gives the same result, in another process too. In whole milliseconds.
    """
    if not percentage:
        return interval
    share = zlib.crc32(seed.encode()) / (1 << 31) - 1  # from -1 up to 1
    return timedelta(milliseconds=round(interval / timedelta(milliseconds=1) * (1 + share * percentage / 100)))
