"""Threads for patterns that cost: one at a time for each namespace, so that nobody takes those of all."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


class NamespaceThreads:
    """Used from one event loop, by any number of tasks."""

    def __init__(self) -> None:
        self._locks: dict[str, asyncio.Lock] = {}
        self._users: dict[str, int] = {}
        """Those that wait or run."""

    async def run(self, namespace: str, work: Callable[[], T]) -> T:
        """Return what `work` returns in a thread, when no other thread works for the namespace."""
        lock = self._locks.setdefault(namespace, asyncio.Lock())
        self._users[namespace] = self._users.get(namespace, 0) + 1
        try:
            await lock.acquire()
        except BaseException:
            self._leave(namespace)
            raise
        running = asyncio.ensure_future(asyncio.to_thread(work))

        def end(ended: asyncio.Future[T]) -> None:
            lock.release()
            self._leave(namespace)
            if not ended.cancelled():
                ended.exception()  # else it is logged where nobody waits any more

        running.add_done_callback(end)
        return await asyncio.shield(running)  # a thread cannot be cancelled, and goes on to count

    def _leave(self, namespace: str) -> None:
        self._users[namespace] -= 1
        if not self._users[namespace]:
            del self._users[namespace], self._locks[namespace]
