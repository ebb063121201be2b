"""Rates by whom or what they are for: a token bucket each, of which those not used for longest are forgotten."""

from collections import OrderedDict
from collections.abc import Hashable
from typing import Final

from controllers.runtime.queue.ratelimit import TokenBucket

MAX_BUCKETS: Final = 4096
BURST_SECONDS: Final = 2
"""So long a sender may be twice as fast as its rate."""


class Rates:
    """One rate for many."""

    def __init__(self, rate: float) -> None:
        """Build it. rate: requests a second."""
        self._rate = rate
        self._buckets: OrderedDict[Hashable, TokenBucket] = OrderedDict()

    def allow(self, key: Hashable, monotonic: float) -> bool:
        """Count a request; return whether it is within the rate."""
        bucket = self._buckets.get(key)
        if bucket is None:
            bucket = self._buckets[key] = TokenBucket(self._rate, max(self._rate * BURST_SECONDS, 1))
            if len(self._buckets) > MAX_BUCKETS:
                self._buckets.popitem(last=False)
        else:
            self._buckets.move_to_end(key)
        return bucket.allow(monotonic)
