"""ECR by botocore against stand-ins of ECR and STS that answer as AWS does."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from urllib.parse import parse_qs

import pytest
import pytest_asyncio

from controllers.cloud.errors import LoginFailed
from controllers.cloud.identity import Identity, Login, SubjectToken
from controllers.registry.cloud import aws
from controllers.registry.dockerconfig import Credentials
from testing.registry_server import HttpServer, ReceivedRequest, Reply, run_server

HOST = "123456789012.dkr.ecr.eu-west-1.amazonaws.com"
ROLE = "arn:aws:iam::123456789012:role/scanner"
ROBOT = SubjectToken(Identity("apps", "robot", ROLE), "proof")
EXPIRES = datetime(2030, 1, 1, 12, tzinfo=UTC)
STS = "https://sts.amazonaws.com/doc/2011-06-15/"
ASSUMED = f"""<AssumeRoleWithWebIdentityResponse xmlns="{STS}"><AssumeRoleWithWebIdentityResult>
<AssumedRoleUser><Arn>{ROLE}/s</Arn><AssumedRoleId>A:s</AssumedRoleId></AssumedRoleUser>
<Credentials><AccessKeyId>ASIAROLE</AccessKeyId><SecretAccessKey>secret</SecretAccessKey>
<SessionToken>session</SessionToken><Expiration>2030-01-01T00:00:00Z</Expiration></Credentials>
</AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>"""
DENIED = f"""<ErrorResponse xmlns="{STS}"><Error><Type>Sender</Type><Code>AccessDenied</Code>
<Message>Not authorized to perform sts:AssumeRoleWithWebIdentity</Message></Error></ErrorResponse>"""


class Amazon:
    """ECR, ECR Public and STS at one address."""

    def __init__(self) -> None:
        self.token = base64.b64encode(b"AWS:ecr-password").decode()
        self.denied = False

    def __call__(self, asked: ReceivedRequest) -> Reply:
        target = asked.headers.get("x-amz-target", "")
        if not target:
            return self.sts()
        data: dict[str, object] = {"authorizationToken": self.token, "expiresAt": EXPIRES.timestamp()}
        public = target.startswith("SpencerFrontendService")
        body = {"authorizationData": data if public else [data]} if self.token else {"authorizationData": []}
        return Reply(200, {"Content-Type": "application/x-amz-json-1.1"}, json.dumps(body).encode())

    def sts(self) -> Reply:
        body = DENIED if self.denied else ASSUMED
        return Reply(403 if self.denied else 200, {"Content-Type": "text/xml"}, body.encode())


@pytest.fixture
def amazon() -> Amazon:
    return Amazon()


@pytest_asyncio.fixture
async def server(amazon: Amazon, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[HttpServer]:
    async with run_server(amazon) as server:
        for service in ("ECR", "ECR_PUBLIC", "STS"):
            monkeypatch.setenv(f"AWS_ENDPOINT_URL_{service}", f"http://{server.address}")
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAPROCESS")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
        monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        yield server


async def login(host: str = HOST, subject: SubjectToken | None = None, proxy: str = "") -> Login[Credentials]:
    return await asyncio.to_thread(aws.login, host, subject, proxy=proxy)


async def test_as_the_process(server: HttpServer) -> None:
    assert await login() == Login(Credentials("AWS", "ecr-password"), EXPIRES)
    (asked,) = server.asked
    assert asked.headers["x-amz-target"] == "AmazonEC2ContainerRegistry_V20150921.GetAuthorizationToken"
    assert "Credential=AKIAPROCESS/" in asked.headers["authorization"]
    assert "/eu-west-1/ecr/" in asked.headers["authorization"]


async def test_as_a_role_and_only_as_that(server: HttpServer) -> None:
    assert (await login(subject=ROBOT)).credentials == Credentials("AWS", "ecr-password")
    assume, authorize = server.asked
    form = {name: values[0] for name, values in parse_qs(assume.body.decode()).items()}
    assert form["Action"] == "AssumeRoleWithWebIdentity"
    assert (form["RoleArn"], form["WebIdentityToken"]) == (ROLE, "proof")
    assert form["RoleSessionName"] == "robot.apps.eu-west-1.fluxcd.io"
    assert "authorization" not in assume.headers
    assert "Credential=ASIAROLE/" in authorize.headers["authorization"]
    assert authorize.headers["x-amz-security-token"] == "session"


async def test_the_public_registry_is_asked_in_its_region(server: HttpServer) -> None:
    assert (await login("public.ecr.aws")).credentials == Credentials("AWS", "ecr-password")
    (asked,) = server.asked
    assert asked.headers["x-amz-target"].endswith(".GetAuthorizationToken")
    assert "/us-east-1/ecr-public/" in asked.headers["authorization"]


async def test_a_role_that_may_not_be_assumed(server: HttpServer, amazon: Amazon) -> None:
    amazon.denied = True
    with pytest.raises(LoginFailed) as error:
        await login(subject=ROBOT)
    assert str(error.value) == (
        "An error occurred (AccessDenied) when calling the AssumeRoleWithWebIdentity operation: "
        "Not authorized to perform sts:AssumeRoleWithWebIdentity"
    )
    assert len(server.asked) == 1


async def test_no_credentials_at_all(server: HttpServer, monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", f"{tmp_path}/none")
    monkeypatch.setenv("AWS_CONFIG_FILE", f"{tmp_path}/none")
    with pytest.raises(LoginFailed, match=r"^Unable to locate credentials$"):
        await login()


@pytest.mark.parametrize(
    ("token", "reason"),
    [
        pytest.param("", "no authorization data returned", id="none"),
        pytest.param("%%%", "invalid authorization token format", id="no-base64"),
        pytest.param(base64.b64encode(b"AWS").decode(), "invalid authorization token format", id="no-pair"),
    ],
)
async def test_an_answer_that_is_none(server: HttpServer, amazon: Amazon, token: str, reason: str) -> None:
    amazon.token = token
    with pytest.raises(LoginFailed, match=rf"^{reason}$"):
        await login()


async def test_the_proxy_of_the_object_is_used(server: HttpServer, monkeypatch: pytest.MonkeyPatch) -> None:
    for service in ("ECR", "STS"):
        monkeypatch.setenv(f"AWS_ENDPOINT_URL_{service}", "http://aws.invalid")
    assert (await login(subject=ROBOT, proxy=f"http://{server.address}")).credentials.password == "ecr-password"
    assert [asked.target for asked in server.asked] == ["http://aws.invalid/"] * 2


async def test_every_other_host_is_refused(server: HttpServer) -> None:
    with pytest.raises(LoginFailed, match=r"^invalid AWS registry: 'ghcr.io'"):
        await login("ghcr.io", ROBOT)
    assert server.asked == []
