"""`controllers.registry.transport`: many requests that nobody answers, and one beside them."""

import asyncio
from typing import Any

import pytest

from controllers.net.destinations import Destinations
from controllers.registry.errors import Unavailable
from controllers.registry.messages import RegistryRequest, RegistryResponse, Route
from controllers.registry.metering import PieceMeter
from controllers.registry.pools import RouteClient
from controllers.registry.transport import RegistryTransport

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


async def test_requests_that_begin_at_once_make_one_client_for_their_route(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Route] = []

    def make(route: Route, *arguments: Any) -> RouteClient:
        made.append(route)
        return RouteClient(route, *arguments)

    monkeypatch.setattr("controllers.registry.transport.RouteClient", make)
    transport = RegistryTransport(user_agent="test")
    route = Route(destinations=Destinations().starting_from("127.0.0.1"))
    request = RegistryRequest("GET", "http://127.0.0.1:9/v2/")
    sent = (transport.send(request, route, max_bytes=100, meter=PieceMeter()) for _ in range(20))
    assert {type(answer) for answer in await asyncio.gather(*sent, return_exceptions=True)} == {Unavailable}
    assert made == [route]
    await transport.aclose()
