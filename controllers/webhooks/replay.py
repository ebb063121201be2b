"""Deliveries that come twice: sent again by their sender, or by somebody who has recorded them.

Neither is an error. Pub/Sub delivers at least once and repeats what is not answered with 2xx, so a copy is answered as
the first one was, and wakes nothing. Where a sender gives no id there is nothing to compare; what a copy could do then
is one more scan, within the limits of rates.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from controllers.webhooks.verdict import Delivery

KEPT_FOR: Final = timedelta(hours=24)
"""EventBridge tries for as long. What is older has been found by polling."""
MAX_KEPT: Final = 2_000


class Freshness(StrEnum):
    """Whether a delivery is to be acted on."""

    FRESH = "fresh"
    DUPLICATE = "duplicate"
    STALE = "stale"


@dataclass(frozen=True, slots=True)
class Memory:
    """The deliveries of one hook that were acted on, the oldest first. Only authenticated ones belong in it."""

    arrivals: Mapping[str, datetime] = field(default_factory=dict)


def check(
    delivery: Delivery, memory: Memory, *, now: datetime, kept_for: timedelta = KEPT_FOR, max_kept: int = MAX_KEPT
) -> tuple[Freshness, Memory]:
    """Return whether a delivery is fresh, and the memory after it.

    Older than the memory reaches: STALE, since nobody can say whether it is a copy. Of more than `max_kept` the oldest
    are forgotten; a copy of one of them passes, since a wake-up that is lost is worse than one too many.
    """
    if delivery.sent is not None and now - delivery.sent > kept_for:
        return Freshness.STALE, memory
    if not delivery.id:
        return Freshness.FRESH, memory
    kept = {known: arrived for known, arrived in memory.arrivals.items() if now - arrived <= kept_for}
    if delivery.id in kept:
        return Freshness.DUPLICATE, Memory(kept)
    kept[delivery.id] = now
    for oldest in list(kept)[: max(len(kept) - max_kept, 0)]:
        del kept[oldest]
    return Freshness.FRESH, Memory(kept)
