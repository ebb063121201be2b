"""Google's registries by google-auth against stand-ins of the metadata server, the token service and impersonation."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs

import pytest
import pytest_asyncio
from google.auth.compute_engine import _metadata

from controllers.cloud.errors import LoginFailed
from controllers.cloud.identity import Identity, Login, SubjectToken
from controllers.registry.cloud import gcp
from controllers.registry.dockerconfig import Credentials
from testing.registry_server import HttpServer, ReceivedRequest, Reply, run_server

HOST = "europe-west1-docker.pkg.dev"
POOL = "projects/123/locations/global/workloadIdentityPools/pool/providers/cluster"
EMAIL = "scanner@acme.iam.gserviceaccount.com"
GOOGLE = {"Metadata-Flavor": "Google", "Content-Type": "application/json"}
CLUSTER = {
    "project/project-id": "acme",
    "instance/attributes/cluster-location": "europe-west1",
    "instance/attributes/cluster-name": "prod",
}


class Google:
    """All of it at one address."""

    def __init__(self) -> None:
        self.denied = False
        self.odd = False

    def __call__(self, asked: ReceivedRequest) -> Reply:
        path = asked.path.removeprefix("/computeMetadata/v1/")
        if asked.path.endswith("/token") and "service-accounts" in asked.path:
            return self.json({"access_token": "of-the-process", "expires_in": 3599, "token_type": "Bearer"})
        if asked.path.endswith("/v1/token"):
            if self.odd:
                return self.json({"access_token": "without an end"})
            if self.denied:
                return self.json({"error": "invalid_grant", "error_description": "unknown issuer"}, 400)
            return self.json({"access_token": "federated", "expires_in": 3600, "token_type": "Bearer"})
        if asked.path.endswith(":generateAccessToken"):
            return self.json({"accessToken": "impersonated", "expireTime": "2030-01-01T00:00:00Z"})
        if "service-accounts" in asked.path:
            return self.json({"email": EMAIL, "scopes": ["x"], "aliases": ["default"]})
        if path in CLUSTER:
            return Reply(200, GOOGLE | {"Content-Type": "text/plain"}, CLUSTER[path].encode())
        return Reply(200, GOOGLE, b"")

    def json(self, body: object, status: int = 200) -> Reply:
        return Reply(status, GOOGLE, json.dumps(body).encode())


@pytest.fixture
def google() -> Google:
    return Google()


@pytest_asyncio.fixture
async def server(google: Google, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> AsyncIterator[HttpServer]:
    async with run_server(google) as server:
        monkeypatch.setenv("GCE_METADATA_HOST", server.address)
        monkeypatch.setenv("GCE_METADATA_IP", server.address)
        monkeypatch.setattr(_metadata, "_GCE_METADATA_HOST", server.address)
        monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
        monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        monkeypatch.setattr(gcp, "STS_URL", f"http://{server.address}/v1/token")
        monkeypatch.setattr(gcp, "IMPERSONATION_URL", f"http://{server.address}/v1/sa/{{email}}:generateAccessToken")
        yield server


async def login(subject: SubjectToken | None = None, *, host: str = HOST, proxy: str = "") -> Login[Credentials]:
    return await asyncio.to_thread(gcp.login, host, subject, proxy=proxy)


def form(asked: ReceivedRequest) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(asked.body.decode()).items()}


async def test_as_the_process_by_the_metadata_server(server: HttpServer) -> None:
    found = await login()
    assert found.credentials == Credentials("oauth2accesstoken", "of-the-process")
    assert timedelta(minutes=58) < found.expires_at - datetime.now(UTC) <= timedelta(hours=1)
    assert server.asked[-1].headers["metadata-flavor"] == "Google"


async def test_a_service_account_of_gke_by_direct_access(server: HttpServer) -> None:
    found = await login(SubjectToken(Identity("apps", "robot", ""), "proof"))
    assert found.credentials.password == "federated"
    (exchange,) = (asked for asked in server.asked if asked.path == "/v1/token")
    sent = form(exchange)
    assert sent["subject_token"] == "proof"
    assert sent["subject_token_type"] == "urn:ietf:params:oauth:token-type:jwt"
    assert sent["scope"] == " ".join(gcp.SCOPES)
    assert sent["audience"] == (
        "identitynamespace:acme.svc.id.goog:"
        "https://container.googleapis.com/v1/projects/acme/locations/europe-west1/clusters/prod"
    )


async def test_a_service_account_of_another_cluster_by_impersonation(server: HttpServer) -> None:
    found = await login(SubjectToken(Identity("apps", "robot", EMAIL, POOL), "proof"))
    assert found == Login(Credentials("oauth2accesstoken", "impersonated"), datetime(2030, 1, 1, tzinfo=UTC))
    exchange, impersonation = server.asked
    assert form(exchange)["audience"] == f"//iam.googleapis.com/{POOL}"
    assert impersonation.path == f"/v1/sa/{EMAIL}:generateAccessToken"
    assert impersonation.headers["authorization"] == "Bearer federated"


async def test_the_audience_of_the_kubernetes_token(server: HttpServer) -> None:
    assert gcp.audience(Identity("apps", "robot", "", POOL)) == f"//iam.googleapis.com/{POOL}"
    on_gke = await asyncio.to_thread(gcp.audience, Identity("apps", "robot", ""))
    assert on_gke == "acme.svc.id.goog"


async def test_not_on_gke_and_no_provider_named(server: HttpServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gcp, "METADATA_URL", "http://{host}/elsewhere/{path}")
    with pytest.raises(LoginFailed, match=r"^failed to get project/project-id of the GKE cluster: "):
        await asyncio.to_thread(gcp.audience, Identity("apps", "robot", ""))


async def test_a_token_that_is_not_believed(server: HttpServer, google: Google) -> None:
    google.denied = True
    with pytest.raises(LoginFailed, match=r"invalid_grant: unknown issuer"):
        await login(SubjectToken(Identity("apps", "robot", EMAIL, POOL), "proof"))


async def test_an_answer_that_the_sdk_does_not_understand(server: HttpServer, google: Google) -> None:
    google.odd = True
    with pytest.raises(LoginFailed, match=r"^unexpected answer \(TypeError\)$"):
        await login(SubjectToken(Identity("apps", "robot", "", POOL), "proof"))


async def test_the_proxy_of_the_object_is_used(server: HttpServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gcp, "STS_URL", "http://sts.invalid/v1/token")
    subject = SubjectToken(Identity("apps", "robot", "", POOL), "proof")
    assert (await login(subject, proxy=f"http://{server.address}")).credentials.password
    assert [asked.target for asked in server.asked] == ["http://sts.invalid/v1/token"]


async def test_every_other_host_is_refused(server: HttpServer) -> None:
    with pytest.raises(LoginFailed, match=r"^invalid GCP registry: 'ghcr.io'"):
        await login(host="ghcr.io")
    assert server.asked == []
