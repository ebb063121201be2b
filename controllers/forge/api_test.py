"""Pages of listings whose server has a mind of its own about how many entries one has."""

import json
import re
from dataclasses import dataclass, field
from typing import Any, cast
from urllib.parse import parse_qs, urlsplit

import pytest

from controllers.forge.answers import Answer
from controllers.forge.api import Api
from controllers.forge.errors import AnswerTooLong
from controllers.forge.transport import Identity, Transport
from controllers.git.remote import Remote
from testing.clock import VirtualClock

LONG = 1000


@dataclass
class Listing:
    """A `Transport` to a server with one listing, of the numbers from 0."""

    entries: int
    at_most: int = 100
    """Entries of a page, whatever is asked for."""
    hidden: frozenset[int] = frozenset()
    """Those that are taken out of a page after it was cut, as GitHub does with accounts that are spam."""
    long: frozenset[int] = frozenset()
    """Those of which a page can have only one."""
    clock: VirtualClock = field(default_factory=VirtualClock)

    async def send(self, identity: Identity, method: str, url: str, **_: Any) -> Answer:
        asked = {key: int(value) for key, (value,) in parse_qs(urlsplit(url).query).items()}
        size = min(asked["per_page"], self.at_most)
        end = size * asked["page"]
        there = range(end - size, min(end, self.entries))
        if len(there) > 1 and self.long & set(there):
            raise AnswerTooLong("its answer is longer than 8 MiB")
        link = f'<https://forge.example/>; rel="{"next" if end < self.entries else "first"}"'
        return Answer(200, {"link": link}, json.dumps([one for one in there if one not in self.hidden]).encode(), url)


async def read(listing: Listing, *, size: int = 100, at_most: int = 30) -> tuple[list[int], int]:
    """Return the entries that were read, and the number of requests that succeeded or not."""
    identity = Identity("https://forge.example", (), Remote("https://forge.example/org/app"))
    api = Api(cast(Transport, listing), identity, name="a forge", repository="org/app", api="https://forge.example")
    found: list[int] = []
    async for page in api.pages("/pulls", into=list[int], size=size, at_most=at_most):
        found += page
    return found, api.requests


async def test_server_with_smaller_pages_is_read_whole() -> None:
    assert await read(Listing(120, at_most=30)) == (list(range(120)), 4)


@pytest.mark.parametrize("hidden", [range(5, 6), range(110, 200), range(5, 1000, 97), range(0, 1000, 100)], ids=repr)
async def test_pages_with_entries_taken_out_cost_no_more_requests(hidden: range) -> None:
    found, requests = await read(Listing(1000, hidden=frozenset(hidden)))
    assert set(found) == set(range(1000)) - set(hidden)
    assert len(found) <= 1010
    assert requests <= 11


@pytest.mark.parametrize("at_most", [100, 99, 60, 50, 30, 10, 7])
@pytest.mark.parametrize("long", [(0,), (3, 4), (55,), (99,), (100,), (140, 141), (199,)], ids=repr)
async def test_no_entry_is_skipped_around_long_ones(at_most: int, long: tuple[int, ...]) -> None:
    found, requests = await read(Listing(200, at_most=at_most, long=frozenset(long)))
    assert sorted(set(found)) == list(range(200))
    assert len(found) <= 300
    assert requests <= 60


async def test_entry_that_is_too_long_by_itself_is_said() -> None:
    class Longer(Listing):
        async def send(self, identity: Identity, method: str, url: str, **_: Any) -> Answer:
            if re.search(r"per_page=1&page=4$", url):
                raise AnswerTooLong("its answer is longer than 8 MiB")
            return await super().send(identity, method, url)

    with pytest.raises(AnswerTooLong):
        await read(Longer(20, long=frozenset({3})))


@pytest.mark.parametrize("listing", [Listing(100_000), Listing(100_000, long=frozenset(range(100_000)))])
async def test_requests_are_bounded(listing: Listing) -> None:
    found, requests = await read(listing)
    assert found[:10] == list(range(10))
    assert requests <= 60
