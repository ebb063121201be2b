"""A name server that does not answer holds up nobody but those whose names it serves."""

import asyncio
import socket
import threading
from collections.abc import AsyncIterator
from typing import Any

import pytest

from controllers.image.reference import Image
from controllers.registry.access import Access
from controllers.registry.errors import Unavailable
from controllers.registry.lookups import THREADS, THREADS_PER_DOMAIN
from testing.clock import TEST_TIMEOUT_SECONDS
from testing.registry_harness import LOCAL_PROXIES, MINUTE, run_harness
from testing.registry_server import RegistryHandler


class DeadServer:
    """The resolver, for names of a domain that nobody answers for."""

    def __init__(self) -> None:
        self.answers, self.is_full = threading.Event(), asyncio.Event()
        self.domain = "dead.example"
        self._loop = asyncio.get_running_loop()
        self.asked: list[str] = []

    def getaddrinfo(self, host: str, port: int, **_: object) -> list[Any]:
        if host.endswith(self.domain):
            self.asked.append(host)
            if len(self.asked) == THREADS_PER_DOMAIN:
                self._loop.call_soon_threadsafe(self.is_full.set)
            assert self.answers.wait(TEST_TIMEOUT_SECONDS)
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]


@pytest.fixture
async def dead(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[DeadServer]:
    server = DeadServer()
    monkeypatch.setattr(socket, "getaddrinfo", server.getaddrinfo)
    yield server
    server.answers.set()


@pytest.mark.parametrize("victim", ["alive.example", "alive.com.au"])
async def test_names_that_are_not_answered_hold_up_nobody_else(dead: DeadServer, victim: str) -> None:
    async with run_harness(RegistryHandler({"app": ["1.0"]}), settings=LOCAL_PROXIES) as b:
        port = b.server.address.rpartition(":")[2]

        async def scan(host: str) -> list[str]:
            access = Access(insecure=True)
            return list((await b.client.list_tags(Image(f"{host}:{port}", "app"), access, timeout=MINUTE)).tags)

        dead.domain = "dead.com.au" if victim.endswith(".au") else dead.domain
        assert await scan("first.example") == ["1.0"]  # and the pool is there
        scans = [asyncio.create_task(scan(f"n{number}.{dead.domain}")) for number in range(2 * THREADS)]
        await dead.is_full.wait()
        async with asyncio.timeout(TEST_TIMEOUT_SECONDS / 2):
            assert await scan(victim) == ["1.0"]
            assert await asyncio.to_thread(lambda: "the loop's own threads are free")
        assert len(dead.asked) == THREADS_PER_DOMAIN
        dead.answers.set()
        assert {type(result) for result in await asyncio.gather(*scans, return_exceptions=True)} == {Unavailable}
