import asyncio

import pytest

from api.meta import ObjectMeta
from controllers.runtime.cache.snapshots import Snapshot, Snapshots
from controllers.runtime.cache.store import Store
from testing.thing import Thing


class Server:
    """Lists with the moment that it is, once it is let."""

    def __init__(self) -> None:
        self.store: Store[Thing] = Store({})
        self.snapshots = Snapshots(self.store, self._list)
        self.now = 10
        self.lists = 0
        self.open = asyncio.Event()
        self.open.set()

    async def _list(self, namespace: str) -> Snapshot[Thing]:
        self.lists += 1
        version = str(self.now)
        await self.open.wait()
        meta = ObjectMeta(name="a", namespace=namespace, resource_version=version)
        return Snapshot([Thing(metadata=meta)], version)

    async def list(self, as_of: str) -> str:
        (found,) = await self.snapshots.list("ns", as_of)
        return found.metadata.resource_version


@pytest.fixture
def server() -> Server:
    return Server()


async def test_those_who_wait_share_a_list_that_begins_later_than_what_they_have_seen(server: Server) -> None:
    server.open.clear()
    first = asyncio.create_task(server.list("10"))
    await asyncio.sleep(0)
    server.now = 12
    others = [asyncio.create_task(server.list("12")) for _ in range(50)]
    await asyncio.sleep(0)
    assert server.lists == 1, "one at a time"
    server.open.set()
    assert await first == "10"
    assert set(await asyncio.gather(*others)) == {"12"}
    assert server.lists == 2


async def test_a_list_is_kept_until_the_cache_has_reached_it(server: Server) -> None:
    await server.list("10")
    server.store.advance("9")
    server.snapshots.drop_outdated()
    await server.list("10")
    assert server.lists == 1
    server.store.advance("10")
    server.snapshots.drop_outdated()
    server.now = 11
    assert await server.list("11") == "11"
    server.snapshots.clear()
    assert await server.list("11") == "11"
    assert server.lists == 3


async def test_versions_that_are_no_numbers_prove_nothing(server: Server) -> None:
    for _ in range(2):
        await server.list("x")
    assert server.lists == 2


async def test_who_gives_up_leaves_the_others_their_turn(server: Server) -> None:
    server.open.clear()
    impatient = asyncio.create_task(server.list("10"))
    patient = asyncio.create_task(server.list("10"))
    await asyncio.sleep(0)
    impatient.cancel()
    await asyncio.gather(impatient, return_exceptions=True)
    server.open.set()
    assert await patient == "10"
