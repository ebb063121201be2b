"""Listens, keeps count of connections, and ends in order.

No peer keeps another one out. Where there are too many connections, one of the peer with the most of them has to go:
one that waits for a request before one that is being answered. `controllers.runtime.process.httpserver` has the same
rule.
"""

import asyncio
from collections import Counter
from contextlib import suppress
from typing import Final

from controllers.clock import Clock
from controllers.hookserver.answer import Application
from controllers.hookserver.exchange import Exchange
from controllers.hookserver.limits import Limits
from controllers.hookserver.memory import BodyMemory
from controllers.hookserver.sources import Sources
from controllers.hookserver.tlsfiles import TlsFiles
from controllers.hookserver.wire import Wire

BACKLOG: Final = 512
ENDS: Final = (OSError, TimeoutError, ConnectionError)
"""What is the peer's problem; TLS errors are OSErrors."""


class HookServer:
    """Serves an application on one address."""

    def __init__(
        self,
        address: tuple[str | None, int],
        application: Application,
        *,
        limits: Limits,
        sources: Sources,
        clock: Clock,
        tls: TlsFiles | None = None,
    ) -> None:
        """Build it. address: host, None for all interfaces, and port; tls: None for plain HTTP."""
        self._address = address
        self._application = application
        self._limits = limits
        self._sources = sources
        self._clock = clock
        self._tls = tls
        self._memory = BodyMemory(limits.body_memory_bytes)
        self._server: asyncio.Server | None = None
        self._open: dict[Exchange, asyncio.Task[None]] = {}
        """Oldest first."""

    async def start(self) -> None:
        """Listen. Raises OSError when the address is not available."""
        host, port = self._address
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: Wire(self._accept), host, port, backlog=BACKLOG, reuse_address=True
        )

    @property
    def port(self) -> int:
        """The port in use; for port 0 the one that was picked."""
        if self._server is None:
            raise RuntimeError("not listening yet")
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    @property
    def connection_count(self) -> int:
        """The number of connections that are open."""
        return len(self._open)

    @property
    def answering_count(self) -> int:
        """The number of requests that have been read and are not answered yet."""
        return sum(exchange.is_answering for exchange in self._open)

    async def stop(self, *, seconds: float) -> None:
        """Accept nothing more, let requests that have been read be answered, then close what is left."""
        if self._server is None:
            return
        self._server.close()
        for exchange in list(self._open):
            exchange.is_last = True
            if not exchange.is_answering:
                self._drop(exchange)
        tasks = list(self._open.values())
        if tasks:
            await asyncio.wait(tasks, timeout=seconds)
        for exchange in list(self._open):
            self._drop(exchange)
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._server.wait_closed()
        self._server = None

    def _accept(self, wire: Wire) -> None:
        """Serve a connection in a task of its own, where there is room for it or room can be made."""
        exchange = Exchange(
            wire,
            self._application,
            limits=self._limits,
            memory=self._memory,
            sources=self._sources,
            clock=self._clock,
        )
        if not self._make_room(wire.peer):
            wire.abort()
            return
        task = self._open[exchange] = asyncio.ensure_future(self._serve(exchange))
        task.add_done_callback(lambda _: self._open.pop(exchange, None))

    def _make_room(self, peer: str) -> bool:
        """Close a connection where there are too many; return False where the new one has to go itself."""
        counts = Counter(exchange.wire.peer for exchange in self._open)
        if counts[peer] >= self._limits.connections_per_source and not self._sources.is_trusted(peer):
            return self._close_one_of(peer, even_answering=False)
        if len(self._open) < self._limits.connections:
            return True
        greedy, most = counts.most_common(1)[0]
        return self._close_one_of(greedy, even_answering=most > counts[peer] + 1)

    def _close_one_of(self, peer: str, *, even_answering: bool) -> bool:
        """Close the oldest connection of a peer that is not being answered; return whether one was closed."""
        candidates = [exchange for exchange in self._open if exchange.wire.peer == peer]
        waiting = next((exchange for exchange in candidates if not exchange.is_answering), None)
        chosen = waiting or (candidates[0] if even_answering and candidates else None)
        if chosen is not None:
            self._drop(chosen)
        return chosen is not None

    def _drop(self, exchange: Exchange) -> None:
        self._open.pop(exchange).cancel()
        exchange.wire.abort()  # a task that is cancelled before it has begun does nothing any more

    async def _serve(self, exchange: Exchange) -> None:
        try:
            if self._tls is not None:
                await exchange.wire.start_tls(self._tls.context, seconds=self._limits.head_seconds)
            await exchange.run()
        except ENDS:
            pass
        finally:
            with suppress(RuntimeError):  # the loop is closed
                exchange.wire.abort()
