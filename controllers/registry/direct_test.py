"""`controllers.registry.direct`: which connections are used again, and which are not."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpcore
import httpx
import pytest

from controllers.registry.direct import DirectRequest, DirectTransport
from controllers.registry.streams import AsyncioBackend
from testing.registry_server import ReceivedRequest, Reply, read_request, run_listener, run_server

KEEPALIVE = 90.0


class Time:
    """A clock that stands still."""

    seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


@asynccontextmanager
async def transport(
    *, max_connections: int = 10, max_idle: int = 10, monotonic: Time | None = None
) -> AsyncIterator[DirectTransport]:
    made = DirectTransport(
        AsyncioBackend(),
        ssl.create_default_context(),
        max_connections=max_connections,
        max_idle=max_idle,
        keepalive_seconds=KEEPALIVE,
        monotonic=monotonic or Time(),
    )
    try:
        yield made
    finally:
        await made.aclose()


def request(address: str, method: str = "GET", content: bytes = b"", **headers: str) -> DirectRequest:
    host, _, port = address.partition(":")
    raw = [(name.encode(), text.encode()) for name, text in {"Host": address, **headers}.items()]
    return DirectRequest(method, ("http", host, int(port)), b"/", raw, content)


async def ask(direct: DirectTransport, address: str, method: str = "GET", content: bytes = b"") -> tuple[int, bytes]:
    answer = await direct.exchange(request(address, method, content))
    try:
        return answer.status, b"".join([chunk async for chunk in answer.body])
    finally:
        await answer.aclose()


def echo(asked: ReceivedRequest) -> Reply:
    return Reply(body=asked.method.encode() + asked.body)


async def test_one_connection_carries_one_request_after_the_other() -> None:
    async with run_server(echo) as server, transport() as direct:
        assert await ask(direct, server.address) == (200, b"GET")
        assert await ask(direct, server.address, "POST", b" body") == (200, b"POST body")
        assert await ask(direct, server.address, "HEAD") == (200, b"")
        assert await ask(direct, server.address) == (200, b"GET")
        assert server.connections == 1
        assert server.asked[1].headers["content-length"] == "5"


async def test_requests_at_the_same_time_have_a_connection_each() -> None:
    async with run_server(lambda _: Reply(delay=0.05)) as server, transport() as direct:
        await asyncio.gather(*(ask(direct, server.address) for _ in range(5)))
        assert (server.connections, server.max_concurrent) == (5, 5)


async def test_more_requests_than_connections_wait() -> None:
    async with run_server(lambda _: Reply(delay=0.01)) as server, transport(max_connections=2) as direct:
        await asyncio.gather(*(ask(direct, server.address) for _ in range(7)))
        assert (server.connections, server.max_concurrent) == (2, 2)


async def test_the_longest_idle_go_first_where_there_are_too_many() -> None:
    async with run_server(lambda _: Reply(delay=0.05)) as server, transport(max_idle=2) as direct:
        await asyncio.gather(*(ask(direct, server.address) for _ in range(4)))
        await asyncio.gather(*(ask(direct, server.address) for _ in range(3)))
        assert server.connections == 5


async def test_a_connection_that_was_idle_for_too_long_is_not_used_again() -> None:
    time = Time()
    async with run_server(echo) as server, transport(monotonic=time) as direct:
        await ask(direct, server.address)
        time.seconds += KEEPALIVE
        await ask(direct, server.address)
        assert server.connections == 1
        time.seconds += KEEPALIVE + 1
        await ask(direct, server.address)
        assert server.connections == 2


async def test_a_connection_that_is_in_use_at_the_end_is_closed_after_it() -> None:
    hung_up = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await read_request(reader):
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\ntruth")
        hung_up.set()

    async with run_listener(serve) as address, transport() as direct:
        answer = await direct.exchange(request(address))
        await direct.aclose()
        assert [chunk async for chunk in answer.body] == [b"truth"]
        await answer.aclose()
        await asyncio.wait_for(hung_up.wait(), 10)


@pytest.mark.parametrize("later", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlies"], ids=["end", "answer"])
async def test_a_connection_on_which_something_came_unasked_is_not_used_again(later: bytes) -> None:
    accepted = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal accepted
        accepted += 1
        while await read_request(reader):
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\ntruth")
            await writer.drain()
            if accepted == 1:
                writer.write(later)
                if not later:
                    writer.close()
                told.set()

    told = asyncio.Event()
    async with run_listener(serve) as address, transport() as direct:
        assert await ask(direct, address) == (200, b"truth")
        await told.wait()
        assert await ask(direct, address) == (200, b"truth")
        assert accepted == 2


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(b"HTTP/1.0 200 OK\r\n\r\nbody", id="1.0-until-the-end"),
        pytest.param(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 4\r\n\r\nbody", id="close"),
        pytest.param(b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\n\r\nbody", id="interim-answer"),
    ],
)
async def test_an_answer_that_ends_the_connection_is_read_to_its_end(answer: bytes) -> None:
    accepted = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal accepted
        accepted += 1
        await read_request(reader)
        writer.write(answer)
        writer.close()
        await writer.wait_closed()

    async with run_listener(serve) as address, transport() as direct:
        assert [await ask(direct, address) for _ in range(2)] == [(200, b"body")] * 2
        assert accepted == 2


async def test_an_answer_in_chunks_with_trailers_leaves_the_connection_in_use() -> None:
    body = b"2\r\nbo\r\n2;x=y\r\ndy\r\n0\r\nX-Trailer: 1\r\n\r\n"

    accepted = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal accepted
        accepted += 1
        while await read_request(reader):
            writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + body)

    async with run_listener(serve) as address, transport() as direct:
        assert [await ask(direct, address) for _ in range(2)] == [(200, b"body")] * 2
        assert accepted == 1


async def test_whoever_gives_up_closes_the_connection_and_frees_its_place() -> None:
    async with run_server(lambda _: Reply(delay=60)) as silent, transport(max_connections=1) as direct:
        for _ in range(3):
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(ask(direct, silent.address), 0.02)
        assert silent.connections == 3
        async with run_server(echo) as server:
            assert await ask(direct, server.address) == (200, b"GET")


async def test_a_body_that_nobody_reads_to_its_end_closes_the_connection() -> None:
    async with run_server(lambda _: Reply(body=b"x" * (4 << 20))) as server, transport(max_connections=1) as direct:
        for _ in range(2):
            answer = await direct.exchange(request(server.address))
            async for _chunk in answer.body:
                break
            await answer.aclose()
        assert server.connections == 2


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        pytest.param(b"", "disconnected without", id="no-answer"),
        pytest.param(b"SSH-2.0\r\n\r\n", "illegal", id="another-protocol"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", "closed", id="cut"),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx", "conflicting", id="two-lengths"
        ),
        pytest.param(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 200_000, "too long", id="head-without-end"),
    ],
)  # fmt: skip
async def test_what_is_no_answer_is_an_error_and_frees_the_place(answer: bytes, text: str) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(answer)
        await writer.drain()
        writer.close()

    async with run_listener(serve) as address, transport(max_connections=1) as direct:
        for _ in range(2):
            with pytest.raises(httpx.RemoteProtocolError, match=text):
                await ask(direct, address)


async def test_a_request_that_cannot_be_written_is_an_error() -> None:
    async with run_server(echo) as server, transport(max_connections=1) as direct:
        for _ in range(2):
            with pytest.raises(httpx.LocalProtocolError):
                await direct.exchange(request(server.address, X="a\r\nY: b"))
        assert await ask(direct, server.address) == (200, b"GET")


async def test_nobody_there_is_an_error_of_httpx_with_its_cause() -> None:
    async with run_server(echo) as server:
        address = server.address
    async with transport(max_connections=1) as direct:
        for _ in range(2):
            with pytest.raises(httpx.ConnectError) as caught:
                await ask(direct, address)
            assert isinstance(caught.value.__cause__, httpcore.ConnectError)
            assert isinstance(caught.value.__cause__.__cause__, ConnectionRefusedError)


async def test_an_answer_may_come_before_the_request_was_read() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 413 X\r\nContent-Length: 4\r\nConnection: close\r\n\r\nmany")
        await writer.drain()
        await reader.read(1 << 20)
        writer.close()

    async with run_listener(serve) as address, transport() as direct:
        assert await ask(direct, address, "POST", b"x" * (1 << 20)) == (413, b"many")
