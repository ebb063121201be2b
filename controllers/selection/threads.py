"""Threads for patterns that cost: one at a time for each namespace, and none of those that others wait for."""

from collections.abc import Callable
from typing import Final, TypeVar

from controllers.threads import FairThreads, Share

T = TypeVar("T")

THREADS: Final = 8
"""Of all namespaces together; a pattern takes five seconds of CPU time at most."""


class NamespaceThreads:
    """Used from one event loop, by any number of tasks."""

    def __init__(self) -> None:
        self._threads = FairThreads(THREADS, name="patterns")

    async def run(self, namespace: str, work: Callable[[], T]) -> T:
        """Return what `work` returns in a thread, when no other thread works for the namespace."""
        return await self._threads.run(work, Share(namespace, 1))
