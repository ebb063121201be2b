"""One answer for all who ask the same at the same time.

A question that has not been asked yet serves everybody who comes; one that is under way serves only those who came
before it began, because a tag may have been pushed since. Cancelling one who waits leaves the others their answer.
"""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

T = TypeVar("T")


class Flight(Generic[T]):
    """A question and those who wait for its answer."""

    def __init__(self) -> None:
        self.task: asyncio.Task[T] | None = None
        self.passengers = 0


class Flights(Generic[T]):
    """Used from one event loop."""

    def __init__(self) -> None:
        self._boarding: dict[Hashable, Flight[T]] = {}

    async def join(self, key: Hashable, ask: Callable[[Callable[[], None]], Awaitable[T]]) -> T:
        """The answer of `ask`, or of the one that is about to be asked for the same key.

        `ask` is given a function to call when it begins: from then on nobody joins.
        """
        flight = self._boarding.get(key)
        if flight is None:
            flight = self._boarding[key] = Flight()
            flight.task = asyncio.ensure_future(self._fly(key, flight, ask))
        task = flight.task
        assert task is not None
        flight.passengers += 1
        try:
            return await asyncio.shield(task)
        finally:
            flight.passengers -= 1
            if not flight.passengers and not task.done():
                self._close(key, flight)
                task.cancel()

    async def _fly(self, key: Hashable, flight: Flight[T], ask: Callable[[Callable[[], None]], Awaitable[T]]) -> T:
        try:
            return await ask(lambda: self._close(key, flight))
        finally:
            self._close(key, flight)

    def _close(self, key: Hashable, flight: Flight[T]) -> None:
        if self._boarding.get(key) is flight:
            del self._boarding[key]
