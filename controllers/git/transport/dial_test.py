"""Connections through proxies, plain and below SSH and HTTPS: which proxy is used, and what refusals say."""

import itertools
import socket
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from urllib3.exceptions import ConnectTimeoutError, ProxyError

from controllers.git.conftest import GitRun
from controllers.git.errors import BadCredentials, BadUrl, DeadlineExceeded, Unreachable
from controllers.git.protocol.deadline import Deadline
from controllers.git.remote import Remote
from controllers.git.transport.dial import dial
from controllers.git.transport.httppools import translate_errors
from controllers.net.proxy.address import Proxy
from testing.proxy import ProxyServer

LOGIN = "robot:hu:sh/@"
MINUTE = timedelta(minutes=1)


def deadline(timeout: timedelta = MINUTE) -> Deadline:
    return Deadline(timeout, monotonic=time.monotonic)


@pytest.fixture(params=["http", "socks5"])
def proxy(request: pytest.FixtureRequest) -> Iterator[ProxyServer]:
    with ProxyServer(request.param, login=LOGIN) as serving:
        yield serving


def with_login(serving: ProxyServer, password: str = LOGIN.partition(":")[2]) -> Proxy:
    return Proxy(serving.url, "robot", password)


@pytest.fixture
def speaker() -> Iterator[socket.socket]:
    """Listen, for a server that speaks first."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener


@pytest.mark.parametrize("ahead", [True, False], ids=["in-one-piece", "apart"])
def test_what_the_server_says_first_is_not_lost(proxy: ProxyServer, speaker: socket.socket, ahead: bool) -> None:
    proxy.ahead = ahead
    proxy.routes["git.invalid:22"] = f"127.0.0.1:{speaker.getsockname()[1]}"

    def speak() -> None:
        connection, _ = speaker.accept()
        with connection:
            connection.sendall(b"SSH-2.0-first\r\n")

    thread = threading.Thread(target=speak)
    thread.start()
    with dial("git.invalid", 22, with_login(proxy), deadline(), None) as connection:
        assert connection.makefile("rb").readline() == b"SSH-2.0-first\r\n"
    thread.join()
    assert [asked.split()[1] for asked in proxy.asked] == ["git.invalid:22"]


def test_names_that_are_not_ascii(proxy: ProxyServer) -> None:
    proxy.routes["xn--git-dma.invalid:22"] = "127.0.0.1:1"
    with pytest.raises(Unreachable, match=r"does not connect to xn--git-dma.invalid:22"):
        dial("gité.invalid", 22, with_login(proxy), deadline(), None)
    assert [asked.split()[1] for asked in proxy.asked] == ["xn--git-dma.invalid:22"]
    with pytest.raises(BadUrl, match="cannot be the name of a host"):
        dial("a" * 64 + ".invalid", 22, with_login(proxy), deadline(), None)


def addresses(*ports: int) -> Callable[..., list[tuple[Any, ...]]]:
    """Return a resolver that knows one host."""
    return lambda *_, **__: [(socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.1", port)) for port in ports]


def test_an_address_that_does_not_answer_is_skipped(monkeypatch: pytest.MonkeyPatch, speaker: socket.socket) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", addresses(1, speaker.getsockname()[1]))
    with dial("git.invalid", 22, None, deadline(), None) as connection:
        assert connection.getpeername() == speaker.getsockname()


def test_all_addresses_share_one_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", addresses(1, 1, 1))
    clock = itertools.count(0, 40)  # each attempt takes 40 s
    with pytest.raises(DeadlineExceeded, match="timed out after 60s"):
        dial("git.invalid", 22, None, Deadline(MINUTE, monotonic=lambda: next(clock)), None)


def test_the_error_of_a_wrong_password_does_not_contain_it(proxy: ProxyServer) -> None:
    with pytest.raises(Unreachable) as caught:
        dial("git.invalid", 22, with_login(proxy, "wr0ng"), deadline(), None)
    reason = {
        "http": "407 Proxy Authentication Required",
        "socks5": "username/password authentication failed",
    }[proxy.kind]
    assert str(caught.value) == f"proxy {proxy.url} does not connect to git.invalid:22: {reason}"


def test_a_refusal_is_named(proxy: ProxyServer) -> None:
    proxy.refusal = "HTTP/1.1 503 no route" if proxy.kind == "http" else 4
    reason = "503 Service Unavailable" if proxy.kind == "http" else "host unreachable"
    with pytest.raises(Unreachable, match=f"proxy {proxy.url} does not connect to git.invalid:22: {reason}$"):
        dial("git.invalid", 22, with_login(proxy), deadline(), None)


def test_a_proxy_that_hangs_up(proxy: ProxyServer) -> None:
    proxy.routes["a:1"] = "127.0.0.1:1"  # nobody listens there
    with pytest.raises(Unreachable, match="does not connect to a:1: the proxy hung up"):
        dial("a", 1, with_login(proxy), deadline(), None)


def test_a_silent_proxy_does_not_outlast_the_deadline(proxy: ProxyServer) -> None:
    proxy.silent = True
    with pytest.raises(DeadlineExceeded, match=rf"^timed out after 1s \(proxy {proxy.url}\)$"):
        dial("git.invalid", 22, with_login(proxy), deadline(timedelta(seconds=1)), None)


@pytest.mark.parametrize("scheme", ["http", "socks5", "socks5h"])
def test_a_proxy_that_is_not_running(scheme: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    with pytest.raises(Unreachable, match=f"^proxy {scheme}://127.0.0.1:{port}: connection refused$"):
        dial("git.invalid", 22, Proxy(f"{scheme}://me:hush@127.0.0.1:{port}"), deadline(), None)


@pytest.mark.parametrize("scheme", ["https", "ftp"])
def test_other_proxies(scheme: str) -> None:
    with pytest.raises(BadCredentials, match=rf"^proxy {scheme}://proxy:3128: use one of http, socks5 or socks5h"):
        dial("git.invalid", 22, Proxy(f"{scheme}://me:hush@proxy:3128"), deadline(), None)


async def test_http_remotes_go_through_socks(run: GitRun, proxy: ProxyServer) -> None:
    """Also where only the proxy can resolve the host's name."""
    port = run.remote.url.rpartition(":")[2].partition("/")[0]
    proxy.kind = "socks5"
    proxy.routes["git.invalid:80"] = f"127.0.0.1:{port}"
    through = GitRun(run.engine, Remote("http://git.invalid/fleet.git", proxy=with_login(proxy)))
    made = await through.change(b"1.0.0", b"1.0.1")
    await through.push(made)
    assert (await run.tip()).commit == made.id
    assert set(proxy.asked) == {"SOCKS5 git.invalid:80"}


async def test_errors_of_http_remotes_quote_the_proxy(run: GitRun) -> None:
    with ProxyServer("socks5", login=LOGIN) as serving:
        with pytest.raises(
            Unreachable, match=r"proxy socks5://.* does not connect to git.invalid:80: username/password"
        ):
            await run.engine.list_refs(Remote("http://git.invalid/fleet.git", proxy=with_login(serving, "wr0ng")))
        serving.silent = True
        slow = Remote("http://git.invalid/x", proxy=with_login(serving), timeout=timedelta(seconds=1))
        with pytest.raises(DeadlineExceeded, match=r"timed out after 1s \(connecting\)"):
            await run.engine.list_refs(slow)


@pytest.mark.parametrize("url", ["https://git.invalid/x", "http://git.invalid/x"], ids=["https", "http"])
async def test_a_proxy_that_is_not_there_is_named(run: GitRun, url: str) -> None:
    with pytest.raises(Unreachable, match=r"'https?://git.invalid/x': proxy http://127.0.0.1:1: connection refused$"):
        await run.engine.list_refs(Remote(url, proxy=Proxy("http://me:hush@127.0.0.1:1")))


def test_a_proxy_whose_address_does_not_answer_is_a_timeout() -> None:
    remote = Remote("https://git.invalid/x", proxy=Proxy("http://proxy:3128"))
    clock = iter((0.0, 60.0))
    late = Deadline(MINUTE, monotonic=lambda: next(clock))
    late.remaining()
    unanswered = ProxyError("Unable to connect to proxy", ConnectTimeoutError(None, "timed out"))
    with pytest.raises(DeadlineExceeded, match="timed out after 60s"), translate_errors(remote, late):
        raise unanswered


async def test_a_proxy_that_refuses_https_is_named(run: GitRun) -> None:
    with ProxyServer("http", login=LOGIN) as serving:
        with pytest.raises(Unreachable) as caught:
            await run.engine.list_refs(Remote("https://git.invalid/x", proxy=with_login(serving, "wr0ng")))
        reason = f"proxy {serving.url}: 407 Proxy Authentication Required"
        assert str(caught.value) == f"unable to clone 'https://git.invalid/x': {reason}"
