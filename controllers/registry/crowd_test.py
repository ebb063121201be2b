"""`controllers.registry.transport`: many requests that nobody answers, and one beside them."""

import asyncio
import threading
from collections.abc import Iterable
from typing import Any

import pytest

from controllers.net.destinations import Destinations
from controllers.registry.errors import Unavailable
from controllers.registry.messages import RegistryRequest, RegistryResponse, Route
from controllers.registry.metering import PieceMeter
from controllers.registry.pools import RouteClient
from controllers.registry.transport import RegistryTransport
from testing.clock import settle
from testing.process import TEST_TIMEOUT_SECONDS

CROWD = 150
"""More than a pool had connections when it had a bound that counted."""
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


async def test_requests_to_silent_registries_do_not_keep_others_from_connecting() -> None:
    waiting, crowded, over = 0, asyncio.Event(), asyncio.Event()

    async def never_answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal waiting
        waiting += 1
        if waiting == CROWD:
            crowded.set()
        await over.wait()
        writer.close()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(ANSWER)
        await writer.drain()
        writer.close()

    transport = RegistryTransport(user_agent="test")
    silent = await asyncio.start_server(never_answer, "127.0.0.1", 0, backlog=CROWD)
    good = await asyncio.start_server(answer, "127.0.0.1", 0)

    async def ask(server: asyncio.Server) -> RegistryResponse:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v2/"
        route = Route(destinations=Destinations().starting_from("127.0.0.1"))
        return await transport.send(RegistryRequest("GET", url), route, max_bytes=100, meter=PieceMeter())

    crowd = [asyncio.create_task(ask(silent)) for _ in range(CROWD)]
    async with asyncio.timeout(30):
        await crowded.wait()
        assert (await ask(good)).body == b"{}"
    for task in crowd:
        task.cancel()
    await asyncio.gather(*crowd, return_exceptions=True)
    over.set()
    await transport.aclose()
    silent.close()
    good.close()


class SlowClients:
    """Clients that are made when the test lets them be."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.made: list[Route] = []
        self.closed: list[Route] = []
        self.may_be_made = threading.Event()
        makes_client, close = RouteClient, RouteClient.aclose

        def make(route: Route, *arguments: Any) -> RouteClient:
            assert self.may_be_made.wait(TEST_TIMEOUT_SECONDS)
            self.made.append(route)
            return makes_client(route, *arguments)

        async def aclose(client: RouteClient) -> None:
            self.closed.append(client._route)
            await close(client)

        monkeypatch.setattr("controllers.registry.transport.RouteClient", make)
        monkeypatch.setattr(RouteClient, "aclose", aclose)


@pytest.fixture
def clients(monkeypatch: pytest.MonkeyPatch) -> SlowClients:
    return SlowClients(monkeypatch)


REQUEST = RegistryRequest("GET", "http://127.0.0.1:9/v2/")
ROUTE = Route(destinations=Destinations().starting_from("127.0.0.1"))


def begin(transport: RegistryTransport, route: Route = ROUTE) -> "asyncio.Task[RegistryResponse]":
    return asyncio.ensure_future(transport.send(REQUEST, route, max_bytes=100, meter=PieceMeter()))


@pytest.mark.parametrize(
    "leaving",
    [
        pytest.param([], id="all-stay"),
        pytest.param([0], id="the-first-leaves"),
        pytest.param(range(19), id="one-stays"),
    ],
)
async def test_requests_that_begin_at_once_make_one_client_for_their_route(
    clients: SlowClients, leaving: Iterable[int]
) -> None:
    transport = RegistryTransport(user_agent="test")
    sent = [begin(transport) for _ in range(20)]
    await settle()
    for number in leaving:
        sent[number].cancel()
    clients.may_be_made.set()
    ends = [type(end) for end in await asyncio.gather(*sent, return_exceptions=True)]
    assert [number for number, end in enumerate(ends) if end is not Unavailable] == list(leaving)
    assert clients.made == [ROUTE]
    await transport.aclose()
    assert clients.closed == [ROUTE]


async def test_a_client_is_made_for_who_comes_after_all_others_have_left(clients: SlowClients) -> None:
    transport = RegistryTransport(user_agent="test")
    sent = [begin(transport) for _ in range(3)]
    await settle()
    for task in sent:
        task.cancel()
    await asyncio.gather(*sent, return_exceptions=True)
    clients.may_be_made.set()
    with pytest.raises(Unavailable):
        await begin(transport)
    assert list(transport._pools) == [ROUTE]
    await transport.aclose()


async def test_more_routes_at_once_than_are_kept_are_all_served(
    clients: SlowClients, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("controllers.registry.transport.MAX_POOLS", 1)
    clients.may_be_made.set()
    transport = RegistryTransport(user_agent="test")
    routes = [Route(destinations=Destinations().starting_from(f"127.0.0.{number}")) for number in range(1, 6)]
    sent = [begin(transport, route) for route in routes for _ in range(4)]
    ends = {type(end) for end in await asyncio.gather(*sent, return_exceptions=True)}
    assert ends == {Unavailable}
    assert len(transport._pools) == 1
    assert all(pool.in_use == 0 for pool in transport._pools.values())
    await transport.aclose()
    assert sorted(map(id, clients.closed)) == sorted(map(id, clients.made)), "each client is closed once"
