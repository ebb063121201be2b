"""Requests without a proxy that speaks HTTP pass httpx by, in the form that it would give them."""

import tracemalloc
from collections.abc import Callable

import httpx
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from controllers.net.destinations import LOOPBACK, Destinations
from controllers.registry.lookups import Lookups
from controllers.registry.messages import RegistryRequest, Route
from controllers.registry.pools import PARSED_URLS, RouteClient
from testing.registry_server import ReceivedRequest, Reply, run_server

ROUTE = Route(destinations=Destinations(allowed=LOOPBACK))


async def ask(client: RouteClient, request: RegistryRequest) -> tuple[int, bytes, str]:
    answer = await client.open(request)
    try:
        return answer.status, b"".join([chunk async for chunk in answer.body]), answer.url
    finally:
        await answer.aclose()


async def test_a_request_has_host_own_headers_and_those_of_the_request_each_once() -> None:
    async with run_server(lambda _: Reply(body=b"{}")) as server:
        client, url = RouteClient(ROUTE, "tagline-test/1", Lookups()), f"http://{server.address}/v2/a b/tags/list?n=1"
        try:
            request = RegistryRequest("GET", url, {"Accept": "application/json", "If-None-Match": '"1"'})
            status, body, answered_by = await ask(client, request)
        finally:
            await client.aclose()
        (asked,) = server.asked
    assert (status, body) == (200, b"{}")
    assert answered_by == f"http://{server.address}/v2/a%20b/tags/list?n=1"
    assert asked.headers == {
        "host": server.address,
        "accept": "application/json",
        "accept-encoding": "gzip",
        "connection": "keep-alive",
        "user-agent": "tagline-test/1",
        "if-none-match": '"1"',
    }


async def test_a_body_is_sent_with_its_length() -> None:
    def echo(asked: ReceivedRequest) -> Reply:
        return Reply(body=asked.body)

    async with run_server(echo) as server:
        client = RouteClient(ROUTE, "tagline-test/1", Lookups())
        try:
            request = RegistryRequest("POST", f"http://{server.address}/token", {}, b"grant_type=x")
            assert (await ask(client, request))[:2] == (200, b"grant_type=x")
        finally:
            await client.aclose()
        assert server.asked[0].headers["content-length"] == "12"


async def test_urls_that_are_asked_again_are_parsed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    parsed: list[str] = []
    async with run_server(lambda _: Reply()) as server:
        client = RouteClient(ROUTE, "tagline-test/1", Lookups())
        parse = client._parse

        def counted(url: str) -> object:
            parsed.append(url)
            return parse(url)

        monkeypatch.setattr(client, "_parse", counted)
        urls = [f"http://{server.address}/v2/app-{number}/tags/list" for number in range(5)]
        try:
            for url in urls * 3:
                await ask(client, RegistryRequest("GET", url))
        finally:
            await client.aclose()
    assert parsed == urls
    assert PARSED_URLS > 5_000


async def test_long_urls_that_a_registry_leads_to_are_not_kept() -> None:
    async with run_server(lambda _: Reply()) as server:
        client = RouteClient(ROUTE, "tagline-test/1", Lookups())
        tracemalloc.start()
        try:
            for number in range(50):
                server.asked.clear()
                await ask(client, RegistryRequest("GET", f"http://{server.address}/{number:030000}"))
            kept, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
            await client.aclose()
    assert kept < 1 << 20


@pytest.fixture(scope="module")
def parsing() -> RouteClient:
    return RouteClient(ROUTE, "tagline-test/1", Lookups())


@given(
    st.sampled_from(
        ["http://reg.io", "https://reg.io:443/v2/a b/tags/list", "http://[::1]:5000/v2/", "https://R.io/#x"]
    ),
    st.text("az09.~=&:/+?#%2F \u00e9'\"", max_size=10),
)
@example("http://reg.io", "?")
@example("http://reg.io", "?n=1")
@example("https://reg.io:443/v2/a b/tags/list", "?last=%2f%zz")
@example("https://R.io/#x", "?n=1")
def test_a_url_is_the_same_whether_its_query_was_parsed_or_not(parsing: RouteClient, start: str, rest: str) -> None:
    def parse(parse: Callable[[str], object]) -> object:
        try:
            return parse(start + rest)
        except httpx.InvalidURL as error:
            return str(error)

    assert parse(parsing._target) == parse(parsing._parse)


async def test_pages_of_a_list_are_parsed_once(monkeypatch: pytest.MonkeyPatch, parsing: RouteClient) -> None:
    parsed: list[str] = []
    parse = parsing._parse

    def counted(url: str) -> object:
        parsed.append(url)
        return parse(url)

    monkeypatch.setattr(parsing, "_parse", counted)
    for page in range(3):
        assert parsing._target(f"https://list.io/v2/app/tags/list?n=1000&last=v1.{page}") is not None
    assert parsed == ["https://list.io/v2/app/tags/list"]
