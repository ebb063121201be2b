"""Threads for blocking work, of which nobody gets more than a share.

A thread that waits for a slow host is taken until it ends, whatever became of the task that asked. So a place is given
back by the thread, not by the task, and whoever asks for more than their share waits for their own.
"""

import asyncio
from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar
from weakref import WeakValueDictionary

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Share:
    """Who works, and how many threads may work for them at a time."""

    of: Hashable
    threads: int


class FairThreads:
    """Used from one event loop."""

    def __init__(self, threads: int, *, name: str) -> None:
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix=name)
        self._slots: WeakValueDictionary[Share, asyncio.Semaphore] = WeakValueDictionary()

    async def run(self, work: Callable[[], T], *shares: Share) -> T:
        """Return what `work` returns; its thread goes on, and counts, when the caller is cancelled. See `start`."""
        return await asyncio.shield(await self.start(work, *shares))

    async def start(
        self, work: Callable[[], T], *shares: Share, release: Callable[[], None] = lambda: None
    ) -> asyncio.Future[T]:
        """Run `work` in a thread once all shares have a place for it, and return its future.

        shares: the widest first, always in the same order. release: called when the thread has ended, or when it never
        started because the caller was cancelled. To cancel the future does not end the thread: see `asyncio.shield`.
        """
        taken: list[asyncio.Semaphore] = []

        def give_back() -> None:
            for slots in taken:
                slots.release()
            release()

        def finish(future: asyncio.Future[T]) -> None:
            give_back()
            if not future.cancelled():
                future.exception()  # perhaps nobody waits for it any more

        try:
            for share in reversed(shares):  # the narrowest first: who waits for it takes nothing from the others
                slots = self._slots.setdefault(share, asyncio.Semaphore(share.threads))
                await slots.acquire()
                taken.append(slots)
            future = asyncio.get_running_loop().run_in_executor(self._executor, work)
        except BaseException:  # also a refusal after `shutdown`
            give_back()
            raise
        future.add_done_callback(finish)
        return future

    def shutdown(self, *, wait: bool) -> None:
        """Take no more work; with `wait`, return when all threads have ended. Blocks."""
        self._executor.shutdown(wait=wait, cancel_futures=not wait)
