"""A bounded queue in front of something slow, so that nobody waits for it; what does not fit is dropped."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Outbox(Generic[T]):
    """Delivers items one after the other in a task of its own (`run`)."""

    def __init__(self, deliver: Callable[[T], Awaitable[None]], *, limit: int = 1000) -> None:
        """`deliver` handles its own errors; `limit`: items that may wait."""
        self._deliver = deliver
        self._items: asyncio.Queue[T] = asyncio.Queue(limit)

    def put(self, item: T) -> bool:
        """Queue an item; False when the queue is full and the item is lost."""
        try:
            self._items.put_nowait(item)
        except asyncio.QueueFull:
            return False
        return True

    async def run(self) -> None:
        """Deliver until cancelled."""
        while True:
            item = await self._items.get()
            try:
                await self._deliver(item)
            finally:
                self._items.task_done()

    async def flush(self) -> None:
        """Return when everything queued has been delivered; the caller limits the time."""
        await self._items.join()
