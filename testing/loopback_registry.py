"""The registry of `registry_server` in a thread, for tests of processes that are not this one."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from testing.registry_server import HttpServer, RegistryHandler, run_server


@dataclass(frozen=True, slots=True)
class LoopbackRegistry:
    """A running registry; its handler may be changed while it runs."""

    handler: RegistryHandler
    server: HttpServer

    @property
    def host(self) -> str:
        return self.server.address

    def lists(self) -> int:
        """Return how often tags were listed."""
        return sum("/tags/list" in asked.target for asked in self.server.asked)


@contextmanager
def loopback_registry(handler: RegistryHandler) -> Iterator[LoopbackRegistry]:
    """Run a registry in a thread of its own."""
    started: threading.Event = threading.Event()
    running: list[tuple[asyncio.AbstractEventLoop, asyncio.Event, HttpServer]] = []

    async def serve() -> None:
        stop = asyncio.Event()
        async with run_server(handler) as server:
            running.append((asyncio.get_running_loop(), stop, server))
            started.set()
            await stop.wait()

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    started.wait(10)
    loop, stop, server = running[0]
    try:
        yield LoopbackRegistry(handler, server)
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
