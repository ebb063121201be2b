import asyncio
import json
import logging
from typing import Any

import pytest

from controllers.receiver.issuers import FRESH_SECONDS, STALE_SECONDS, FetchFailed, IssuerKeys
from testing.clock import VirtualClock

ISSUER = "https://i.example.com/realm"
ABOUT = f"{ISSUER}/.well-known/openid-configuration"
KEYS = "https://keys.example.com/jwks"


class World:
    """Issuers that answer what a test says."""

    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.answers: dict[str, Any] = {ABOUT: {"issuer": ISSUER, "jwks_uri": KEYS}, KEYS: {"keys": [{"kid": "a"}]}}
        self.asked: list[tuple[str, str]] = []
        self.is_asked = asyncio.Event()
        self.gate = asyncio.Event()
        """Cleared: issuers take long to answer."""
        self.gate.set()
        self.keys = IssuerKeys(self._fetch, self.clock, logging.getLogger("controllers.test"))

    async def _fetch(self, url: str, home: str) -> bytes:
        self.asked.append((url, home))
        self.is_asked.set()
        await asyncio.sleep(0)
        await self.gate.wait()
        answer = self.answers.get(url)
        if answer is None:
            raise FetchFailed("status 404")
        return answer if isinstance(answer, bytes) else json.dumps(answer).encode()

    async def names(self, key_name: str = "a", *, owner: str = "apps") -> list[str] | None:
        found = await self.keys.find(ISSUER, owner=owner, key_name=key_name)
        return None if found is None else [key["kid"] for key in found["keys"]]


@pytest.fixture
def world() -> World:
    return World()


async def test_keys_are_discovered_once(world: World) -> None:
    assert await asyncio.gather(*(world.names() for _ in range(20))) == [["a"]] * 20
    assert await world.names() == ["a"]
    assert world.asked == [(ABOUT, "i.example.com"), (KEYS, "i.example.com")]


async def test_who_comes_while_keys_are_fetched_waits_for_them(world: World) -> None:
    world.gate.clear()
    first = asyncio.ensure_future(world.names())
    await world.is_asked.wait()
    second = asyncio.ensure_future(world.names())
    await asyncio.sleep(0)
    world.gate.set()
    assert [await first, await second] == [["a"], ["a"]]
    assert len(world.asked) == 2


async def test_a_new_key_is_fetched_but_not_for_every_token(world: World) -> None:
    await world.names()
    world.answers[KEYS] = {"keys": [{"kid": "a"}, {"kid": "b"}]}
    assert await world.names("b") == ["a"]  # asked a moment ago
    await world.clock.advance(61)
    assert await world.names("b") == ["a", "b"]
    for number in range(100):
        await world.names(f"invented-{number}")
    assert len(world.asked) == 4


async def test_keys_are_asked_for_again_and_old_ones_kept_for_a_while(world: World) -> None:
    await world.names()
    await world.clock.advance(FRESH_SECONDS + 1)
    world.answers[KEYS] = {"keys": [{"kid": "b"}]}
    assert await world.names() == ["b"]
    del world.answers[ABOUT]
    await world.clock.advance(FRESH_SECONDS + 1)
    assert await world.names("b") == ["b"]
    await world.clock.advance(STALE_SECONDS)
    assert await world.names("b") is None


@pytest.mark.parametrize(
    ("url", "answer"),
    [
        pytest.param(ABOUT, None, id="missing"),
        pytest.param(ABOUT, b"<html>", id="html"),
        pytest.param(ABOUT, {"issuer": "https://other.example.com", "jwks_uri": KEYS}, id="another-issuer"),
        pytest.param(ABOUT, {"issuer": ISSUER, "jwks_uri": "http://keys.example.com/jwks"}, id="plain-http"),
        pytest.param(ABOUT, {"issuer": ISSUER, "jwks_uri": "https://[keys"}, id="half-an-address"),
        pytest.param(ABOUT, {"issuer": ISSUER, "jwks_uri": 5}, id="no-url"),
        pytest.param(ABOUT, {"issuer": ISSUER}, id="no-keys-url"),
        pytest.param(KEYS, {"keys": "none"}, id="no-list"),
        pytest.param(KEYS, {"keys": [{}] * 257}, id="too-many"),
        pytest.param(KEYS, [], id="not-an-object"),
    ],
)
async def test_documents_that_are_not_what_they_should_be(world: World, url: str, answer: Any) -> None:
    world.answers[url] = answer
    assert await world.names() is None
    count = len(world.asked)
    assert await world.names() is None
    assert len(world.asked) == count  # not again at once


async def test_namespaces_do_not_push_each_others_issuers_out(world: World) -> None:
    await world.names(owner="victim")
    for number in range(500):
        await world.keys.find(f"https://i{number}.example.com", owner="attacker", key_name="")
    count = len(world.asked)
    assert await world.names(owner="victim") == ["a"]
    assert len(world.asked) == count
