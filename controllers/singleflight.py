"""One answer for all who ask the same at the same time.

Whoever joins before a call has begun gets its answer; one that is under way takes nobody in any more, because a tag may
have been pushed since it began. Cancelling one who waits leaves the others their answer.
"""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

T = TypeVar("T")


class Call(Generic[T]):
    """A question and those who wait for its answer."""

    def __init__(self) -> None:
        self.task: asyncio.Task[T] | None = None
        self.waiters = 0


class Singleflight(Generic[T]):
    """Used from one event loop."""

    def __init__(self) -> None:
        self._pending: dict[Hashable, Call[T]] = {}

    async def join(self, key: Hashable, ask: Callable[[Callable[[], None]], Awaitable[T]]) -> T:
        """Return the answer of `ask`, or of the one that is about to be asked for the same key.

        `ask` is given a function to call when it begins: from then on nobody joins.
        """
        call = self._pending.get(key)
        if call is None:
            call = self._pending[key] = Call()
            call.task = asyncio.ensure_future(self._run(key, call, ask))
        task = call.task
        assert task is not None
        call.waiters += 1
        try:
            return await asyncio.shield(task)
        finally:
            call.waiters -= 1
            if not call.waiters and not task.done():
                self._forget(key, call)
                task.cancel()

    async def _run(self, key: Hashable, call: Call[T], ask: Callable[[Callable[[], None]], Awaitable[T]]) -> T:
        try:
            return await ask(lambda: self._forget(key, call))
        finally:
            self._forget(key, call)

    def _forget(self, key: Hashable, call: Call[T]) -> None:
        if self._pending.get(key) is call:
            del self._pending[key]
