"""GitHub Apps against a stand-in for GitHub's API that checks what it is sent."""

import asyncio
import base64
import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from controllers.git.engine import GitEngine
from controllers.git.errors import AuthenticationFailed, BadCredentials, GitError, ProtocolError, Unreachable
from controllers.git.login.githubapp import GithubApp, GithubApps, assertion
from controllers.git.protocol.deadline import Deadline
from controllers.git.remote import Basic, Remote
from controllers.net.destinations import Destinations
from testing.gitserver import CannedResponse, GitServer, Request

NOW = datetime(2024, 5, 1, 12, 0, 0, tzinfo=UTC)
KEY = rsa.generate_private_key(65537, 2048)
PRIVATE = KEY.private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
).decode()
REMOTE = Remote("https://127.0.0.1/org/fleet")


def claims(token: str) -> dict[str, object]:
    """Return the claims of a JWT after checking its signature."""
    signed, _, signature = token.rpartition(".")
    KEY.public_key().verify(_decoded(signature), signed.encode(), padding.PKCS1v15(), hashes.SHA256())
    header, body = signed.split(".")
    assert json.loads(_decoded(header)) == {"alg": "RS256", "typ": "JWT"}
    decoded: dict[str, object] = json.loads(_decoded(body))
    return decoded


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


class Github:
    """The stand-in: app 7 is installed for 250 accounts, the right one on the last page."""

    def __init__(self, server: GitServer) -> None:
        self.server = server
        self.now = NOW
        self.requests: list[str] = []
        self.canned: CannedResponse | None = None
        server.respond = self.answer

    def answer(self, request: Request) -> CannedResponse:
        self.requests.append(f"{request.method} {request.path}")
        received = claims(request.headers["Authorization"].removeprefix("Bearer "))
        issued = int(self.now.timestamp()) - 30
        assert received == {"iss": "7", "iat": issued, "exp": issued + 120}
        if self.canned:
            return self.canned
        if request.method == "POST":
            expiry = (self.now + timedelta(hours=1)).isoformat().replace("+00:00", "Z")
            return CannedResponse(
                201, json.dumps({"token": f"ghs_{len(self.requests)}", "expires_at": expiry}).encode()
            )
        page = int(request.path.rpartition("=")[2])
        ids = range(100 * (page - 1), min(100 * page, 250))
        return CannedResponse(200, json.dumps([{"id": n, "account": {"login": f"Org{n}"}} for n in ids]).encode())

    def app(self, **fields: str) -> GithubApp:
        return GithubApp("7", PRIVATE, url=f"{self.server.url}/api/v3", **fields)


@pytest.fixture
def github(server: GitServer) -> Github:
    return Github(server)


@pytest.fixture
def apps(github: Github) -> Iterator[GithubApps]:
    apps = GithubApps(destinations=Destinations(), now=lambda: github.now)
    yield apps
    apps.close()


def login(apps: GithubApps, app: GithubApp) -> Basic:
    return apps.login(app, REMOTE, Deadline(REMOTE.timeout, monotonic=lambda: 0.0))


def test_token_of_an_installation_is_cached_and_renewed_in_time(github: Github, apps: GithubApps) -> None:
    app = github.app(installation="42")
    assert login(apps, app) == Basic("x-access-token", "ghs_1")
    github.now += timedelta(minutes=54)
    assert login(apps, app) == Basic("x-access-token", "ghs_1")
    github.now += timedelta(minutes=1)
    assert login(apps, app) == Basic("x-access-token", "ghs_2")
    assert github.requests == 2 * ["POST /api/v3/app/installations/42/access_tokens"]


def test_installation_is_found_by_its_owner_in_any_case(github: Github, apps: GithubApps) -> None:
    assert login(apps, github.app(owner="oRg249")).password == "ghs_4"
    assert [path.rpartition("&")[2] for path in github.requests[:3]] == ["page=1", "page=2", "page=3"]
    assert github.requests[3:] == ["POST /api/v3/app/installations/249/access_tokens"]


def test_app_that_is_not_installed_for_the_owner(github: Github, apps: GithubApps) -> None:
    with pytest.raises(
        AuthenticationFailed, match=r"^failed to get a token of GitHub App .7.: it is not installed for"
    ):
        login(apps, github.app(owner="nobody"))


@pytest.mark.parametrize(
    ("answer", "error", "text"),
    [
        pytest.param(
            CannedResponse(401, b'{"message":"Bad credentials"}'), AuthenticationFailed, "Bad credentials", id="401"
        ),
        pytest.param(CannedResponse(404, b"{}"), AuthenticationFailed, "answered 404", id="no-installation"),
        pytest.param(CannedResponse(503, b""), Unreachable, "answered 503", id="503"),
        pytest.param(CannedResponse(200, b"<html>"), ProtocolError, "is not GitHub's API", id="another-server"),
        pytest.param(CannedResponse(200, b'{"token": 1}'), ProtocolError, "is not GitHub's API", id="another-shape"),
    ],
)
def test_answers_without_a_token(
    github: Github, apps: GithubApps, answer: CannedResponse, error: type[GitError], text: str
) -> None:
    github.canned = answer
    with pytest.raises(error, match=text):
        login(apps, github.app(installation="42"))
    github.canned = None
    assert login(apps, github.app(installation="42")).password == "ghs_2"


async def test_engine_logs_an_app_in(github: Github, tmp_path: Path) -> None:
    engine = GitEngine(tmp_path / "cache", now=lambda: github.now)
    assert await engine.github_login(github.app(installation="42"), REMOTE) == Basic("x-access-token", "ghs_1")
    await engine.aclose()


async def test_a_silent_api_leaves_threads_to_other_hosts(github: Github, tmp_path: Path) -> None:
    waiting, go_on = threading.Event(), threading.Event()

    def hold(request: Request) -> CannedResponse:
        waiting.set()
        assert go_on.wait(10)
        return github.answer(request)

    github.server.respond = hold
    engine = GitEngine(tmp_path / "cache", threads=24, now=lambda: github.now)
    with GitServer(tmp_path / "other") as other:
        other.repository("fleet").commit({"app.yaml": "x\n"})
        logins = [asyncio.create_task(engine.github_login(github.app(installation="42"), REMOTE)) for _ in range(8)]
        assert await asyncio.to_thread(waiting.wait, 10)
        assert (await engine.list_refs(Remote(f"{other.url}/fleet.git"))).branch("main")
        go_on.set()
        assert {login.password for login in await asyncio.gather(*logins)} == {"ghs_1"}
        await engine.aclose()


def _pem(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey, lock: serialization.KeySerializationEncryption) -> str:
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, lock).decode()


@pytest.mark.parametrize(
    "key",
    [
        pytest.param("nonsense", id="no-pem"),
        pytest.param(_pem(ec.generate_private_key(ec.SECP256R1()), serialization.NoEncryption()), id="not-rsa"),
        pytest.param(_pem(KEY, serialization.BestAvailableEncryption(b"x")), id="locked"),
    ],
)
def test_private_key_that_cannot_be_used(key: str) -> None:
    with pytest.raises(BadCredentials, match="is not an RSA private key in PEM form"):
        assertion(GithubApp("7", key), now=NOW)
