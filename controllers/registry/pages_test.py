"""Conditional requests: pages with an ETag are not sent twice, and no identity gets the pages of another."""

import json

import pytest

from controllers.registry.access import Access
from controllers.registry.dockerconfig import Credentials
from controllers.registry.errors import BadResponse
from testing.registry_harness import ALICE, ANONYMOUS, LIST, run_harness
from testing.registry_server import ReceivedRequest, Reply

BOB = Access(Credentials("bob", "builder"))


class Versioned:
    """Two pages with ETags; a page is sent only to those who do not have its version."""

    def __init__(self) -> None:
        self.pages = {"": ["1.0", "1.1"], "1.1": ["1.2"]}
        self.statuses: list[int] = []
        self.etags = True

    def __call__(self, asked: ReceivedRequest) -> Reply:
        if asked.path == "/v2/":
            return Reply(body=b"{}")
        last = asked.target.partition("last=")[2].partition("&")[0]
        tags = self.pages[last]
        etag = f'"{hash(tuple(tags))}"'
        headers = {"ETag": etag} if self.etags else {}
        if last == "" and len(self.pages) > 1:
            headers["Link"] = '</v2/app/tags/list?last=1.1&n=1000>; rel="next"'
        unchanged = self.etags and asked.headers.get("if-none-match") == etag
        self.statuses.append(304 if unchanged else 200)
        return Reply(304, headers) if unchanged else Reply(200, headers, json.dumps({"tags": tags}).encode())


async def test_pages_that_did_not_change_are_not_sent_again() -> None:
    registry = Versioned()
    async with run_harness(registry) as b:
        assert await b.tags() == ["1.0", "1.1", "1.2"]
        assert await b.tags() == ["1.0", "1.1", "1.2"]
        registry.pages["1.1"].append("1.3")
        assert await b.tags() == ["1.0", "1.1", "1.2", "1.3"]
        assert await b.tags() == ["1.0", "1.1", "1.2", "1.3"]
    assert registry.statuses == [200, 200, 304, 304, 304, 200, 304, 304]


async def test_a_full_last_page_gets_a_successor_without_a_new_version() -> None:
    registry = Versioned()
    registry.pages = {"": [f"0.{number:02}" for number in range(50)]}
    async with run_harness(registry) as b:
        assert len(await b.tags()) == 50
        registry.pages["1.1"] = ["1.2"]
        assert len(await b.tags()) == 51
    assert registry.statuses == [200, 200, 200]


async def test_versions_are_nobody_elses() -> None:
    registry = Versioned()
    async with run_harness(registry) as b:
        for access in (ALICE, BOB, ANONYMOUS):
            await b.tags(access)
    assert registry.statuses == [200] * 6


async def test_a_registry_without_versions_is_asked_as_ever() -> None:
    registry = Versioned()
    registry.etags = False
    async with run_harness(registry) as b:
        await b.tags()
        await b.tags()
        assert not any("if-none-match" in asked.headers for asked in b.server.asked)
    assert registry.statuses == [200] * 4


async def test_a_registry_that_gives_versions_up_is_believed() -> None:
    registry = Versioned()
    async with run_harness(registry) as b:
        await b.tags()
        registry.etags = False
        await b.tags()
        await b.tags()
        assert ["if-none-match" in asked.headers for asked in b.server.asked[-4:]] == [True, True, False, False]


async def test_unchanged_is_no_answer_to_who_has_nothing() -> None:
    def liar(asked: ReceivedRequest) -> Reply:
        return Reply(body=b"{}") if asked.path == "/v2/" else Reply(304)

    async with run_harness(liar) as b:
        assert "unexpected status code 304" in await b.expect_error(BadResponse)
        assert b.server.targets()[-1] == LIST


@pytest.mark.parametrize("size", [1 << 20, (1 << 20) + 4096])
async def test_large_pages_are_not_kept(size: int) -> None:
    tags = ["x" * 100 + f"{number:08}" for number in range(size // 111)]
    registry = Versioned()
    registry.pages = {"": tags}
    async with run_harness(registry) as b:
        assert await b.tags() == tags
        assert await b.tags() == tags
    assert registry.statuses == ([200, 304] if len(json.dumps({"tags": tags})) <= 1 << 20 else [200, 200])
