"""`controllers.cloud`: its secrets appear nowhere: tokens of ServiceAccounts, keys of the process, what clouds answer.

Stand-ins of AWS and Google Cloud repeat what they were sent, and answer with credentials that are well formed or not.
"""

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote_plus
from xml.sax.saxutils import escape

import pytest

from api.core import ServiceAccount
from api.meta import ObjectMeta
from controllers.cloud import sdk
from controllers.cloud.identity import AWS_ROLE, GCP_PROVIDER
from controllers.registry.cloud import aws, gcp
from testing.builders import image_repository
from testing.canary import Stage, find, marker
from testing.registry_server import ReceivedRequest, Reply, run_server

pytest.importorskip("botocore", reason="botocore is an extra")
pytest.importorskip("google.auth", reason="google-auth is an extra")

STS = "https://sts.amazonaws.com/doc/2011-06-15/"
ASSUMED = f"""<AssumeRoleWithWebIdentityResponse xmlns="{STS}"><AssumeRoleWithWebIdentityResult>
<Credentials><AccessKeyId>ASIAROLE</AccessKeyId><SecretAccessKey>SECRET</SecretAccessKey>
<SessionToken>SECRET</SessionToken><Expiration>2035-01-01T00:00:00Z</Expiration></Credentials>
</AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>"""
IMAGES = {
    "aws": "123456789012.dkr.ecr.eu-west-1.amazonaws.com/app",
    "gcp": "europe-west1-docker.pkg.dev/project/app",
}
POOL = "projects/123/locations/global/workloadIdentityPools/pool/providers/cluster"


@dataclass(frozen=True)
class Way:
    """One way for a login to go. answer: from what was asked and the marker."""

    name: str
    provider: str
    answer: Callable[[str, str], Reply]
    said: str
    is_subject: bool = True
    """The marker is the ServiceAccount's token; else the cloud's, or the process's key."""


def sts_error(asked: str, mark: str) -> Reply:
    error = f"<Code>InvalidIdentityToken</Code><Message>No: {escape(asked)} {mark}</Message>"
    body = f"<ErrorResponse xmlns='{STS}'><Error>{error}</Error></ErrorResponse>"
    return Reply(400, {"Content-Type": "text/xml"}, body.encode())


def not_xml(asked: str, mark: str) -> Reply:
    return Reply(200, {"Content-Type": "text/xml"}, f"<a>&{mark}<".encode())


def ecr(token: Callable[[str], str], status: int = 200) -> Callable[[str, str], Reply]:
    def answer(asked: str, mark: str) -> Reply:
        if "AssumeRole" in asked:
            return Reply(200, {"Content-Type": "text/xml"}, ASSUMED.replace("SECRET", mark).encode())
        data = {"authorizationToken": token(mark), "expiresAt": 2051222400}
        body = {"authorizationData": [data]} if status == 200 else {"__type": "AccessDenied", "message": f"no {mark}"}
        return Reply(status, {"Content-Type": "application/x-amz-json-1.1"}, json.dumps(body).encode())

    return answer


def google(status: int, **body: str) -> Callable[[str, str], Reply]:
    def answer(asked: str, mark: str) -> Reply:
        filled = {key: value.replace("MARK", mark).replace("ASKED", asked) for key, value in body.items()}
        return Reply(status, {"Content-Type": "application/json"}, json.dumps({**filled, "expires_in": 3600}).encode())

    return answer


def b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


WAYS = (
    Way("AWS: token refused and repeated", "aws", sts_error, "InvalidIdentityToken"),
    Way("AWS: answer that is not XML", "aws", not_xml, "unexpected answer"),
    Way("AWS: keys of the role, refused and repeated", "aws", ecr(b64, status=400), "AccessDenied", is_subject=False),
    Way("AWS: password without a user", "aws", ecr(b64), "invalid authorization token format", is_subject=False),
    Way("AWS: password on two lines", "aws", ecr(lambda mark: b64(f"AWS:{mark}\n{mark}")), "has a line break in it",
        is_subject=False),
    Way("AWS: token that is not Base64", "aws", ecr(lambda mark: f"!{mark}"), "invalid authorization token format",
        is_subject=False),
    Way("AWS: a good password", "aws", ecr(lambda mark: b64(f"AWS:{mark}\n")), "scan failed", is_subject=False),
    Way("Google: token refused and repeated", "gcp", google(400, error="invalid_grant", error_description="ASKED MARK"),
        "invalid_grant"),
    Way("Google: answer of another shape", "gcp", google(200, id_token="MARK"), "no access token", is_subject=False),
    Way("Google: token on two lines", "gcp", google(200, access_token="MARK\nMARK"), "has a line break in it",
        is_subject=False),
    Way("Google: a good token", "gcp", google(200, access_token="MARK"), "scan failed", is_subject=False),
)  # fmt: skip


@pytest.mark.parametrize("number", range(len(WAYS)), ids=[way.name for way in WAYS])
async def test_no_secret_of_a_cloud_is_shown(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    way, mark, own = WAYS[number], marker(700 + number), marker(800 + number)
    asked: list[str] = []

    def respond(request: ReceivedRequest) -> Reply:
        asked.append(f"{request.target} {unquote_plus(request.body.decode())}")
        return way.answer(asked[-1], mark)

    async with run_server(respond) as server:
        for service in ("ECR", "STS"):
            monkeypatch.setenv(f"AWS_ENDPOINT_URL_{service}", f"http://{server.address}")
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAPROCESS")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", own)
        monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        monkeypatch.setattr(gcp, "STS_URL", f"http://{server.address}/v1/token")
        stage = Stage(tmp_path, clouds={"aws": aws, "gcp": gcp})
        annotations = {AWS_ROLE: "arn:aws:iam::123456789012:role/scanner", GCP_PROVIDER: POOL}
        metadata = ObjectMeta(name="robot", namespace="apps", annotations=annotations)
        stage.put_service_account(ServiceAccount(metadata=metadata))
        stage.kube.answers["token"] = lambda _: {"status": {"token": mark if way.is_subject else "proof"}}
        try:
            shown = await stage.scan(
                image_repository(image=IMAGES[way.provider], provider=way.provider, service_account_name="robot")
            )
        finally:
            await stage.aclose()
    shown["stdout"], shown["stderr"] = capfd.readouterr()
    assert any((mark if way.is_subject else "proof") in text for text in asked), "the cloud was not asked"
    assert way.said in shown["conditions"], shown["conditions"]
    for output, text in shown.items():
        assert not find(mark, text), f"{output}: {text}"
        assert not find(own, text), f"{output}: {text}"


class ClientAuthenticationError(Exception):
    """Named as one of Azure's."""


class ParamValidationError(Exception):
    """Named as one of AWS's; quotes the parameters."""


def test_words_of_clouds(monkeypatch: pytest.MonkeyPatch) -> None:
    """What an SDK quotes of ours is not shown, and of a cloud's own words nothing that looks like a credential."""
    monkeypatch.setenv("AZURE_CLIENT_SECRET", "TOPSECRET~client")
    jwt = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ4In0.c2ln"
    words = f"AADSTS7000215: Invalid client secret TOPSECRET~client or {jwt} at https://h/?sig=abc {'w' * 80}"
    assert str(sdk.login_error(ClientAuthenticationError(words), ("k" * 20,))) == (
        "AADSTS7000215: Invalid client secret REDACTED or REDACTED at https://h/?sig=REDACTED REDACTED"
    )
    assert str(sdk.login_error(ParamValidationError("value: TOPSECRET"))) == "ParamValidationError"
