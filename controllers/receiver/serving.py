"""Serves hooks from when the caches are filled until the process ends, on every replica: nobody is elected for it."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Final

from controllers.clock import Clock
from controllers.hookserver.server import HookServer
from controllers.runtime.process.process import CannotStart

ANSWER_SECONDS: Final = 4.0
"""For answers under way when the process ends; with the time before it less than the grace period."""


class Serving:
    """A `process.Worker`."""

    def __init__(
        self,
        server: HookServer,
        *,
        clock: Clock,
        drain_delay: timedelta,
        flush: Callable[[], Awaitable[None]],
    ) -> None:
        """Build it.

        drain_delay: how long requests are still accepted once the process ends: until all have heard that it does
        flush: returns when what was begun for requests is over
        """
        self._server = server
        self._clock = clock
        self._drain_delay = drain_delay
        self._flush = flush
        self._stop = asyncio.Event()
        self.is_working = False

    @property
    def is_idle(self) -> bool:
        """Whether it serves, and no request is being answered now."""
        return self.is_working and not self._server.answering_count

    @property
    def port(self) -> int:
        """The port in use. Raises RuntimeError before it listens."""
        return self._server.port

    def explain_unready(self) -> str | None:
        """Return why no requests should be sent here; None while they should."""
        if self._stop.is_set():
            return "shutting down"
        return None if self.is_working else "not listening yet"

    async def run(self) -> None:
        """Serve until stopped. Raises CannotStart where the port is not available."""
        try:
            await self._server.start()
        except OSError as error:
            raise CannotStart(f"cannot listen for hooks: {error.strerror or 'the address is not available'}") from None
        self.is_working = True
        try:
            await self._stop.wait()
            await self._clock.sleep(self._drain_delay.total_seconds())
        finally:
            await self._server.stop(seconds=ANSWER_SECONDS)

    def stop(self) -> None:
        """Begin to end: not ready any more, and soon not listening."""
        self._stop.set()

    async def flush(self) -> None:
        """Return when nothing is under way any more."""
        await self._flush()

    async def release(self) -> None:
        """Hand over nothing: nobody was elected."""
