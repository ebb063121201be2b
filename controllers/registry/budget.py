"""What one registry may be asked at once, and when it is better left alone.

All objects that reach a registry over the same route share a budget: a few operations at a time, and so many requests a
second. Whoever owns an object, a namespace, has no more of them than one registry may have, and those that take long
are counted for their owner alone: a registry on which one tenant's repository never answers serves the others.

It is left alone while it asked for that, and for a while after it could not be reached several times in a row. Each
owner finds that out for itself: what a registry answers for one tenant's repository may be that tenant's doing. What it
asks of one identity holds for that identity only. Nothing here is persistent.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Hashable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import NamedTuple, Protocol
from weakref import WeakValueDictionary

from cachetools import LRUCache, TLRUCache

from controllers.clock import Clock
from controllers.faircache import FairCache
from controllers.registry.errors import RegistryError, Throttled, Unavailable

CONCURRENCY = 4
MAX_BUDGETS = 4096
"""Of owners at registries, besides those in use. Who goes to very many registries loses what it has met at some."""
MAX_PAUSES = 4096

LONG_OPERATION_SECONDS = 2.0
"""Of real time. An operation that takes longer no longer keeps the operations of other owners from their turn."""

CIRCUIT_FAILURES = 5
"""Failures in a row until nobody tries any more for a while."""
CIRCUIT_OPEN_DURATION = timedelta(seconds=10)

THROTTLES_BEFORE_BACKOFF = 3
"""Refusals in a row, without a word about when to come again, until we think of a time ourselves."""
INITIAL_BACKOFF = timedelta(seconds=5)
MAX_BACKOFF = timedelta(minutes=5)
MAX_OUTAGE_PAUSE = CIRCUIT_OPEN_DURATION
"""A registry that says it is down, and names a time, is left alone by all for no longer: it may be back sooner, and who
asks then gets an answer. Retries still come at the time that was named."""


class Observer(Protocol):
    """Counts what happens between us and registries; `host` is the registry of the operation."""

    def record_response(self, host: str, status: int) -> None:
        """Record the status of an answer; 0: there was none."""

    def record_throttled(self, host: str) -> None:
        """Record that the registry asked to be left alone."""

    def record_rejected(self, host: str) -> None:
        """Record that an operation was not begun, because the registry is left alone."""

    def set_circuit(self, host: str, *, is_open: bool) -> None:
        """Record whether the registry is left alone because it cannot be reached."""


class NoObserver:
    """Counts nothing."""

    def record_response(self, host: str, status: int) -> None: ...
    def record_throttled(self, host: str) -> None: ...
    def record_rejected(self, host: str) -> None: ...
    def set_circuit(self, host: str, *, is_open: bool) -> None: ...


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A registry and the route to it: what a budget is for."""

    host: str
    route: Hashable
    """TLS and proxy."""


class Pause(NamedTuple):
    """A time in which one identity asks for nothing."""

    until: float
    """In monotonic seconds."""
    reason: str


@dataclass(slots=True, weakref_slot=True)
class EndpointBudget:
    """One registry over one route, for all; there as long as an owner has a part of it."""

    slots: asyncio.Semaphore
    next_request: float = float("-inf")
    """When the next request may go, in monotonic seconds."""


@dataclass(slots=True)
class OwnerBudget:
    """One owner's part of it, and what that owner has met there."""

    shared: EndpointBudget
    slots: asyncio.Semaphore
    pauses: TLRUCache[Hashable, "Pause"]
    """Which identities wait."""
    failures: int = 0
    open_until: float = float("-inf")
    last_error: str = ""
    throttles: LRUCache[Hashable, int] = field(default_factory=lambda: LRUCache(MAX_PAUSES))
    """How often in a row an identity was throttled without a time to come again."""
    users: int = 0
    """Operations that run or wait."""


class Permit:
    """One operation's leave to send requests to a registry."""

    def __init__(self, budgets: "Budgets", endpoint: Endpoint, budget: EndpointBudget) -> None:
        self._budgets = budgets
        self._endpoint = endpoint
        self._budget = budget

    async def wait_turn(self) -> None:
        """Wait until the next request may be sent."""
        await self._budgets.wait_turn(self._budget)

    def record_response(self, status: int) -> None:
        """Record the status of an answer; 0: there was none."""
        self._budgets.observer.record_response(self._endpoint.host, status)


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
        self._interval = 1 / rate if rate else 0.0
        self._jitter = jitter
        self.observer = observer or NoObserver()
        self._endpoints: WeakValueDictionary[Endpoint, EndpointBudget] = WeakValueDictionary()
        self._owners: FairCache[Endpoint, OwnerBudget] = FairCache(MAX_BUDGETS, is_in_use=lambda held: held.users > 0)

    @asynccontextmanager
    async def acquire(self, endpoint: Endpoint, identity: Hashable, *, owner: str = "") -> AsyncIterator[Permit]:
        """Wait for a permit, then let the operation run; learn from how it ends.

        identity: whose quota it is. owner: for whom it is. Raises Throttled and Unavailable at once, without a request
        and with the text of the error that led to it, while the registry is to be left alone.
        """
        budget = self._owners.get(owner, endpoint)
        if budget is None:
            budget = self._new_budget(endpoint)
            self._owners.put(owner, endpoint, budget)
        with _counted(budget):
            async with budget.slots, _Loan(budget.shared.slots):
                self._reject_if_closed(endpoint, budget, identity)
                try:
                    yield Permit(self, endpoint, budget.shared)
                except RegistryError as error:
                    self._record_error(endpoint, budget, identity, error)
                    raise
                budget.throttles.pop(identity, None)
                self._close_circuit(endpoint, budget)

    def pause(
        self, endpoint: Endpoint, identity: Hashable, duration: timedelta, reason: str, *, owner: str = ""
    ) -> None:
        """Reject operations of `identity` for `owner` with `reason` until `duration` is over."""
        if budget := self._owners.get(owner, endpoint):
            self._pause(endpoint, budget, identity, duration, reason)

    async def wait_turn(self, budget: EndpointBudget) -> None:
        """Wait until the next request is due; requests are evenly spread."""
        if not self._interval:
            return
        now = self._clock.monotonic()
        due = max(budget.next_request, now)
        budget.next_request = due + self._interval
        if due > now:
            await self._clock.sleep(due - now)

    def _pause(
        self, endpoint: Endpoint, budget: OwnerBudget, identity: Hashable, duration: timedelta, reason: str
    ) -> None:
        budget.pauses[identity] = Pause(self._clock.monotonic() + duration.total_seconds(), reason)
        self.observer.record_throttled(endpoint.host)

    def _new_budget(self, endpoint: Endpoint) -> OwnerBudget:
        shared = self._endpoints.get(endpoint)
        if shared is None:
            shared = self._endpoints[endpoint] = EndpointBudget(asyncio.Semaphore(self._concurrency))
        pauses: TLRUCache[Hashable, Pause] = TLRUCache(
            MAX_PAUSES, ttu=lambda _identity, pause, _now: pause.until, timer=self._clock.monotonic
        )
        return OwnerBudget(shared, asyncio.Semaphore(self._concurrency), pauses)

    def _reject_if_closed(self, endpoint: Endpoint, budget: OwnerBudget, identity: Hashable) -> None:
        now = self._clock.monotonic()
        if pause := budget.pauses.get(identity):
            self.observer.record_rejected(endpoint.host)
            raise Throttled(pause.reason, timedelta(seconds=pause.until - now))
        if budget.open_until > now:
            self.observer.record_rejected(endpoint.host)
            raise Unavailable(budget.last_error, left_alone=timedelta(seconds=budget.open_until - now))

    def _record_error(self, endpoint: Endpoint, budget: OwnerBudget, identity: Hashable, error: RegistryError) -> None:
        if isinstance(error, Throttled):
            if pause := error.retry_after or self._backoff(budget, identity):
                pause = min(pause, MAX_OUTAGE_PAUSE) if error.is_outage else pause
                self._pause(endpoint, budget, identity, pause, str(error))
        else:
            budget.throttles.pop(identity, None)
        if not (isinstance(error, Unavailable) and error.unreachable):
            self._close_circuit(endpoint, budget)
            return
        budget.failures += 1
        budget.last_error = str(error)
        if budget.failures >= CIRCUIT_FAILURES:
            budget.open_until = self._clock.monotonic() + CIRCUIT_OPEN_DURATION.total_seconds()
            self.observer.set_circuit(endpoint.host, is_open=True)

    def _backoff(self, budget: OwnerBudget, identity: Hashable) -> timedelta | None:
        """Return how long to stay away from a registry that throttles again and again without a time to come again."""
        throttles = budget.throttles[identity] = budget.throttles.get(identity, 0) + 1
        if throttles < THROTTLES_BEFORE_BACKOFF:
            return None
        pause: timedelta = INITIAL_BACKOFF * 2 ** min(throttles - THROTTLES_BEFORE_BACKOFF, 16)
        return min(pause, MAX_BACKOFF) * (1 + self._jitter() / 2)

    def _close_circuit(self, endpoint: Endpoint, budget: OwnerBudget) -> None:
        if budget.failures:
            budget.failures = 0
            self.observer.set_circuit(endpoint.host, is_open=False)


@contextmanager
def _counted(budget: OwnerBudget) -> Iterator[None]:
    budget.users += 1
    try:
        yield
    finally:
        budget.users -= 1


class _Loan:
    """A slot that is given back once: at the end of an operation, or when the operation has become a long one."""

    def __init__(self, slots: asyncio.Semaphore) -> None:
        self._slots = slots
        self._held = False

    async def __aenter__(self) -> None:
        await self._slots.acquire()
        self._held = True
        self._timer = asyncio.get_running_loop().call_later(LONG_OPERATION_SECONDS, self._give_back)

    async def __aexit__(self, *_: object) -> None:
        self._timer.cancel()
        self._give_back()

    def _give_back(self) -> None:
        if self._held:
            self._held = False
            self._slots.release()
