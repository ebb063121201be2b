"""Follows the objects of the three kinds while a test runs, and checks what must hold of every version of them."""

import asyncio
import threading
import time
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager

from e2e.apifaults.observer import Observer
from testing.invariants import Version, check_versions

SETTLE_SECONDS = 0.3
"""For the watch to deliver what was written last."""


class History:
    """Versions by namespace, collected in a thread of its own."""

    def __init__(self, server: str) -> None:
        """Build it. server: an API server that asks for no login, `kubectl proxy` for example."""
        self._observer = Observer(server)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._run(self._observer.start())

    def versions(self, namespace: str) -> list[Version]:
        """Return what was seen of a namespace."""

        async def copy() -> list[Version]:
            return list(self._observer.versions[namespace])

        future = asyncio.run_coroutine_threadsafe(copy(), self._loop)
        return future.result(10)

    def require(self, namespace: str) -> None:
        """Fail if a version of an object of the namespace violates anything, or if none was seen."""
        time.sleep(SETTLE_SECONDS)
        versions = self.versions(namespace)
        assert versions, f"nothing was seen in {namespace}: this check would look at nothing"
        assert not (found := check_versions(versions)), "\n".join(map(str, found))

    def close(self) -> None:
        """Stop following."""
        self._run(self._observer.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _run(self, work: Coroutine[None, None, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(10)


@contextmanager
def followed(server: str) -> Iterator[History]:
    """Yield a history that is collected until the end of the block."""
    history = History(server)
    try:
        yield history
    finally:
        history.close()
