"""What one registry may be asked at once, and when it is better left alone.

All objects that reach a registry over the same way share a budget: a few operations at a time, none while the registry
asked to be left alone, and none for a while after it could not be reached several times in a row. What a registry asks
of one identity holds for that identity only, or one tenant's quota would stop the others. Nothing here is persistent.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Hashable
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

PATIENCE = 3
"""Refusals in a row, without a word about when to come again, until we think of a time ourselves."""
FIRST_PAUSE = timedelta(seconds=5)
LONGEST_PAUSE = timedelta(minutes=5)


class Clock(Protocol):
    """What this package needs of time; the wall clock is for dates in headers."""

    def monotonic(self) -> float: ...
    async def sleep(self, seconds: float) -> None: ...


class Observer(Protocol):
    """Who is told how registries are asked; `host` is the registry of the operation."""

    def answered(self, host: str, status: int) -> None:
        """A request was answered; 0: it was not."""

    def throttled(self, host: str) -> None:
        """The registry asked to be left alone."""

    def held_back(self, host: str) -> None:
        """An operation was not begun, because the registry is left alone."""

    def circuit(self, host: str, *, is_open: bool) -> None:
        """The registry is left alone because it cannot be reached, or no longer."""


class NoObserver:
    """Tells nobody."""

    def answered(self, host: str, status: int) -> None: ...
    def throttled(self, host: str) -> None: ...
    def held_back(self, host: str) -> None: ...
    def circuit(self, host: str, *, is_open: bool) -> None: ...


@dataclass(frozen=True, slots=True)
class Entrance:
    """The way to a registry: what a budget is for."""

    host: str
    way: Hashable
    """TLS and proxy."""


@dataclass(slots=True)
class Budget:
    """One registry over one way."""

    slots: asyncio.Semaphore
    next_request: float = float("-inf")
    """When the next request may go, in monotonic seconds."""
    failures: int = 0
    closed_until: float = float("-inf")
    failure: str = ""
    pauses: LRUCache[Hashable, tuple[float, str]] = field(default_factory=lambda: LRUCache(MAX_PAUSES))
    """Until when an identity waits, and why."""
    refusals: LRUCache[Hashable, int] = field(default_factory=lambda: LRUCache(MAX_PAUSES))
    """How often in a row an identity was told to come again, but not when."""


class Place:
    """A place at a registry: one operation's leave to send requests."""

    def __init__(self, budgets: "Budgets", entrance: Entrance, budget: Budget) -> None:
        self._budgets = budgets
        self._entrance = entrance
        self._budget = budget

    async def admit(self) -> None:
        """Returns when the next request may be sent."""
        await self._budgets.pace(self._budget)

    def answered(self, status: int) -> None:
        """Tells the observer of an answer; 0: there was none."""
        self._budgets.observer.answered(self._entrance.host, status)


class Budgets:
    """The budgets of all registries; used from one event loop."""

    def __init__(
        self,
        clock: Clock,
        *,
        concurrency: int = CONCURRENCY,
        rate: float = 0.0,
        jitter: Callable[[], float] = random.random,
        observer: Observer | None = None,
    ) -> None:
        """concurrency: operations at a time on one registry. rate: requests a second to it; 0 is without a limit."""
        self._clock = clock
        self._concurrency = concurrency
        self._gap = 1 / rate if rate else 0.0
        self._jitter = jitter
        self.observer = observer or NoObserver()
        self._budgets: LRUCache[Entrance, Budget] = LRUCache(MAX_BUDGETS)

    @asynccontextmanager
    async def operation(self, entrance: Entrance, identity: Hashable) -> AsyncIterator[Place]:
        """Waits for a place, then lets the operation run; learns from how it ends.

        identity: whose quota it is. Raises Throttled and Unavailable at once, without a request and with the text of
        the error that led to it, while the registry is to be left alone.
        """
        budget = self._budgets.get(entrance)
        if budget is None:
            budget = self._budgets[entrance] = Budget(asyncio.Semaphore(self._concurrency))
        async with budget.slots:
            self._check(entrance, budget, identity)
            try:
                yield Place(self, entrance, budget)
            except RegistryError as error:
                self._learn(entrance, budget, identity, error)
                raise
            budget.refusals.pop(identity, None)
            self._reached(entrance, budget)

    def pause(self, entrance: Entrance, identity: Hashable, duration: timedelta, reason: str) -> None:
        """Nothing more is asked for `identity` until `duration` is over; operations fail with `reason`."""
        if budget := self._budgets.get(entrance):
            budget.pauses[identity] = self._clock.monotonic() + duration.total_seconds(), reason
            self.observer.throttled(entrance.host)

    async def pace(self, budget: Budget) -> None:
        """Returns when the next request is due; requests are evenly spread."""
        if not self._gap:
            return
        now = self._clock.monotonic()
        due = max(budget.next_request, now)
        budget.next_request = due + self._gap
        if due > now:
            await self._clock.sleep(due - now)

    def _check(self, entrance: Entrance, budget: Budget, identity: Hashable) -> None:
        now = self._clock.monotonic()
        until, reason = budget.pauses.get(identity, (now, ""))
        if until > now:
            self.observer.held_back(entrance.host)
            raise Throttled(reason, timedelta(seconds=until - now))
        if budget.closed_until > now:
            self.observer.held_back(entrance.host)
            raise Unavailable(budget.failure)

    def _learn(self, entrance: Entrance, budget: Budget, identity: Hashable, error: RegistryError) -> None:
        if isinstance(error, Throttled):
            if pause := error.retry_after or self._own_pause(budget, identity):
                self.pause(entrance, identity, pause, str(error))
        else:
            budget.refusals.pop(identity, None)
        if not (isinstance(error, Unavailable) and error.unreachable):
            self._reached(entrance, budget)
            return
        budget.failures += 1
        budget.failure = str(error)
        if budget.failures >= UNREACHABLE_AFTER:
            budget.closed_until = self._clock.monotonic() + UNREACHABLE_FOR.total_seconds()
            self.observer.circuit(entrance.host, is_open=True)

    def _own_pause(self, budget: Budget, identity: Hashable) -> timedelta | None:
        """How long to stay away from a registry that refuses again and again, but does not say for how long."""
        refusals = budget.refusals[identity] = budget.refusals.get(identity, 0) + 1
        if refusals < PATIENCE:
            return None
        pause: timedelta = FIRST_PAUSE * 2 ** min(refusals - PATIENCE, 16)
        return min(pause, LONGEST_PAUSE) * (1 + self._jitter() / 2)

    def _reached(self, entrance: Entrance, budget: Budget) -> None:
        if budget.failures:
            budget.failures = 0
            self.observer.circuit(entrance.host, is_open=False)
