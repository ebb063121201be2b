"""Over real sockets: what is served, what is refused, and that nobody holds the server for long."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest

from controllers.clock import SYSTEM_CLOCK
from controllers.hookserver.answer import Answer
from controllers.hookserver.head import Head
from controllers.hookserver.limits import Limits
from controllers.hookserver.server import HookServer
from controllers.hookserver.sources import Sources
from controllers.hookserver.tlsfiles import TlsFiles
from controllers.webhooks.request import Request
from testing.certificates import create_authority, issue_server_key_pair
from testing.clock import VirtualClock
from testing.hook_client import NO_REPLY, HookClient, ask, post

LIMITS = Limits(head_seconds=0.3, request_seconds=0.8, idle_seconds=0.5, write_seconds=0.5, connections=8)
OK = Answer(200, "Ok")
DIRECT = Sources()


@dataclass
class Echo:
    """An application that keeps what it is given."""

    requests: list[Request] = field(default_factory=list)
    recorded: list[Answer] = field(default_factory=list)
    early: Answer | None = None
    hold: asyncio.Event | None = None
    asked: asyncio.Event = field(default_factory=asyncio.Event)

    def admit(self, head: Head, *, source: str) -> Answer | None:
        return self.early

    async def answer(self, request: Request) -> Answer:
        self.requests.append(request)
        self.asked.set()
        if self.hold:
            await self.hold.wait()
        return OK

    def record(self, answer: Answer, *, seconds: float) -> None:
        assert seconds >= 0
        self.recorded.append(answer)


@asynccontextmanager
async def serving(
    application: Echo, limits: Limits = LIMITS, *, sources: Sources = DIRECT, tls: TlsFiles | None = None
) -> AsyncIterator[HookServer]:
    server = HookServer(("127.0.0.1", 0), application, limits=limits, sources=sources, clock=SYSTEM_CLOCK, tls=tls)
    await server.start()
    try:
        yield server
    finally:
        await server.stop(seconds=1)


@pytest.fixture
def app() -> Echo:
    return Echo()


@pytest.fixture
async def server(app: Echo) -> AsyncIterator[HookServer]:
    async with serving(app) as server:
        yield server


async def test_a_request_arrives_as_it_was_sent(app: Echo, server: HookServer) -> None:
    reply = await ask(server.port, post("/hook/abc?token=x", b'{"a":1}', ("X-Event: push", "X-Sig: caf\xe9")))
    assert (reply.status, reply.reason) == (200, "Ok")
    (request,) = app.requests
    assert (request.method, request.path, request.query, request.body) == ("POST", "/hook/abc", "token=x", b'{"a":1}')
    assert request.header("X-Event") == "push"
    assert request.source == "127.0.0.1"
    assert app.recorded == [OK]


@pytest.mark.parametrize(
    ("data", "body"),
    [
        pytest.param(
            b"POST /hook/a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
            b"2\r\nxy\r\n1;ext=1\r\nz\r\n0\r\n\r\n",
            b"xyz",
            id="chunked",
        ),
        pytest.param(post("http://h/hook/a", b"xy"), b"xy", id="absolute-form"),
        pytest.param(post("HTTPS://h:443/hook/a", b"xy"), b"xy", id="absolute-form-in-capitals"),
        pytest.param(post("/hook/a", b"xy", version="1.0"), b"xy", id="http-1.0"),
        pytest.param(b"\r\n\r\n" + post("/hook/a", b"xy"), b"xy", id="empty-lines-before"),
        pytest.param(b"POST /hook/a HTTP/1.1\r\nHost: h\r\n\r\n", b"", id="no-body"),
    ],
)
async def test_forms_of_requests(app: Echo, server: HookServer, data: bytes, body: bytes) -> None:
    assert (await ask(server.port, data)).status == 200
    assert [(request.path, request.body) for request in app.requests] == [("/hook/a", body)]


CHUNKED = "Transfer-Encoding: chunked"


@pytest.mark.parametrize(
    ("data", "status"),
    [
        pytest.param(b"POST / HTTP/1.1\r\nContent-Length: 0\r\n\r\n", 400, id="no-host"),
        pytest.param(post("/", b"ab", (CHUNKED,)), 400, id="length-and-chunks"),
        pytest.param(post("/", b"ab", ("Content-Length: 3",)), 400, id="two-lengths"),
        pytest.param(post("/", b"ab", ("Transfer-Encoding:",)), 501, id="length-and-empty-encoding"),
        pytest.param(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: +2\r\n\r\nab", 400, id="signed-length"),
        pytest.param(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2, 2\r\n\r\nab", 200, id="same-length-in-a-list"),
        pytest.param(b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip\r\n\r\n", 501, id="other-encoding"),
        pytest.param(
            b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
            501,
            id="encoded-twice",
        ),
        pytest.param(
            b"POST / HTTP/1.0\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, id="chunks-1.0"
        ),
        pytest.param(b"POST / HTTP/1.1\nHost: h\n\n", 400, id="bare-line-feeds"),
        pytest.param(b"POST / HTTP/1.1\r\nHost: h\r\nA: b\nContent-Length: 9\r\n\r\n", 400, id="line-feed-in-header"),
        pytest.param(b"POST / HTTP/1.1\r\nHost: h\r\nA: b\rC: d\r\n\r\n", 400, id="carriage-return-in-header"),
        pytest.param(b"POST / HTTP/1.1\r\nHost: h\r\nA: b\r\n c\r\n\r\n", 400, id="folded-header"),
        pytest.param(b"POST / HTTP/1.1\r\nHost: h\r\nA : b\r\n\r\n", 400, id="blank-before-colon"),
        pytest.param(b"POST / HTTP/1.1\r\nHost: h\r\nA: \0\r\n\r\n", 400, id="nul"),
        pytest.param(b"POST / HTTP/1.1\r\nHost: h\r\n\r\nnot a head\r\n\r\n", 200, id="junk-behind"),
        pytest.param(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505, id="http-2"),
        pytest.param(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400, id="tls-to-plain-http"),
        pytest.param(b"nonsense\r\n\r\n", 400, id="nonsense"),
        pytest.param(b"POST / HTTP/1.1\r\nHost: h\r\nA: " + b"a" * 70_000 + b"\r\n\r\n", 431, id="long-header"),
        pytest.param(b"a" * 100_000, 431, id="endless-line"),
        pytest.param(b"POST / HTTP/1.1\r\nHost: h\r\n" + b"A: b\r\n" * 200 + b"\r\n", 431, id="many-headers"),
        pytest.param(post("/", b"", ("Content-Length: 104857600",))[:-2], 400, id="second-length"),
        pytest.param(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 104857600\r\n\r\n", 413, id="100-mib"),
        pytest.param(
            b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 99999999999999999999\r\n\r\n", 413, id="length-of-20-digits"
        ),
        pytest.param(b"POST / HTTP/1.1\r\nHost: h\r\n" + CHUNKED.encode() + b"\r\n\r\nzz\r\n", 400, id="bad-chunk"),
        pytest.param(
            b"POST / HTTP/1.1\r\nHost: h\r\n" + CHUNKED.encode() + b"\r\n\r\nffffffffffffffffffff1\r\n",
            400,
            id="endless-chunk-size",
        ),
    ],
)
async def test_what_is_no_request_is_refused(app: Echo, server: HookServer, data: bytes, status: int) -> None:
    if data.endswith(b"\r\n") and not data.endswith(b"\r\n\r\n") and b"\r\n\r\n" not in data:
        data += b"\r\n"
    reply = await ask(server.port, data)
    assert reply.status == status
    if status != 200:
        assert app.requests == []
        assert reply.header("Connection") == "close"


async def test_chunks_beyond_the_bound_are_refused_before_they_have_all_come(app: Echo) -> None:
    async with serving(app, replace(LIMITS, body_bytes=100_000)) as server:
        client = await HookClient.connect(server.port)
        await client.send(b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(11):
            await client.send(b"2710\r\n" + b"a" * 10_000 + b"\r\n")
        assert (await client.reply()).status == 413
        await client.close()
    assert app.requests == []


async def test_a_body_in_single_bytes_is_refused(app: Echo) -> None:
    async with serving(app, replace(LIMITS, free_pieces=100)) as server:
        head = b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
        reply = await ask(server.port, head + b"1\r\na\r\n" * 500 + b"0\r\n\r\n")
    assert (reply.status, reply.reason) == (413, "TooManyPieces")


@pytest.mark.parametrize(
    ("head", "rest"),
    [
        pytest.param(b"POST / HTTP/1.1\r\nHost: h\r\nX-A: ", b"a", id="head"),
        pytest.param(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\n", b"a", id="body"),
        pytest.param(b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1;e=", b"a", id="extension"),
    ],
)
async def test_what_comes_in_single_bytes_is_given_up_before_its_time(app: Echo, head: bytes, rest: bytes) -> None:
    limits = replace(LIMITS, free_pieces=20, head_pieces=20, head_seconds=30, request_seconds=30)
    async with serving(app, limits) as server:
        client = await HookClient.connect(server.port)
        await client.send(head)
        for _ in range(60):
            await client.send(rest)
            await asyncio.sleep(0.002)  # so that each is read by itself
        reply = await client.reply()
        await client.close()
    assert reply.reason == "TooManyPieces"


async def test_large_bodies_have_bounded_memory_together(app: Echo) -> None:
    app.hold = asyncio.Event()
    limits = replace(LIMITS, body_bytes=300_000, body_memory_bytes=1_200_000, request_seconds=5)
    async with serving(app, limits) as server:
        large = post("/", b"a" * 300_000)
        first = asyncio.create_task(ask(server.port, large))
        await app.asked.wait()
        second = await ask(server.port, large)
        assert (second.status, second.reason, second.header("Retry-After")) == (503, "Overloaded", "1")
        app.hold.set()
        assert (await first).status == 200
        assert (await ask(server.port, post("/", b"small"))).status == 200
        assert (await ask(server.port, large)).status == 200


async def test_slow_heads_and_bodies_are_given_up(app: Echo, server: HookServer) -> None:
    async def drip(data: bytes) -> int:
        client = await HookClient.connect(server.port)
        for byte in data:
            await client.send(bytes([byte]))
            await asyncio.sleep(0.02)
            if server.connection_count == 0:
                break
        status = (await client.reply()).status
        await client.close()
        return status

    assert await drip(b"POST /hook/a HTTP/1.1\r\nHost: h\r\nX-A: bbbbbbbbbbbbbbbb\r\n") == 408
    assert await ask(server.port, post("/hook/a", b"a" * 10)[:-5]) != NO_REPLY
    assert app.recorded[-1].reason == "TooSlow"
    assert app.requests == []


async def test_a_connection_that_says_nothing_is_closed(server: HookServer) -> None:
    client = await HookClient.connect(server.port)
    assert await client.is_closed()


async def test_connections_are_kept_and_requests_may_be_pipelined(app: Echo, server: HookServer) -> None:
    client = await HookClient.connect(server.port)
    await client.send(post("/1", b"a") + post("/2", b"b") + post("/3", b"c", ("Connection: close",)) + post("/4"))
    replies = [await client.reply() for _ in range(3)]
    assert [reply.header("Connection") for reply in replies] == ["keep-alive", "keep-alive", "close"]
    assert await client.is_closed()
    assert [request.path for request in app.requests] == ["/1", "/2", "/3"]


async def test_a_connection_is_closed_after_some_requests(app: Echo) -> None:
    async with serving(app, replace(LIMITS, requests_per_connection=2)) as server:
        client = await HookClient.connect(server.port)
        await client.send(post("/") * 3)
        assert [(await client.reply()).status for _ in range(2)] == [200, 200]
        assert await client.is_closed()


async def test_a_sender_may_ask_whether_to_send_its_body(server: HookServer) -> None:
    client = await HookClient.connect(server.port)
    head, body = post("/", b"ab", ("Expect: 100-continue",))[:-2], b"ab"
    await client.send(head)
    assert (await client.reply()).status == 100
    await client.send(body)
    assert (await client.reply()).status == 200
    await client.close()


async def test_what_is_not_admitted_is_not_read(app: Echo, server: HookServer) -> None:
    app.early = Answer(429, "Rate", retry_after_seconds=5)
    client = await HookClient.connect(server.port)
    await client.send(post("/", b"ab") + post("/", b"a" * 100_000))
    first, second = await client.reply(), await client.reply()
    assert (first.status, first.header("Retry-After"), first.header("Connection")) == (429, "5", "keep-alive")
    assert (second.status, second.header("Connection")) == (429, "close")
    assert app.requests == []
    await client.close()


async def test_an_answer_that_takes_too_long_is_given_up(app: Echo, server: HookServer) -> None:
    app.hold = asyncio.Event()
    reply = await ask(server.port, post("/"))
    assert (reply.status, reply.reason) == (503, "NotAnsweredInTime")
    assert reply.header("Retry-After")


async def test_head_requests_get_no_body(app: Echo, server: HookServer) -> None:
    app.early = Answer(405, "MethodNotAllowed")
    client = await HookClient.connect(server.port)
    await client.send(b"HEAD / HTTP/1.1\r\nHost: h\r\n\r\n" + b"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
    everything = await client.rest()
    assert everything.count(b"HTTP/1.1 405") == 2
    assert everything.count(b"MethodNotAllowed\n") == 1
    assert everything.count(b"Allow: POST") == 2


async def test_a_peer_that_has_too_many_connections_loses_its_own(app: Echo) -> None:
    async with serving(app, replace(LIMITS, connections_per_source=3, idle_seconds=5)) as server:
        clients = [await HookClient.connect(server.port) for _ in range(5)]
        assert (await ask(server.port, post("/"))).status == 200
        assert server.connection_count <= 3
        for client in clients:
            await client.close()


async def test_idle_connections_do_not_keep_a_request_out(app: Echo) -> None:
    limits = replace(LIMITS, connections=8, connections_per_source=100, idle_seconds=5, head_seconds=5)
    async with serving(app, limits) as server:
        clients = [await HookClient.connect(server.port) for _ in range(30)]
        for client in clients:
            await client.send(b"POST / HTTP/1.1\r\n")
        assert (await ask(server.port, post("/"))).status == 200
        assert server.connection_count <= 8
        for client in clients:
            await client.close()


async def test_requests_under_way_are_answered_before_the_end(app: Echo) -> None:
    app.hold = asyncio.Event()
    async with serving(app, replace(LIMITS, request_seconds=5)) as server:
        idle = await HookClient.connect(server.port)
        asked = asyncio.create_task(ask(server.port, post("/")))
        await app.asked.wait()
        stopping = asyncio.create_task(server.stop(seconds=5))
        assert await idle.is_closed()
        app.hold.set()
        reply = await asked
        assert (reply.status, reply.header("Connection")) == (200, "close")
        await stopping


async def test_a_trusted_proxy_says_whom_a_request_is_from(app: Echo) -> None:
    async with serving(app, sources=Sources((ip_network("127.0.0.0/8"),))) as server:
        await ask(server.port, post("/", b"", ("X-Forwarded-For: 198.51.100.7, 203.0.113.9",)))
    async with serving(app) as server:
        await ask(server.port, post("/", b"", ("X-Forwarded-For: 203.0.113.9",)))
    assert [request.source for request in app.requests] == ["203.0.113.9", "127.0.0.1"]


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    return tmp_path / "tls.crt", tmp_path / "tls.key"


def write_pair(files: tuple[Path, Path]) -> ssl.SSLContext:
    """Write a new certificate; return what a client needs to trust it."""
    authority = create_authority("hooks.example.com")
    pair = issue_server_key_pair(authority, "127.0.0.1")
    files[0].write_bytes(pair.certificate)
    files[1].write_bytes(pair.key)
    return ssl.create_default_context(cadata=authority.certificate.decode())


class Log:
    """A logger that keeps lines."""

    def __init__(self) -> None:
        self.lines: asyncio.Queue[str] = asyncio.Queue()

    def info(self, text: str, **_: Any) -> None:
        asyncio.get_running_loop().call_soon(self.lines.put_nowait, text)

    error = info


async def test_certificates_are_read_again(app: Echo, files: tuple[Path, Path]) -> None:
    clock, log = VirtualClock(), Log()
    old = write_pair(files)
    tls = TlsFiles(str(files[0]), str(files[1]), clock=clock, log=log)  # type: ignore[arg-type]
    following = asyncio.create_task(tls.run())
    async with serving(app, tls=tls) as server:
        assert (await ask(server.port, post("/", b"a" * 200_000), tls=old)).status == 200
        new = write_pair(files)
        await clock.advance(5)
        assert (await ask(server.port, post("/"), tls=old)).status == 200  # it may still be changing
        await clock.advance(5)
        assert await log.lines.get() == "the certificate was read again"
        assert (await ask(server.port, post("/"), tls=new)).status == 200
        with pytest.raises(ssl.SSLError):
            await ask(server.port, post("/"), tls=old)
        files[0].write_text("nonsense")
        await clock.advance(5)
        await clock.advance(5)
        assert await log.lines.get() == "the old certificate stays in use"
        assert (await ask(server.port, post("/"), tls=new)).status == 200
    following.cancel()


async def test_a_tls_handshake_that_does_not_end_is_given_up(app: Echo, files: tuple[Path, Path]) -> None:
    write_pair(files)
    tls = TlsFiles(str(files[0]), str(files[1]), clock=VirtualClock(), log=Log())  # type: ignore[arg-type]
    async with serving(app, tls=tls) as server:
        silent = await HookClient.connect(server.port)
        assert await silent.is_closed()
        plain = await HookClient.connect(server.port)
        await plain.send(post("/"))
        reply = await plain.reply()
        assert reply == NO_REPLY
        await plain.close()
    assert app.requests == []
