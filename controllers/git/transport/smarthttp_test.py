"""HTTP at its edges: logins, statuses, redirects, proxies, TLS, hostile answers."""

import ssl
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from controllers.git.conftest import GitRun
from controllers.git.engine import GitEngine
from controllers.git.errors import (
    AuthenticationFailed,
    BadCredentials,
    GitError,
    ProtocolError,
    RepositoryNotFound,
    RepositoryTooLarge,
    Unreachable,
)
from controllers.git.remote import Basic, Bearer, Credentials, Remote, SshKey
from controllers.net.proxy.address import Proxy
from controllers.net.tls import TlsMaterial
from testing.certificates import create_authority
from testing.gitserver import BareRepository, CannedResponse, GitServer

ADVERTISEMENT = {"Content-Type": "application/x-git-upload-pack-advertisement"}


async def test_a_wrong_password_then_the_right_one(run: GitRun, server: GitServer) -> None:
    server.login = ("git", "s3cret")
    with pytest.raises(AuthenticationFailed) as failed:
        await run.engine.list_refs(Remote(run.remote.url, credentials=Basic("git", "guess")))
    assert str(failed.value) == f"unable to clone '{run.remote.url}': authentication required: Unauthorized"
    refs = await run.engine.list_refs(Remote(run.remote.url, credentials=Basic("git", "s3cret")))
    assert refs.branch("main")


async def test_a_login_in_the_url_is_used_and_never_shown(run: GitRun, server: GitServer) -> None:
    server.login = ("me@example.com", "p/ss")
    url = run.remote.url.replace("http://", "http://me%40example.com:p%2Fss@")
    refs = await run.engine.list_refs(Remote(url))
    assert refs.url == run.remote.url
    server.login = ("other", "other")
    with pytest.raises(AuthenticationFailed) as failed:
        await run.engine.list_refs(Remote(url))
    assert "p%2Fss" not in str(failed.value)
    assert "p/ss" not in str(failed.value)


async def test_a_bearer_token(run: GitRun, server: GitServer) -> None:
    server.token = "t0ken"
    assert (await run.engine.list_refs(Remote(run.remote.url, credentials=Bearer("t0ken")))).branch("main")
    with pytest.raises(AuthenticationFailed):
        await run.engine.list_refs(run.remote)


async def test_credentials_of_one_remote_are_not_used_for_another(run: GitRun, server: GitServer) -> None:
    server.login = ("git", "s3cret")
    await run.engine.list_refs(Remote(run.remote.url, credentials=Basic("git", "s3cret")))
    with pytest.raises(AuthenticationFailed):
        await run.engine.list_refs(run.remote)


async def test_a_missing_repository(run: GitRun, server: GitServer) -> None:
    url = f"{server.url}/elsewhere.git"
    with pytest.raises(RepositoryNotFound, match=f"unable to clone '{url}': repository not found"):
        await run.engine.list_refs(Remote(url))


@pytest.mark.parametrize(
    ("answer", "error", "text"),
    [
        pytest.param(
            CannedResponse(500, b"broken\n"), Unreachable, "the server answered 500: broken", id="server-error",
        ),
        pytest.param(CannedResponse(429, b""), Unreachable, "the server answered 429", id="throttled"),
        pytest.param(CannedResponse(403, b"no\n"), AuthenticationFailed, "authorization failed: no", id="forbidden"),
        pytest.param(CannedResponse(418, b"tea"), ProtocolError, "the server answered 418: tea", id="odd-status"),
        pytest.param(
            CannedResponse(200, b"<html>Log in</html>", {"Content-Type": "text/html"}), ProtocolError,
            "not a smart Git server", id="login-page",
        ),
        pytest.param(
            CannedResponse(404, b"<html>" + b"x" * 9999, {"Content-Type": "text/html"}), RepositoryNotFound,
            "repository not found$", id="html-is-not-quoted",
        ),
        pytest.param(
            CannedResponse(200, b"zzzz", ADVERTISEMENT), ProtocolError,
            "not a Git packet", id="nonsense",
        ),
        pytest.param(
            CannedResponse(200, b"0023ERR access denied by the gateway!", ADVERTISEMENT),
            ProtocolError, "remote error: access denied", id="error-packet",
        ),
        pytest.param(
            CannedResponse(200, b"00", ADVERTISEMENT), ProtocolError,
            "cut short", id="cut-short",
        ),
    ],
)  # fmt: skip
async def test_answers_that_are_not_gits(
    run: GitRun, server: GitServer, answer: CannedResponse, error: type[GitError], text: str
) -> None:
    server.respond = lambda _: answer
    with pytest.raises(error, match=text):
        await run.engine.list_refs(run.remote)
    server.respond = lambda _: None
    assert (await run.engine.list_refs(run.remote)).branch("main")


async def test_nobody_there(engine: GitEngine) -> None:
    with HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as gone:
        port = gone.server_address[1]
    with pytest.raises(Unreachable, match="connection refused"):
        await engine.list_refs(Remote(f"http://127.0.0.1:{port}/x.git"))


async def test_a_redirect_is_followed_and_remembered_for_the_run(run: GitRun, server: GitServer) -> None:
    def moved(path: str) -> CannedResponse | None:
        if not path.startswith("/old/"):
            return None
        return CannedResponse(301, b"", {"Location": server.url + path.removeprefix("/old")})

    server.respond = lambda request: moved(request.path)
    old = GitRun(run.engine, Remote(f"{server.url}/old/fleet.git"))
    tip = await old.tip()
    assert [f.path for f in await old.files(tip.commit)] == ["app.yaml"]


async def test_credentials_do_not_follow_a_redirect_to_another_host(
    run: GitRun, server: GitServer, fleet: BareRepository, tmp_path: Path
) -> None:
    with GitServer(server.root) as other:
        server.respond = lambda request: CannedResponse(302, b"", {"Location": other.url + request.path})
        await run.engine.list_refs(Remote(run.remote.url, credentials=Basic("git", "s3cret")))
        assert other.requests
        assert not [r for r in other.requests if "Authorization" in r.headers]
        await run.engine.aclose()


@pytest.mark.parametrize(
    "location",
    [
        *("ftp://example.com/info/refs", "/login", "file:///etc/passwd"),
        *("http://[::1", "//[x]/", "http://h:99999999/info/refs", "http://h:x/info/refs", "http://"),
    ],
)
async def test_redirects_elsewhere_are_refused(run: GitRun, server: GitServer, location: str) -> None:
    server.respond = lambda _: CannedResponse(302, b"", {"Location": location})
    with pytest.raises(ProtocolError, match="redirect"):
        await run.engine.list_refs(run.remote)


async def test_redirects_in_a_circle(run: GitRun, server: GitServer) -> None:
    server.respond = lambda request: CannedResponse(302, b"", {"Location": request.path})
    with pytest.raises(ProtocolError, match="more than 5 redirects"):
        await run.engine.list_refs(run.remote)


async def test_an_endless_list_of_references_is_cut(
    run: GitRun, server: GitServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("controllers.git.transport.smarthttp.MAX_REFS_BYTES", 1000)
    lines = b"".join(b"%04x%s refs/heads/%06d\n" % (4 + 40 + 1 + 17 + 1, b"1" * 40, n) for n in range(99))
    body = b"001e# service=git-upload-pack\n0000" + lines + b"0000"
    server.respond = lambda _: CannedResponse(200, body, ADVERTISEMENT)
    with pytest.raises(RepositoryTooLarge):
        await run.engine.list_refs(run.remote)


@pytest.mark.parametrize(
    ("url", "credentials", "text"),
    [
        pytest.param("ssh://git@example.com/x", None, "'identity' is required", id="ssh-without-key"),
        pytest.param("https://example.com/x", SshKey("", ""), "no credential for an https URL", id="key-for-https"),
    ],
)
async def test_credentials_of_the_wrong_kind(
    engine: GitEngine, url: str, credentials: Credentials | None, text: str
) -> None:
    with pytest.raises(BadCredentials, match=text):
        await engine.list_refs(Remote(url, credentials=credentials))


async def test_other_transports_are_refused(engine: GitEngine) -> None:
    for url in ("file://example.com/etc", "git://example.com/x"):
        with pytest.raises(ProtocolError, match="is not supported; use http, https or ssh"):
            await engine.list_refs(Remote(url))


async def test_a_proxy_sees_the_request_and_its_login(run: GitRun, server: GitServer, fleet: BareRepository) -> None:
    proxy = Proxy(server.url, "me", "pw")
    refs = await run.engine.list_refs(Remote("http://git.invalid/fleet.git", proxy=proxy))
    assert refs.branch("main") == fleet.head()
    assert {r.path.split("/")[2] for r in server.requests} == {"git.invalid"}
    assert {r.headers["Proxy-Authorization"] for r in server.requests} == {"Basic bWU6cHc="}


async def test_a_proxy_gets_a_password_of_any_script(run: GitRun, server: GitServer, fleet: BareRepository) -> None:
    await run.engine.list_refs(Remote("http://git.invalid/fleet.git", proxy=Proxy(server.url, "me", "п")))
    assert {r.headers["Proxy-Authorization"] for r in server.requests} == {"Basic bWU60L8="}


async def test_a_proxy_that_requires_a_login(run: GitRun, server: GitServer) -> None:
    server.respond = lambda _: CannedResponse(407, b"")
    with pytest.raises(AuthenticationFailed, match="proxy asks for credentials"):
        await run.engine.list_refs(Remote("http://git.invalid/fleet.git", proxy=Proxy(server.url)))


async def test_a_proxy_of_the_environment(
    run: GitRun, server: GitServer, fleet: BareRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", server.url)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    refs = await run.engine.list_refs(Remote("http://git.invalid/fleet.git"))
    assert refs.branch("main") == fleet.head()
    assert (await run.engine.list_refs(run.remote)).branch("main")
    assert server.requests[-1].path.startswith("/fleet.git")


@pytest.fixture
def tls_server(server: GitServer, fleet: BareRepository) -> Iterator[tuple[str, TlsMaterial]]:
    """Serve the repository over TLS to clients with a certificate. Return (URL, what a client needs)."""
    ours, theirs = create_authority("localhost"), create_authority("client")
    context = ours.server_context()
    context.load_verify_locations(cadata=theirs.certificate.decode())
    context.verify_mode = ssl.CERT_REQUIRED
    with GitServer(server.root, tls=context) as secure:
        material = TlsMaterial(ours.certificate, theirs.certificate, theirs.key)
        yield f"https://localhost:{secure.port}/fleet.git", material


async def test_own_authority_and_client_certificate(tls_server: tuple[str, TlsMaterial], tmp_path: Path) -> None:
    url, tls = tls_server
    engine = GitEngine(tmp_path / "tls-cache")
    assert (await engine.list_refs(Remote(url, tls=tls))).branch("main")
    with pytest.raises(Unreachable, match="certificate verify failed: self-signed certificate"):
        await engine.list_refs(Remote(url, tls=TlsMaterial(b"", tls.certificate, tls.key)))
    with pytest.raises(Unreachable):
        await engine.list_refs(Remote(url, tls=TlsMaterial(tls.ca)))
    await engine.aclose()


@pytest.mark.parametrize(
    "tls", [TlsMaterial(ca=b"no PEM"), TlsMaterial(certificate=b"no PEM", key=b"no PEM")], ids=["authority", "pair"]
)
async def test_tls_material_that_cannot_be_used(engine: GitEngine, tls: TlsMaterial) -> None:
    with pytest.raises(BadCredentials, match="cannot use the TLS material"):
        await engine.list_refs(Remote("https://example.com/x", tls=tls))
