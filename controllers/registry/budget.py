"""What one registry may be asked at once, and when it is better left alone.

All objects that reach a registry over the same way share a budget: a few operations at a time, none while the registry
asked to be left alone, and none for a while after it could not be reached several times in a row. What a registry asks
of one identity holds for that identity only, or one tenant's quota would stop the others. Nothing here is persistent.
"""

import asyncio
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Protocol

from cachetools import LRUCache

from controllers.registry.errors import RegistryError, Throttled, Unavailable

CONCURRENCY = 4
MAX_BUDGETS = 4096
MAX_PAUSES = 4096

UNREACHABLE_AFTER = 5
"""Failures in a row until nobody tries any more for a while."""
UNREACHABLE_FOR = timedelta(seconds=10)


class Clock(Protocol):
    """What this package needs of time; the wall clock is for dates in headers."""

    def monotonic(self) -> float: ...
    async def sleep(self, seconds: float) -> None: ...


@dataclass(slots=True)
class Budget:
    """One registry over one way."""

    slots: asyncio.Semaphore
    failures: int = 0
    closed_until: float = float("-inf")
    failure: str = ""
    pauses: LRUCache[Hashable, tuple[float, str]] = field(default_factory=lambda: LRUCache(MAX_PAUSES))
    """Until when an identity waits, and why."""


class Budgets:
    """The budgets of all registries; used from one event loop."""

    def __init__(self, clock: Clock, *, concurrency: int = CONCURRENCY) -> None:
        self._clock = clock
        self._concurrency = concurrency
        self._budgets: LRUCache[Hashable, Budget] = LRUCache(MAX_BUDGETS)

    @asynccontextmanager
    async def operation(self, way: Hashable, identity: Hashable) -> AsyncIterator[None]:
        """Waits for a place, then lets the operation run; learns from how it ends.

        way: registry, TLS and proxy. identity: whose quota it is. Raises Throttled and Unavailable at once, without a
        request and with the text of the error that led to it, while the registry is to be left alone.
        """
        budget = self._budgets.get(way)
        if budget is None:
            budget = self._budgets[way] = Budget(asyncio.Semaphore(self._concurrency))
        async with budget.slots:
            self._check(budget, identity)
            try:
                yield
            except RegistryError as error:
                self._learn(budget, identity, error)
                raise
            budget.failures = 0

    def pause(self, way: Hashable, identity: Hashable, duration: timedelta, reason: str) -> None:
        """Nothing more is asked of `way` for `identity` until `duration` is over; operations fail with `reason`."""
        if budget := self._budgets.get(way):
            budget.pauses[identity] = self._clock.monotonic() + duration.total_seconds(), reason

    def _check(self, budget: Budget, identity: Hashable) -> None:
        now = self._clock.monotonic()
        until, reason = budget.pauses.get(identity, (now, ""))
        if until > now:
            raise Throttled(reason, timedelta(seconds=until - now))
        if budget.closed_until > now:
            raise Unavailable(budget.failure)

    def _learn(self, budget: Budget, identity: Hashable, error: RegistryError) -> None:
        now = self._clock.monotonic()
        if isinstance(error, Throttled) and error.retry_after:
            budget.pauses[identity] = now + error.retry_after.total_seconds(), str(error)
        if not (isinstance(error, Unavailable) and error.unreachable):
            budget.failures = 0
            return
        budget.failures += 1
        budget.failure = str(error)
        if budget.failures >= UNREACHABLE_AFTER:
            budget.closed_until = now + UNREACHABLE_FOR.total_seconds()
