"""`controllers.git`: other hosts than the URL's own, whether they are asked, and what of their answers is shown.

Nothing is connected to at the addresses here that are not loopback. Where one must be that is not the URL's own, the
operator allows it.
"""

import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from controllers.git.conftest import BOT, WHEN
from controllers.git.engine import GitEngine
from controllers.git.errors import (
    DestinationForbidden,
    GitError,
    PushRejected,
    RepositoryNotFound,
    Unreachable,
)
from controllers.git.login.githubapp import GithubApp
from controllers.git.login.githubapp_test import PRIVATE
from controllers.git.protocol.refs import branch_tip
from controllers.git.protocol.refspec import RefUpdate
from controllers.git.remote import Remote, SshKey
from controllers.net.destinations import Destinations, parse_networks
from controllers.net.proxy.address import Proxy
from testing.gitserver import BareRepository, CannedResponse, GitServer, Request
from testing.proxy import ProxyServer
from testing.sshserver import CLIENT, HOST, openssh, public

METADATA = "169.254.169.254"
SERVICES = parse_networks(["10.96.0.0/12"])
IN_A_POD = Destinations(denied=SERVICES)
SECRET = b"root:x:0:0 hunter2"
SOON = timedelta(seconds=10)
SSH = SshKey(openssh(CLIENT), f"* {public(HOST)}")

Names = dict[str, list[str]]


@pytest.fixture
def object_format() -> str:
    return "sha1"


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Names:
    """Return the addresses of names, for the test to fill; names that were asked for are in `names["asked"]`."""
    known: Names = {"asked": []}
    resolve = socket.getaddrinfo

    def getaddrinfo(host: str, port: int, *args: Any, **kwargs: Any) -> list[Any]:
        known["asked"].append(host)
        return [found for address in known.get(host, [host]) for found in resolve(address, port, *args, **kwargs)]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return known


@asynccontextmanager
async def engine_within(folder: Path, destinations: Destinations = IN_A_POD) -> AsyncIterator[GitEngine]:
    engine = GitEngine(folder / "strict", destinations=destinations)
    try:
        yield engine
    finally:
        await engine.aclose()


async def refused(folder: Path, remote: Remote, destinations: Destinations = IN_A_POD) -> str:
    """Return why a remote is not asked."""
    async with engine_within(folder, destinations) as engine:
        with pytest.raises(DestinationForbidden) as caught:
            await engine.list_refs(replace(remote, timeout=SOON))
    assert "is refused, because it is" in str(caught.value)
    assert "--allowed-networks" in str(caught.value)
    return str(caught.value)


@pytest.fixture
def other(server: GitServer, fleet: BareRepository) -> Iterator[GitServer]:
    """Serve the same repositories on another port."""
    with GitServer(server.root) as serving:
        yield serving


def redirect_to(base: str) -> Callable[[Request], CannedResponse]:
    return lambda request: CannedResponse(302, b"", {"Location": base + request.path})


# Where URLs and redirects lead.


@pytest.mark.parametrize("scheme", ["http", "https", "ssh"])
@pytest.mark.parametrize(
    "host",
    [
        METADATA,
        "[::ffff:169.254.169.254]",
        "2852039166",
        "metadata.example",
        "rebinding.example",
        "service.example",
        "kubernetes.default.svc.example",
    ],
)
async def test_a_url_does_not_lead_inside(tmp_path: Path, names: Names, scheme: str, host: str) -> None:
    names |= {"metadata.example": [METADATA], "rebinding.example": ["127.0.0.1"], "2852039166": [METADATA]}
    names |= {"service.example": ["10.96.0.1"], "kubernetes.default.svc.example": ["10.96.0.1"]}
    credentials = SSH if scheme == "ssh" else None
    await refused(tmp_path, Remote(f"{scheme}://{host}/fleet.git", credentials=credentials))


@pytest.mark.parametrize("scheme", ["http", "https", "ssh"])
@pytest.mark.parametrize("host", ["gitea.gitea.svc", "gitea.gitea.svc.cluster.local", "10.96.7.7"])
async def test_a_git_server_in_the_cluster_is_reached_where_the_url_names_it(
    tmp_path: Path, names: Names, monkeypatch: pytest.MonkeyPatch, scheme: str, host: str
) -> None:
    names[host] = ["10.96.7.7"]
    connected: list[Any] = []

    def connect(self: socket.socket, address: Any) -> None:
        connected.append(address[0])
        raise ConnectionRefusedError(111, "Connection refused")

    monkeypatch.setattr(socket.socket, "connect", connect)
    credentials = SSH if scheme == "ssh" else None
    async with engine_within(tmp_path) as engine:
        with pytest.raises(Unreachable, match="refused"):
            await engine.list_refs(Remote(f"{scheme}://{host}:3000/fleet.git", credentials=credentials))
    assert connected == ["10.96.7.7"]


@pytest.mark.parametrize(
    "base",
    [
        f"http://{METADATA}",
        "http://metadata.example",
        "http://10.96.0.1",
        "http://kubernetes.default.svc",
        "https://kubernetes.default.svc:443",
    ],
)
async def test_a_redirect_does_not_lead_inside(tmp_path: Path, names: Names, server: GitServer, base: str) -> None:
    names |= {"metadata.example": [METADATA], "kubernetes.default.svc": ["10.96.0.1"]}
    server.respond = redirect_to(base)
    await refused(tmp_path, Remote(f"{server.url}/fleet.git"))


async def test_a_redirect_of_a_foreign_host_does_not_lead_to_this_machine(
    tmp_path: Path, names: Names, server: GitServer, other: GitServer
) -> None:
    """Also when connections to it are open for somebody who may use them."""
    names["foreign.example"] = ["127.0.0.2"]
    with GitServer(server.root, host="127.0.0.2") as foreign:
        foreign.respond = redirect_to(other.url)
        async with engine_within(tmp_path, Destinations(allowed=parse_networks(["127.0.0.2"]))) as engine:
            await engine.list_refs(Remote(f"{other.url}/fleet.git"))
            other.take_requests()
            with pytest.raises(DestinationForbidden, match="is this machine itself"):
                await engine.list_refs(Remote(f"http://foreign.example:{foreign.port}/fleet.git"))
        assert foreign.requests
    assert other.requests == []


async def test_a_name_is_resolved_once_for_a_connection(
    tmp_path: Path, names: Names, server: GitServer, fleet: BareRepository
) -> None:
    """The second answer of a name that is made for it would be another one."""
    names["git.example"] = [METADATA, "127.0.0.1"]
    async with engine_within(tmp_path, Destinations(allowed=parse_networks(["127.0.0.1"]))) as engine:
        assert (await engine.list_refs(Remote(f"http://git.example:{server.port}/fleet.git"))).branch("main")
    assert names["asked"] == ["git.example"]


async def test_a_redirect_within_the_same_machine_is_followed(
    tmp_path: Path, server: GitServer, other: GitServer
) -> None:
    server.respond = redirect_to(other.url)
    async with engine_within(tmp_path) as engine:
        assert (await engine.list_refs(Remote(f"{server.url}/fleet.git"))).branch("main")


# Where proxies are, and where they lead.


@pytest.mark.parametrize("kind", ["http", "socks5"])
@pytest.mark.parametrize("scheme", ["http", "https", "ssh"])
async def test_a_proxy_of_a_secret_that_is_inside_is_not_asked(tmp_path: Path, scheme: str, kind: Any) -> None:
    credentials = SSH if scheme == "ssh" else None
    with ProxyServer(kind) as proxy:
        remote = Remote(f"{scheme}://git.example/fleet.git", credentials=credentials, proxy=Proxy(proxy.url))
        assert "is this machine itself" in await refused(tmp_path, remote)
        assert proxy.asked == []


@pytest.mark.parametrize("kind", ["http", "socks5"])
@pytest.mark.parametrize("scheme", ["http", "https", "ssh"])
@pytest.mark.parametrize("host", [METADATA, "localhost", "10.96.0.1"])
async def test_a_proxy_is_not_asked_for_what_is_inside(tmp_path: Path, scheme: str, kind: Any, host: str) -> None:
    credentials = SSH if scheme == "ssh" else None
    allowed = Destinations(denied=SERVICES, allowed=parse_networks(["127.0.0.1"]))
    with ProxyServer(kind, routes={}) as proxy:
        remote = Remote(f"{scheme}://{host}/fleet.git", credentials=credentials, proxy=Proxy(proxy.url))
        async with engine_within(tmp_path, allowed) as engine:
            with pytest.raises(GitError) as caught:
                await engine.list_refs(replace(remote, timeout=SOON))
        # What the URL itself names is asked for as elsewhere, but for link-local addresses.
        assert isinstance(caught.value, DestinationForbidden) == (host == METADATA)
        assert bool(proxy.asked) == (host != METADATA)


async def test_the_proxy_of_the_environment_may_be_anywhere(
    tmp_path: Path, server: GitServer, fleet: BareRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", server.url)
    async with engine_within(tmp_path) as engine:
        assert (await engine.list_refs(Remote("http://git.example/fleet.git"))).branch("main")
        with pytest.raises(DestinationForbidden):
            await engine.list_refs(Remote(f"http://{METADATA}/fleet.git"))
    assert {request.path.split("/")[2] for request in server.requests} == {"git.example"}


@pytest.mark.parametrize(("service", "is_asked"), [("token.infra.svc", True), ("kubernetes.default.svc", False)])
async def test_the_proxy_of_the_environment_is_asked_for_services_that_are_allowed_only(
    tmp_path: Path, names: Names, server: GitServer, monkeypatch: pytest.MonkeyPatch, service: str, is_asked: bool
) -> None:
    monkeypatch.setenv("http_proxy", server.url)
    names |= {"token.infra.svc": ["10.96.0.50"], "kubernetes.default.svc": ["10.96.0.1"]}
    server.respond = lambda request: redirect_to(f"http://{service}/a")(request) if "git.ex" in request.path else None
    allowed = Destinations(denied=SERVICES, allowed=parse_networks(["10.96.0.50"]))
    async with engine_within(tmp_path, allowed) as engine:
        with pytest.raises(GitError) as caught:
            await engine.list_refs(Remote("http://git.example/fleet.git"))
    assert isinstance(caught.value, DestinationForbidden) != is_asked
    assert any(service in request.path for request in server.requests) == is_asked


# The API of a GitHub App.


@pytest.mark.parametrize("url", ["https://git.example/org/fleet", "https://10.96.7.7/org/fleet"])
async def test_an_api_that_is_inside_is_not_asked(tmp_path: Path, server: GitServer, url: str) -> None:
    async with engine_within(tmp_path) as engine:
        with pytest.raises(DestinationForbidden, match="is this machine itself"):
            await engine.github_login(GithubApp("7", PRIVATE, "42", url=server.url), Remote(url))
    assert server.requests == []


@pytest.mark.parametrize(("url", "is_shown"), [("https://git.example/o/r", False), ("https://127.0.0.1/o/r", True)])
async def test_the_answer_of_an_api_elsewhere_is_not_quoted(
    tmp_path: Path, server: GitServer, url: str, is_shown: bool
) -> None:
    server.respond = lambda _: CannedResponse(403, SECRET)
    async with engine_within(tmp_path, Destinations(allowed=parse_networks(["127.0.0.0/8"]))) as engine:
        with pytest.raises(GitError, match="answered 403") as caught:
            await engine.github_login(GithubApp("7", PRIVATE, "42", url=server.url), Remote(url))
    assert ("hunter2" in str(caught.value)) is is_shown


# What others say is not shown.


@pytest.mark.parametrize(
    "answer",
    [
        *(CannedResponse(status, SECRET) for status in (200, 400, 401, 403, 404, 418, 429, 500)),
        CannedResponse(200, b"", {"Content-Type": "text/hunter2"}),
        CannedResponse(200, b"", {"Content-Encoding": "hunter2"}),
        CannedResponse(302, b"", {"Location": "http://hunter2.example/login"}),
        CannedResponse(302, b"", {"Location": "ftp://hunter2.example/"}),
        *(
            CannedResponse(200, body, {"Content-Type": "application/x-git-upload-pack-advertisement"})
            for body in (b"0019ERR root:x:0 hunter2\n", b"hunter2", b"0012root: hunter2", b"hunt")
        ),
    ],
)
async def test_the_answer_of_another_host_is_not_quoted(
    tmp_path: Path, names: Names, server: GitServer, other: GitServer, answer: CannedResponse
) -> None:
    names["internal.example"] = ["127.0.0.1"]
    server.respond = redirect_to(f"http://internal.example:{other.port}")
    other.respond = lambda _: answer
    async with engine_within(tmp_path) as engine:
        with pytest.raises(GitError) as caught:
            await engine.list_refs(Remote(f"{server.url}/fleet.git"))
    assert not [word for word in ("hunt", "root:") if word in str(caught.value)]
    assert other.requests


async def test_the_answer_of_a_tenants_proxy_is_not_quoted(tmp_path: Path, server: GitServer) -> None:
    """Over plain HTTP it may be any server: it is asked as if it were a proxy."""
    server.respond = lambda _: CannedResponse(404, SECRET)
    allowed = Destinations(allowed=parse_networks(["127.0.0.0/8"]))
    async with engine_within(tmp_path, allowed) as engine:
        with pytest.raises(RepositoryNotFound, match=r"repository not found$"):
            await engine.list_refs(Remote("http://git.example/fleet.git", proxy=Proxy(server.url)))


async def test_words_of_what_is_no_proxy_are_not_quoted(tmp_path: Path) -> None:
    allowed = Destinations(allowed=parse_networks(["127.0.0.0/8"]))
    with ProxyServer("http") as service:
        service.refusal = "HTTP/1.1 401 hunter2"
        remote = Remote("ssh://git.example/fleet.git", credentials=SSH, proxy=Proxy(service.url))
        async with engine_within(tmp_path, allowed) as engine:
            with pytest.raises(Unreachable, match=r"401 Unauthorized$") as caught:
                await engine.list_refs(replace(remote, timeout=SOON))
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("is_own", [True, False])
async def test_the_words_of_a_hook_are_quoted_on_the_urls_own_host_alone(
    tmp_path: Path, names: Names, server: GitServer, other: GitServer, fleet: BareRepository, is_own: bool
) -> None:
    names["internal.example"] = ["127.0.0.1"]
    fleet.hook("pre-receive", "#!/bin/sh\necho hunter2 >&2\nexit 1\n")
    if not is_own:
        server.respond = redirect_to(f"http://internal.example:{other.port}")
    async with engine_within(tmp_path) as engine:
        remote = Remote(f"{server.url}/fleet.git")
        tip = branch_tip(await engine.list_refs(remote), "main")
        assert tip
        await engine.fetch(remote, tip)
        new = await engine.commit(remote, tip.commit, {"app.yaml": b"new\n"}, author=BOT, message="x", when=WHEN)
        assert new
        with pytest.raises(PushRejected) as caught:
            await engine.push(remote, new, [RefUpdate("refs/heads/main", new.id, new.parent)])
    assert ("hunter2" in str(caught.value)) is is_own
