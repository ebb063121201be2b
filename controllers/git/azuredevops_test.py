"""The real SDK against a stand-in for a managed identity's endpoint."""

import json

import pytest

from .azuredevops import SCOPE, AzureDevOps
from .errors import AuthenticationFailed, BadCredentials
from .remote import Bearer
from .testing import Answer, GitServer, Request


@pytest.fixture
def endpoint(server: GitServer, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the endpoint was asked."""
    pytest.importorskip("azure.identity", reason="azure-identity is an extra")
    asked: list[str] = []

    def answer(request: Request) -> Answer:
        asked.append(request.path)
        if {k.lower(): v for k, v in request.headers.items()}.get("x-identity-header") != "proof":
            return Answer(401, b"{}", {"Content-Type": "application/json"})
        body = {"access_token": "entra", "expires_on": "4102444800", "resource": "x", "token_type": "Bearer"}
        return Answer(200, json.dumps(body).encode(), {"Content-Type": "application/json"})

    server.before = answer
    for name in ("AZURE_CLIENT_ID", "AZURE_TENANT_ID", "AZURE_CLIENT_SECRET", "AZURE_FEDERATED_TOKEN_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("IDENTITY_ENDPOINT", f"{server.url}/msi/token")
    monkeypatch.setenv("IDENTITY_HEADER", "proof")
    return asked


def test_identity_of_the_process_gives_a_bearer_token(endpoint: list[str]) -> None:
    azure = AzureDevOps()
    assert azure.login() == azure.login() == Bearer("entra")
    azure.close()
    (asked,) = endpoint
    assert SCOPE.removesuffix("/.default") in asked


def test_identity_that_is_refused(endpoint: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IDENTITY_HEADER", "forged")
    azure = AzureDevOps()
    with pytest.raises(AuthenticationFailed, match="failed to get a token of Azure"):
        azure.login()
    azure.close()


def test_sdk_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> object:
        raise ImportError(name)

    monkeypatch.setattr("controllers.git.azuredevops.import_module", missing)
    with pytest.raises(BadCredentials, match=r"install tagline\[azure\]"):
        AzureDevOps().login()
