"""Deliveries that were acted on, of each hook. In memory alone: what a copy after a restart wakes is woken already."""

import hashlib
from collections import OrderedDict
from datetime import datetime
from typing import Final

from controllers.webhooks.replay import KEPT_FOR, MAX_KEPT, Freshness, Memory, check
from controllers.webhooks.verdict import Delivery

MAX_HOOKS: Final = 128
DIGEST_BYTES: Final = 16


class Deliveries:
    """The rules of `webhooks.replay`, without a new memory for each request. Bounded: 128 hooks."""

    def __init__(self) -> None:
        self._arrivals: OrderedDict[str, dict[bytes, datetime]] = OrderedDict()
        """By hook; of each the oldest first, by what is made of the sender's id: that may be long."""

    def check(self, hook: str, delivery: Delivery, *, now: datetime) -> Freshness:
        """Return whether a delivery is to be acted on. hook: uid of the Receiver."""
        arrived = self._arrivals.get(hook, {}).get(_digest(delivery))
        known = Memory({delivery.id: arrived} if arrived and delivery.id else {})
        return check(delivery, known, now=now)[0]

    def remember(self, hook: str, delivery: Delivery, *, now: datetime) -> None:
        """Take note of a delivery that was acted on: one that failed is wanted again."""
        if not delivery.id:
            return
        arrivals = self._arrivals.setdefault(hook, {})
        self._arrivals.move_to_end(hook)
        digest = _digest(delivery)
        arrivals.pop(digest, None)
        arrivals[digest] = now
        while (oldest := next(iter(arrivals))) and (len(arrivals) > MAX_KEPT or now - arrivals[oldest] > KEPT_FOR):
            del arrivals[oldest]
        while len(self._arrivals) > MAX_HOOKS:
            self._arrivals.popitem(last=False)


def _digest(delivery: Delivery) -> bytes:
    return hashlib.sha256(delivery.id.encode("utf-8", "replace")).digest()[:DIGEST_BYTES]
