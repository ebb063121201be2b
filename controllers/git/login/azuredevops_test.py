"""Logins by the real SDK, against stand-ins for a managed identity's endpoint and Microsoft Entra."""

import json
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import parse_qs

import pytest

from controllers.cloud.errors import LoginFailed
from controllers.cloud.identity import Identity, Login, SubjectToken
from controllers.git.login import azuredevops
from controllers.git.login.azuredevops import HOST, SCOPE
from controllers.git.remote import Bearer
from testing.certificates import create_authority
from testing.gitserver import CannedResponse, GitServer, Request

JSON = {"Content-Type": "application/json"}
BOT = SubjectToken(Identity("apps", "bot", "tenant-1/client-1"), "proof")


@pytest.fixture(autouse=True)
def nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide the identity of whoever runs the tests."""
    pytest.importorskip("azure.identity", reason="azure-identity is an extra")
    for name in ("AZURE_CLIENT_ID", "AZURE_TENANT_ID", "AZURE_CLIENT_SECRET", "AZURE_FEDERATED_TOKEN_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")


@pytest.fixture
def endpoint(server: GitServer, monkeypatch: pytest.MonkeyPatch) -> GitServer:
    """Serve the endpoint of a managed identity."""

    def answer(request: Request) -> CannedResponse:
        if {k.lower(): v for k, v in request.headers.items()}.get("x-identity-header") != "proof":
            return CannedResponse(401, b"{}", dict(JSON))
        body = {"access_token": "entra", "expires_on": "4102444800", "resource": "x", "token_type": "Bearer"}
        return CannedResponse(200, json.dumps(body).encode(), dict(JSON))

    server.respond = answer
    monkeypatch.setenv("IDENTITY_ENDPOINT", f"{server.url}/msi/token")
    monkeypatch.setenv("IDENTITY_HEADER", "proof")
    return server


def entra(request: Request) -> CannedResponse:
    base, path = f"https://{request.headers['Host']}/tenant-1", request.path.partition("?")[0]
    if path.endswith("/.well-known/openid-configuration"):
        endpoints = {f"{name}_endpoint": f"{base}/oauth2/v2.0/{name}" for name in ("authorization", "token")}
        return CannedResponse(200, json.dumps({"issuer": f"{base}/v2.0", **endpoints}).encode(), dict(JSON))
    if b"client_assertion=proof" not in request.body:
        return CannedResponse(401, b'{"error": "invalid_client", "error_description": "AADSTS70021: who?"}', dict(JSON))
    return CannedResponse(200, b'{"access_token": "entra", "expires_in": 3599, "token_type": "Bearer"}', dict(JSON))


def test_identity_of_the_process_gives_a_bearer_token(endpoint: GitServer) -> None:
    assert azuredevops.login(HOST, None, proxy="") == Login(Bearer("entra"), datetime(2100, 1, 1, tzinfo=UTC))
    (request,) = endpoint.requests
    assert SCOPE.removesuffix("/.default") in request.path


def test_identity_that_is_refused(endpoint: GitServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IDENTITY_HEADER", "forged")
    with pytest.raises(LoginFailed):
        azuredevops.login(HOST, None, proxy="")


def test_a_service_account_proves_itself_to_entra(
    server: GitServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    localhost, trusted = create_authority("localhost"), tmp_path / "localhost.crt"
    trusted.write_bytes(localhost.certificate)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(trusted))
    with GitServer(server.root, tls=localhost.server_context()) as secure:
        secure.respond = entra
        monkeypatch.setenv("AZURE_AUTHORITY_HOST", f"https://localhost:{secure.port}")
        assert azuredevops.login(HOST, BOT, proxy="").credentials == Bearer("entra")
        token = secure.requests[-1]
        assert token.path == "/tenant-1/oauth2/v2.0/token"
        sent = {name: values[0] for name, values in parse_qs(token.body.decode()).items()}
        assert (sent["client_id"], sent["client_assertion"]) == ("client-1", "proof")
        assert SCOPE in sent["scope"]
        with pytest.raises(LoginFailed, match="AADSTS70021: who\\?") as error:
            azuredevops.login(HOST, SubjectToken(BOT.identity, "forged"), proxy="")
        assert "forged" not in str(error.value)


@pytest.mark.parametrize(
    "url",
    [
        "https://dev.azure.com/acme/platform/_git/fleet",
        "https://dev.azure.com:443/acme/platform/_git/fleet",
        "https://acme.visualstudio.com/platform/_git/fleet",
    ],
)
def test_hosts_of_azure_devops(url: str) -> None:
    assert azuredevops.credential_scope(url) == HOST


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/acme/platform/_git/fleet",
        "https://dev.azure.com.evil.example/acme/platform/_git/fleet",
        "https://evilvisualstudio.com/platform/_git/fleet",
        "https://dev.azure.com:8443/acme/platform/_git/fleet",
        "http://dev.azure.com/acme/platform/_git/fleet",
        "ssh://git@ssh.dev.azure.com/v3/acme/platform/fleet",
    ],
)
def test_every_other_host_gets_no_token(url: str) -> None:
    with pytest.raises(LoginFailed) as error:
        azuredevops.credential_scope(url)
    assert str(error.value) == (
        f"invalid Azure DevOps repository: '{url.replace('git@', '')}'. "
        "must be like https://dev.azure.com/<organization>/<project>/_git/<repository>"
    )
