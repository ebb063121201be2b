"""Deliveries that were acted on, of each hook. In memory alone: what a copy after a restart wakes is woken already."""

import hashlib
from collections import OrderedDict
from dataclasses import replace
from datetime import datetime
from typing import Final

from controllers.webhooks.replay import Freshness, Memory, check
from controllers.webhooks.verdict import Delivery

MAX_HOOKS: Final = 128


class Deliveries:
    """Bounded: 128 hooks, of each the latest two thousand."""

    def __init__(self) -> None:
        self._memories: OrderedDict[str, Memory] = OrderedDict()

    def check(self, hook: str, delivery: Delivery, *, now: datetime) -> Freshness:
        """Return whether a delivery is to be acted on. hook: uid of the Receiver."""
        return check(_short(delivery), self._memories.get(hook, Memory()), now=now)[0]

    def remember(self, hook: str, delivery: Delivery, *, now: datetime) -> None:
        """Take note of a delivery that was acted on: one that failed is wanted again."""
        if not delivery.id:
            return
        _, self._memories[hook] = check(_short(delivery), self._memories.get(hook, Memory()), now=now)
        self._memories.move_to_end(hook)
        while len(self._memories) > MAX_HOOKS:
            self._memories.popitem(last=False)


def _short(delivery: Delivery) -> Delivery:
    """Return a delivery whose id takes little memory, however long the sender's is."""
    return (
        replace(delivery, id=hashlib.sha256(delivery.id.encode("utf-8", "replace")).hexdigest()[:32])
        if delivery.id
        else delivery
    )
