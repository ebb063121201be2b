"""A client, its clock and a server it talks to: what the tests of the client are done on."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

from controllers.image.reference import Image
from controllers.net.tls import TlsMaterial
from controllers.registry.access import Access
from controllers.registry.client import RegistryClient
from controllers.registry.dockerconfig import Credentials
from controllers.registry.errors import RegistryError
from controllers.registry.session import HTTP_FALLBACK_DELAY
from controllers.registry.settings import RegistrySettings
from testing import destinations
from testing.certificates import KeyPair, create_authority, issue_server_key_pair
from testing.clock import VirtualClock
from testing.registry_server import Handler, HttpServer, run_server

MINUTE = timedelta(minutes=1)
CA = create_authority("private CA")
IDENTITY = issue_server_key_pair(CA, "127.0.0.1")
ANONYMOUS = Access()
ALICE = Access(Credentials("alice", "wonder"))
TRUSTING = Access(tls=TlsMaterial(ca=CA.certificate))

LOCAL_PROXIES = RegistrySettings(destinations=destinations.LOCAL_PROXIES)
"""For tests whose image is elsewhere and whose proxy is on this machine."""

LIST = "GET /v2/app/tags/list?n=1000"
LIST_URL = "http://REGISTRY/v2/app/tags/list?n=1000"


class RegistryClock(VirtualClock):
    """Moves at each sleep. Gives HTTPS all the time it wants: how long a handshake takes is up to the machine."""

    def __init__(self) -> None:
        super().__init__(auto_advance=True)

    async def sleep(self, seconds: float) -> None:
        if seconds == HTTP_FALLBACK_DELAY:
            await asyncio.Event().wait()
        await super().sleep(seconds)


class RegistryHarness:
    """A client, its clock, and a server it talks to."""

    def __init__(self, server: HttpServer, client: RegistryClient, clock: VirtualClock) -> None:
        self.server, self.client, self.clock = server, client, clock

    def image(self, repo: str = "app") -> Image:
        return Image(self.server.address, repo)

    async def tags(self, access: Access = ANONYMOUS, *, repo: str = "app", timeout: timedelta = MINUTE) -> list[str]:
        return list((await self.client.list_tags(self.image(repo), access, timeout=timeout)).tags)

    async def digest(self, tag: str = "1.0", access: Access = ANONYMOUS) -> str:
        return await self.client.resolve_digest(self.image(), tag, access, timeout=MINUTE)

    async def expect_error(
        self, kind: type[RegistryError], access: Access = ANONYMOUS, *, timeout: timedelta = MINUTE
    ) -> str:
        with pytest.raises(kind) as caught:
            await self.tags(access, timeout=timeout)
        return str(caught.value).replace(self.server.address, "REGISTRY")


@asynccontextmanager
async def run_harness(
    handler: Handler,
    identity: KeyPair | None = None,
    client_ca: bytes = b"",
    *,
    settings: RegistrySettings = RegistrySettings(),  # noqa: B008 - frozen
) -> AsyncIterator[RegistryHarness]:
    clock = RegistryClock()
    client = RegistryClient(clock=clock, user_agent="tagline-test", jitter=lambda: 0.0, settings=settings)
    async with run_server(handler, identity, client_ca) as server:
        yield RegistryHarness(server, client, clock)
        await client.aclose()
