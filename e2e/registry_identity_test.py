"""`controllers.cloudaccess`: a ServiceAccount's token, issued by a real API server, for a cloud and for a registry."""

import base64
import json
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from controllers.clock import SYSTEM_CLOCK
from controllers.cloud.identity import Identity, Login, SubjectToken
from controllers.cloud.logins import CloudLogins
from controllers.cloudaccess.access import CloudAccess
from controllers.registry.dockerconfig import Credentials
from controllers.runtime.kube.client import KubeClient
from controllers.runtime.kube.config import load_config
from e2e.cloud_servers import reviewer
from e2e.cluster import Space
from e2e.objects import image_repository
from hack import controllers as local_controllers
from testing.address import HOST

ROLE = "arn:aws:iam::123456789012:role/scanner"
HOUR = timedelta(hours=1)


class Cloud:
    """A cloud that accepts everything, and records it."""

    def __init__(self) -> None:
        self.subjects: list[SubjectToken] = []

    def credential_scope(self, host: str) -> str:
        return host

    def audience(self, identity: Identity) -> str:
        return "sts.amazonaws.com"

    def login(self, host: str, subject: SubjectToken | None, *, proxy: str) -> Login[Credentials]:
        assert subject is not None
        self.subjects.append(subject)
        return Login(Credentials("AWS", "password"), datetime.now(UTC) + HOUR)


async def test_the_scanner_gets_a_token_of_the_service_account(space: Space, tmp_path: Path) -> None:
    local_controllers.allow_workload_identity(space.kubectl)
    space.apply("ServiceAccount", "robot")
    space.kubectl("annotate", "serviceaccount", "robot", "-n", space.name, f"eks.amazonaws.com/role-arn={ROLE}")
    server, authority = local_controllers.cluster_server(space.kubectl)
    kubeconfig = local_controllers.write_account_kubeconfig(
        space.kubectl, "imagerepository", tmp_path, server=server, authority=authority
    )
    client = KubeClient(load_config(str(kubeconfig)), user_agent="e2e")
    cloud = Cloud()
    logins = CloudLogins(SYSTEM_CLOCK, {"aws": cloud}, pin_proxy=str, max_size=10, max_age=HOUR)
    access = CloudAccess(client, logins, object_level=True, default_service_account="")
    try:
        for _ in range(2):
            found = await access.login("aws", "registry.example", namespace=space.name, service_account="robot")
            assert found.credentials == Credentials("AWS", "password")
    finally:
        await logins.aclose()
        await client.close()
    (subject,) = cloud.subjects
    assert subject.identity == Identity(space.name, "robot", ROLE)
    claims = subject.token.split(".")[1]
    payload = json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))
    assert payload["aud"] == ["sts.amazonaws.com"]
    assert payload["sub"] == f"system:serviceaccount:{space.name}:robot"
    assert payload["exp"] - payload["iat"] == 600


class TokenRegistry(ThreadingHTTPServer):
    """A registry that asks the API server whose token it was sent, as those with OIDC do; `users` has who came."""

    daemon_threads = True

    def __init__(self, review: Callable[[str, str], str]) -> None:
        super().__init__((HOST, 0), _Door)
        self.host = f"{HOST}:{self.server_address[1]}"
        self.review = review
        self.challenge = 'Basic realm="registry"'
        self.users: list[str] = []
        self._thread = threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop the registry."""
        self.shutdown()
        self.server_close()
        self._thread.join()


class _Door(BaseHTTPRequestHandler):
    server: TokenRegistry

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing."""

    def do_GET(self) -> None:
        scheme, _, given = self.headers.get("Authorization", "").partition(" ")
        user, token = "", given
        if scheme == "Basic":
            user, _, token = base64.b64decode(given).decode().partition(":")
        account = self.server.review(token, self.server.host) if token else ""
        status, body = 401, b"{}"
        if account:
            self.server.users.append(f"{scheme} {user} {account}")
            status, body = 200, json.dumps({"name": "team/app", "tags": ["1.0.0", "1.1.0"]}).encode()
        self.send_response(status)
        if not account:
            self.send_header("WWW-Authenticate", self.server.challenge)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def token_registry(space: Space) -> Iterator[TokenRegistry]:
    registry = TokenRegistry(reviewer(space.kubectl))
    yield registry
    registry.close()


OPT_IN = ("credential.auth.fluxcd.io/provider=kubernetes", "credential.auth.fluxcd.io/type=jwt")


@pytest.mark.parametrize(
    ("challenge", "more", "sent"),
    [
        pytest.param(f'Bearer realm="http://{HOST}:1/token"', (), "Bearer ", id="bearer"),
        pytest.param('Basic realm="registry"', (), "Bearer ", id="bearer-where-a-password-is-asked-for"),
        pytest.param(
            'Basic realm="registry"', ("credential.auth.fluxcd.io/username=robot",), "Basic robot", id="password"
        ),
    ],
)
def test_a_registry_gets_the_token_of_a_service_account_that_opts_in(
    space: Space, token_registry: TokenRegistry, challenge: str, more: tuple[str, ...], sent: str
) -> None:
    token_registry.challenge = challenge
    local_controllers.allow_workload_identity(space.kubectl)
    space.apply("ServiceAccount", "robot")
    image_repository(space, "app", f"{token_registry.host}/team/app", serviceAccountName="robot")
    space.wait_not_ready("ImageRepository", "app", reason="ReadOperationFailed")
    space.kubectl("annotate", "serviceaccount", "robot", "-n", space.name, *OPT_IN, *more)
    space.request("ImageRepository", "app")
    space.wait_ready("ImageRepository", "app", message="found 2 tags")
    assert set(token_registry.users) == {f"{sent} system:serviceaccount:{space.name}:robot"}


def test_a_token_for_the_cluster_itself_is_not_sent(space: Space, token_registry: TokenRegistry) -> None:
    local_controllers.allow_workload_identity(space.kubectl)
    issuer = json.loads(space.kubectl("get", "--raw", "/.well-known/openid-configuration").stdout)["issuer"]
    space.apply("ServiceAccount", "robot")
    audience = f"credential.auth.fluxcd.io/audiences={issuer}"
    space.kubectl("annotate", "serviceaccount", "robot", "-n", space.name, *OPT_IN, audience)
    image_repository(space, "app", f"{token_registry.host}/team/app", serviceAccountName="robot")
    space.wait_not_ready(
        "ImageRepository", "app", reason="AuthenticationFailed", message="intended for the local kubernetes cluster"
    )
    assert token_registry.users == []
