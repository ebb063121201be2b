import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest

from controllers.runtime.process import httpserver
from controllers.runtime.process.health import HealthChecks
from controllers.runtime.process.httpserver import MAX_CONNECTIONS, HttpServer, Request, Response, parse_address
from testing.process import TEST_TIMEOUT_SECONDS

SAME_PEER, OTHER_PEER = "127.0.0.1", "127.0.0.2"
MORE_THAN_THERE_ARE = MAX_CONNECTIONS * 2
LARGE_BYTES = 8 << 20
"""More than the buffers of two sockets hold."""

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@pytest.mark.parametrize(
    ("address", "want"),
    [
        pytest.param(":8080", (None, 8080), id="all-interfaces"),
        pytest.param("127.0.0.1:0", ("127.0.0.1", 0), id="host"),
        pytest.param("[::1]:9440", ("::1", 9440), id="ipv6"),
    ],
)
def test_addresses(address: str, want: tuple[str | None, int]) -> None:
    assert parse_address(address) == want


@pytest.mark.parametrize("address", ["8080", ":", ":http", ":70000", "host:-1", ":²"])
def test_what_is_no_address(address: str) -> None:
    with pytest.raises(ValueError, match="is not an address"):
        parse_address(address)


async def large_page(_: Request) -> Response:
    return Response(b"x" * LARGE_BYTES)


@pytest.fixture
async def server() -> AsyncIterator[HttpServer]:
    server = HttpServer("127.0.0.1:0", {"/readyz": HealthChecks(), "/large": large_page})
    await server.start()
    yield server
    await server.stop()


@pytest.mark.parametrize(
    ("method", "path", "status", "body"),
    [
        pytest.param("GET", "/readyz", 200, "ok", id="get"),
        pytest.param("GET", "/readyz?verbose", 200, "ok", id="query"),
        pytest.param("HEAD", "/readyz", 200, "", id="head"),
        pytest.param("GET", "/", 404, "no such page\n", id="unknown"),
        pytest.param("POST", "/readyz", 405, "only GET is served here\n", id="post"),
    ],
)
async def test_requests(server: HttpServer, method: str, path: str, status: int, body: str) -> None:
    async with (
        aiohttp.ClientSession() as session,
        session.request(method, f"http://127.0.0.1:{server.port}{path}") as answer,
    ):
        assert (answer.status, await answer.text()) == (status, body)


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(b"\r\n\r\n", id="empty-request"),
        pytest.param(b"\xff\xfe\r\n\r\n", id="not-text"),
        pytest.param(b"GET /readyz", id="cut-off"),
        pytest.param(b"GET /" + b"x" * 40_000, id="endless"),
    ],
)
async def test_nonsense_costs_the_sender_only(server: HttpServer, sent: bytes) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(sent)
    writer.write_eof()
    answer = await reader.read()
    assert answer == b"" or b" 405 " in answer
    writer.close()
    async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{server.port}/readyz") as good:
        assert good.status == 200


@asynccontextmanager
async def connections(server: HttpServer, count: int, *, peer: str, sent: bytes) -> AsyncIterator[list[Streams]]:
    """Open connections from an address, send the same over each, and keep them."""
    opened = []
    for _ in range(count):
        streams = await asyncio.open_connection("127.0.0.1", server.port, local_addr=(peer, 0))
        streams[1].write(sent)
        opened.append(streams)
    try:
        yield opened
    finally:
        for _, writer in opened:
            writer.transport.abort()


async def ask(streams: Streams) -> bytes:
    reader, writer = streams
    writer.write(b"GET /readyz HTTP/1.1\r\n\r\n")
    async with asyncio.timeout(TEST_TIMEOUT_SECONDS):
        return await reader.read()


async def is_closed(streams: Streams) -> bool:
    async with asyncio.timeout(TEST_TIMEOUT_SECONDS):
        try:
            return await streams[0].read() == b""
        except ConnectionError:
            return True


async def until_open(server: HttpServer, count: int) -> None:
    async with asyncio.timeout(TEST_TIMEOUT_SECONDS):
        while server.connection_count != count:  # noqa: ASYNC110 - the server announces it to nobody
            await asyncio.sleep(0.005)


@pytest.mark.parametrize("peer", [pytest.param(OTHER_PEER, id="other-peer"), pytest.param(SAME_PEER, id="same-peer")])
@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(b"", id="idle"),
        pytest.param(b"GET /readyz HTTP/1.1\r\nX-Slow: ", id="slow-request"),
        pytest.param(b"GET /large HTTP/1.1\r\n\r\n", id="reads-nothing"),
    ],
)
async def test_connections_of_others_never_keep_a_probe_out(server: HttpServer, peer: str, sent: bytes) -> None:
    async with connections(server, MORE_THAN_THERE_ARE, peer=peer, sent=sent), aiohttp.ClientSession() as session:
        for _ in range(3):
            async with session.get(
                f"http://127.0.0.1:{server.port}/readyz", timeout=aiohttp.ClientTimeout(1)
            ) as answer:
                assert await answer.text() == "ok"


async def test_a_peer_with_one_connection_keeps_it_whatever_the_others_open(server: HttpServer) -> None:
    probe = await asyncio.open_connection("127.0.0.1", server.port, local_addr=(SAME_PEER, 0))
    async with connections(server, MORE_THAN_THERE_ARE, peer=OTHER_PEER, sent=b"") as others:
        assert b" 200 " in await ask(probe)
        assert await is_closed(others[0])
        assert b" 200 " in await ask(others[-1])
    probe[1].close()


@pytest.mark.parametrize(
    ("limit", "sent"),
    [
        pytest.param("HEAD_SECONDS", b"GET /readyz HTTP/1.1\r\n", id="request-that-does-not-end"),
        pytest.param("EXCHANGE_SECONDS", b"GET /large HTTP/1.1\r\n\r\n", id="answer-that-is-not-read"),
    ],
)
async def test_a_connection_ends_at_its_deadline(
    server: HttpServer, monkeypatch: pytest.MonkeyPatch, limit: str, sent: bytes
) -> None:
    monkeypatch.setattr(httpserver, limit, 0.1)
    async with connections(server, 1, peer=SAME_PEER, sent=sent):
        await until_open(server, 1)
        await until_open(server, 0)


async def test_stopping_does_not_wait_for_those_who_are_connected() -> None:
    server = HttpServer("127.0.0.1:0", {"/readyz": HealthChecks()})
    await server.start()
    async with connections(server, 3, peer=SAME_PEER, sent=b"GET"):
        async with asyncio.timeout(TEST_TIMEOUT_SECONDS):
            await server.stop()
