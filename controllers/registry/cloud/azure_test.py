"""ACR by azure-identity against stand-ins of Microsoft Entra and of a registry's token exchange, over TLS."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import parse_qs

import pytest
import pytest_asyncio

from controllers.cloud.errors import LoginFailed
from controllers.cloud.identity import Identity, Login, SubjectToken
from controllers.registry.cloud import azure
from controllers.registry.dockerconfig import Credentials
from testing.proxy import ProxyServer
from testing.registry_harness import CA, IDENTITY
from testing.registry_server import HttpServer, ReceivedRequest, Reply, run_server

ROBOT = SubjectToken(Identity("apps", "robot", "tenant-1/client-1"), "proof")
USERNAME = "00000000-0000-0000-0000-000000000000"
EXPIRES = datetime(2030, 1, 1, tzinfo=UTC)


def jwt(**claims: object) -> str:
    parts: tuple[dict[str, object], ...] = ({"alg": "none"}, claims, {})
    return ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in parts)


class Microsoft:
    """Entra and a registry at one address."""

    def __init__(self) -> None:
        self.denied = False
        self.refresh_token = jwt(exp=int(EXPIRES.timestamp()))
        self.status = 200

    def __call__(self, asked: ReceivedRequest) -> Reply:
        base = f"https://{asked.headers['host']}"
        if asked.path == "/oauth2/exchange":
            return self.json({"refresh_token": self.refresh_token} if self.refresh_token else {}, self.status)
        if asked.path.endswith("/.well-known/openid-configuration"):
            tenant = asked.path.split("/")[1]
            endpoints = {
                f"{name}_endpoint": f"{base}/{tenant}/oauth2/v2.0/{name}" for name in ("authorization", "token")
            }
            return self.json({"issuer": f"{base}/{tenant}/v2.0", **endpoints})
        if self.denied:
            return self.json({"error": "invalid_client", "error_description": "AADSTS70021: no matching record"}, 401)
        return self.json({"access_token": "aad-token", "expires_in": 3599, "token_type": "Bearer"})

    def json(self, body: object, status: int = 200) -> Reply:
        return Reply(status, {"Content-Type": "application/json"}, json.dumps(body).encode())


@pytest.fixture
def microsoft() -> Microsoft:
    return Microsoft()


@pytest_asyncio.fixture
async def server(microsoft: Microsoft, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> AsyncIterator[HttpServer]:
    async with run_server(microsoft, IDENTITY) as server:
        (tmp_path / "ca.crt").write_bytes(CA.certificate)
        described = {
            "activeDirectoryEndpoint": f"https://{server.address}/",
            "containerRegistryDNSSuffix": server.address.removeprefix("127."),
        }
        (tmp_path / "cloud.json").write_text(json.dumps(described))
        monkeypatch.setenv("AZURE_ENVIRONMENT_FILEPATH", str(tmp_path / "cloud.json"))
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "ca.crt"))
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        for name in ("AZURE_CLIENT_ID", "AZURE_TENANT_ID", "AZURE_CLIENT_SECRET", "AZURE_AUTHORITY_HOST"):
            monkeypatch.delenv(name, raising=False)
        yield server


async def login(server: HttpServer, subject: SubjectToken | None, *, proxy: str = "") -> Login[Credentials]:
    return await asyncio.to_thread(azure.login, server.address, subject, proxy=proxy)


def form(asked: ReceivedRequest) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(asked.body.decode()).items()}


async def test_a_service_account_proves_itself_and_gets_a_refresh_token(
    server: HttpServer, microsoft: Microsoft
) -> None:
    assert await login(server, ROBOT) == Login(Credentials(USERNAME, microsoft.refresh_token), EXPIRES)
    *_, token, exchange = server.asked
    assert token.path == "/tenant-1/oauth2/v2.0/token"
    sent = form(token)
    assert (sent["client_id"], sent["client_assertion"]) == ("client-1", "proof")
    assert sent["client_assertion_type"] == "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
    assert "https://containerregistry.azure.net/.default" in sent["scope"]
    assert form(exchange) == {"grant_type": "access_token", "service": server.address, "access_token": "aad-token"}


async def test_as_the_process_by_the_workload_identity_of_its_pod(
    server: HttpServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "token").write_text("proof of the pod")
    for name, value in {
        "AZURE_TENANT_ID": "tenant-0",
        "AZURE_CLIENT_ID": "client-0",
        "AZURE_FEDERATED_TOKEN_FILE": str(tmp_path / "token"),
        "AZURE_AUTHORITY_HOST": f"https://{server.address}",
    }.items():
        monkeypatch.setenv(name, value)
    assert (await login(server, None)).expires_at == EXPIRES
    (token,) = (asked for asked in server.asked if asked.path == "/tenant-0/oauth2/v2.0/token")
    assert form(token)["client_assertion"] == "proof of the pod"


async def test_a_proof_that_is_not_believed(server: HttpServer, microsoft: Microsoft) -> None:
    microsoft.denied = True
    with pytest.raises(LoginFailed, match=r"AADSTS70021: no matching record"):
        await login(server, ROBOT)
    assert "/oauth2/exchange" not in [asked.path for asked in server.asked]


@pytest.mark.parametrize(
    ("status", "token", "reason"),
    [
        pytest.param(401, "x", "unexpected status code 401", id="refused"),
        pytest.param(200, "", "no refresh token in the answer", id="no-token"),
        pytest.param(200, "opaque", "the registry's refresh token does not tell when it expires", id="no-jwt"),
        pytest.param(200, jwt(sub="x"), "the registry's refresh token does not tell when it expires", id="no-expiry"),
    ],
)
async def test_an_exchange_that_fails(
    server: HttpServer, microsoft: Microsoft, status: int, token: str, reason: str
) -> None:
    microsoft.status, microsoft.refresh_token = status, token
    with pytest.raises(LoginFailed) as error:
        await login(server, ROBOT)
    assert str(error.value).endswith(reason)


async def test_the_proxy_of_the_object_is_used(server: HttpServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_PROXY")
    with ProxyServer("http") as proxy:
        assert (await login(server, ROBOT, proxy=proxy.url)).expires_at == EXPIRES
    assert set(proxy.asked) == {f"CONNECT {server.address}"}
    assert len(proxy.asked) == server.connections == 2


async def test_every_other_host_is_refused() -> None:
    with pytest.raises(LoginFailed, match=r"^invalid Azure registry: 'ghcr.io'"):
        azure.login("ghcr.io", ROBOT, proxy="")
