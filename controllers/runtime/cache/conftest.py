"""Informers that follow a server over HTTP, and the embedded API."""

from collections.abc import AsyncIterator
from typing import TypeAlias

import pytest
import pytest_asyncio

from testing.apiserver import ScriptedServer
from testing.embedded import EmbeddedServer
from testing.informer import InformerHarness

OverHttp: TypeAlias = InformerHarness[ScriptedServer]
Either: TypeAlias = InformerHarness[EmbeddedServer]
"""Of one server or the other, which have the same controls."""


@pytest_asyncio.fixture
async def harness() -> AsyncIterator[OverHttp]:
    async with ScriptedServer() as api:
        harness = InformerHarness(api)
        yield harness
        await harness.stop()


@pytest_asyncio.fixture(params=[ScriptedServer, EmbeddedServer], ids=["http", "embedded"])
async def either(request: pytest.FixtureRequest) -> AsyncIterator[Either]:
    """Yield an informer that follows a server over HTTP, and one that follows the embedded API."""
    async with request.param() as api:
        harness: Either = InformerHarness(api)
        yield harness
        await harness.stop()
