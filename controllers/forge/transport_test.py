"""Requests to forges: bounded in time and size, kept where they may go, paused together."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta

import pytest

from controllers.clock import SYSTEM_CLOCK
from controllers.forge.conftest import BASE, HEAD, World, desired
from controllers.forge.errors import BadAnswer, BadLocation, ForgeError, RateLimited, Unavailable
from controllers.forge.forges import Forges
from controllers.forge.location import locate
from controllers.forge.model import Forge, ForgeKind
from controllers.git.remote import Bearer, Remote
from controllers.net.destinations import Destinations
from controllers.net.proxy.address import Proxy
from controllers.net.tls import TlsMaterial
from testing.forges.standin import TOKEN
from testing.gitserver import CannedResponse

ONLY_GITHUB = pytest.mark.parametrize("world_of", [ForgeKind.GITHUB], indirect=True)


@pytest.fixture
def forges() -> Iterator[Forges]:
    forges = Forges(destinations=Destinations(), clock=SYSTEM_CLOCK)
    yield forges
    forges.close()


def connect(forges: Forges, url: str, *, api: str = "", timeout: float = 20, tls: TlsMaterial | None = None) -> Forge:
    remote = Remote(url, timeout=timedelta(seconds=timeout), tls=tls or TlsMaterial())
    return forges.connect(locate(ForgeKind.GITEA, url, api=api), Bearer(TOKEN), remote)


@contextmanager
def raw_server(answer: bytes, *, drip: bytes = b"") -> Iterator[int]:
    """Serve these bytes to each request, then one piece after the other without an end."""
    done = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    with connection, suppress(OSError):
                        connection.recv(65536)
                        connection.sendall(answer)
                        while drip and not done.wait(0.02):
                            connection.sendall(drip)

        thread = threading.Thread(target=serve)
        thread.start()
        yield listener.getsockname()[1]
        done.set()
        listener.shutdown(socket.SHUT_RDWR)
    thread.join()


async def test_server_that_drips_is_cut_off(forges: Forges) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n"
    with raw_server(head, drip=b" ") as port, pytest.raises(Unavailable, match=r"timed out after 0\.4s"):
        await connect(forges, f"http://127.0.0.1:{port}/o/f", timeout=0.4).list_open("")


async def test_endless_head_is_cut_off(forges: Forges) -> None:
    with raw_server(b"HTTP/1.1 200 OK\r\n", drip=b"X: y\r\n") as port, pytest.raises(ForgeError):
        await connect(forges, f"http://127.0.0.1:{port}/o/f", timeout=0.4).list_open("")


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        pytest.param(b"", Unavailable, id="nothing"),
        pytest.param(b"SSH-2.0-OpenSSH\r\n", Unavailable, id="no-http"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n[{", Unavailable, id="cut"),
        pytest.param(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", Unavailable, id="bad-chunk"),
        pytest.param(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n[]", Unavailable, id="cut-chunk"),
        pytest.param(b"HTTP/1.1 204 No Content\r\n\r\n", BadAnswer, id="no-content"),
        pytest.param(b"HTTP/1.1 304 Not Modified\r\n\r\n", BadAnswer, id="304-unasked"),
        pytest.param(b"HTTP/1.1 999 What\r\nContent-Length: 0\r\n\r\n", ForgeError, id="odd-status"),
    ],
)
async def test_answers_that_are_none(forges: Forges, answer: bytes, error: type[ForgeError]) -> None:
    with raw_server(answer) as port, pytest.raises(error, match="failed to list the open pull requests of o/f"):
        await connect(forges, f"http://127.0.0.1:{port}/o/f").list_open("")


async def test_body_beyond_all_bounds_is_not_read(forges: Forges) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 104857600\r\n\r\n["
    with raw_server(head, drip=b" " * (1 << 20)) as port, pytest.raises(BadAnswer, match="longer than 8 MiB"):
        await connect(forges, f"http://127.0.0.1:{port}/o/f").list_open("")


async def test_long_failure_is_cut_and_still_told(forges: Forges) -> None:
    head = b"HTTP/1.1 503 Down\r\nContent-Length: 104857600\r\n\r\n"
    with raw_server(head, drip=b"x" * (1 << 20)) as port, pytest.raises(Unavailable, match="it answered 503"):
        await connect(forges, f"http://127.0.0.1:{port}/o/f").list_open("")


async def test_nobody_there(forges: Forges) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(Unavailable, match="onnection refused"):
        await connect(forges, f"http://127.0.0.1:{port}/o/f").list_open("")


@pytest.mark.parametrize(
    "api",
    [
        "http://169.254.169.254/api/v1",
        "http://127.0.0.1:1/api/v1",
        "http://localhost:1/api/v1",
        "http://[::1]:1/api/v1",
    ],
)
async def test_api_must_not_be_on_this_machine_or_its_link(forges: Forges, api: str) -> None:
    with pytest.raises(BadLocation, match="is refused, because it is"):
        await connect(forges, "https://git.example/o/f", api=api).list_open("")


async def test_proxy_of_a_tenant_must_not_be_on_this_machine(forges: Forges) -> None:
    url = "http://git.example/o/f"
    remote = Remote(url, proxy=Proxy("http://127.0.0.1:1"))
    forge = forges.connect(locate(ForgeKind.GITEA, url), Bearer(TOKEN), remote)
    with pytest.raises(BadLocation, match="is refused, because it is this machine itself"):
        await forge.list_open("")


async def test_bad_authority_is_said(forges: Forges) -> None:
    tls = TlsMaterial(ca=b"-----BEGIN CERTIFICATE-----\nnone\n-----END CERTIFICATE-----\n")
    with pytest.raises(BadLocation, match=r"cannot use the TLS material \(ca.crt\)"):
        await connect(forges, "https://127.0.0.1:1/o/f", tls=tls).list_open("")


async def test_cancelled_request_is_cut(forges: Forges) -> None:
    loop, asked, cut = asyncio.get_running_loop(), asyncio.Event(), threading.Event()

    def serve(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection:
            connection.settimeout(10)
            connection.recv(65536)
            loop.call_soon_threadsafe(asked.set)
            if not connection.recv(1):
                cut.set()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener,))
        thread.start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/o/f"
        listing = asyncio.ensure_future(connect(forges, url).list_open(""))
        await asked.wait()
        listing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await listing
        await asyncio.to_thread(thread.join)
    assert cut.is_set()


@ONLY_GITHUB
async def test_pause_counts_for_all_repositories_of_a_token(world_of: World) -> None:
    world_of.stand_in.canned = [CannedResponse(429, b"{}", {"Retry-After": "60"})]
    with pytest.raises(RateLimited):
        await world_of.connect().list_open("")
    url = f"{world_of.server.url}/org/other.git"
    other = world_of.forges.connect(locate(ForgeKind.GITHUB, url), Bearer(TOKEN), Remote(url))
    with pytest.raises(RateLimited):
        await other.list_open("")
    assert len(world_of.stand_in.calls) == 1
    someone = world_of.forges.connect(locate(ForgeKind.GITHUB, url), Bearer("another"), Remote(url))
    with pytest.raises(ForgeError, match="401"):
        await someone.list_open("")


@ONLY_GITHUB
async def test_last_request_that_was_allowed_pauses_too(world_of: World) -> None:
    headers = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1704067320"}
    world_of.stand_in.canned = [CannedResponse(200, b"[]", headers)]
    assert await world_of.connect().list_open("") == ()
    with pytest.raises(RateLimited) as caught:
        await world_of.connect().find(HEAD, BASE)
    assert caught.value.retry_after == timedelta(minutes=2)


@ONLY_GITHUB
async def test_waiting_is_bounded_to_a_day(world_of: World) -> None:
    for header in ({"Retry-After": "9" * 30}, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "99999999999"}):
        world_of.stand_in.canned = [CannedResponse(429, b"{}", header)]
        with pytest.raises(RateLimited) as caught:
            await world_of.connect().list_open("")
        assert caught.value.retry_after == timedelta(days=1)
        await world_of.clock.advance(86_401)


@ONLY_GITHUB
async def test_few_writes_do_not_wait(world_of: World) -> None:
    await world_of.connect().create(desired(labels=("automation",), assignees=("bob",)))
    assert world_of.clock.slept == []
