"""Signatures compared with those of AWS; keys by botocore against a stand-in for STS."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs

import pytest

from controllers.cloud.aws import AwsCredentials
from controllers.cloud.errors import LoginFailed
from controllers.cloud.identity import Identity, Login, SubjectToken
from controllers.git.login.clouds import present, providers
from controllers.git.login.codecommit import CodeCommit, sign_url, signature
from controllers.git.remote import Basic, Bearer
from testing.gitserver import CannedResponse, GitServer, Request

NOW = datetime(2030, 1, 1, 12, 2, 3, tzinfo=UTC)
SIGNED_AT = datetime(2030, 1, 1, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
URL = "https://git-codecommit.eu-west-1.amazonaws.com/v1/repos/fleet"
ROLE = "arn:aws:iam::123456789012:role/bot"
BOT = SubjectToken(Identity("apps", "bot", ROLE), "proof")
STS = "https://sts.amazonaws.com/doc/2011-06-15/"
ASSUMED = f"""<AssumeRoleWithWebIdentityResponse xmlns="{STS}"><AssumeRoleWithWebIdentityResult>
<AssumedRoleUser><Arn>{ROLE}/s</Arn><AssumedRoleId>A:s</AssumedRoleId></AssumedRoleUser>
<Credentials><AccessKeyId>ASIAROLE</AccessKeyId><SecretAccessKey>HUSH</SecretAccessKey>
<SessionToken>HUSH-TOKEN</SessionToken><Expiration>2030-01-01T13:00:00Z</Expiration></Credentials>
</AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>"""
AGENT = "/v1/credentials"
AGENT_SAYS = json.dumps(
    {"AccessKeyId": "ASIAPOD", "SecretAccessKey": "HUSH", "Token": "HUSH-TOKEN", "Expiration": "2100-01-01T00:00:00Z"}
).encode()
DENIED = f"""<ErrorResponse xmlns="{STS}"><Error><Type>Sender</Type><Code>AccessDenied</Code>
<Message>Not authorized to perform sts:AssumeRoleWithWebIdentity</Message></Error></ErrorResponse>"""


@pytest.fixture
def sts(server: GitServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> GitServer:
    """Serve STS and EKS' Pod Identity agent to a process without keys of its own."""

    def answer(request: Request) -> CannedResponse:
        if request.path == AGENT:
            return CannedResponse(200 if request.headers.get("Authorization") == "proof" else 401, AGENT_SAYS)
        denied = b"WebIdentityToken=proof" not in request.body
        return CannedResponse(
            403 if denied else 200, (DENIED if denied else ASSUMED).encode(), {"Content-Type": "text/xml"}
        )

    server.respond = answer
    for name in ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_WEB_IDENTITY_TOKEN_FILE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_ROLE_ARN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(name, f"{tmp_path}/none")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", server.url)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    return server


@pytest.fixture
def pod_identity(sts: GitServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the process keys, from an agent on the node."""
    monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"{sts.url}{AGENT}")
    monkeypatch.setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN", "proof")


def signature_of_botocore(url: str, secret_key: str, *, at: datetime) -> str:
    """Return the signature that AWS's own helper computes."""
    auth, awsrequest = pytest.importorskip("botocore.auth"), pytest.importorskip("botocore.awsrequest")
    credentials = pytest.importorskip("botocore.credentials").Credentials("AKIA", secret_key)
    host, path = url.removeprefix("https://").split("/", 1)
    request = awsrequest.AWSRequest(method="GIT", url=url)
    request.context["timestamp"] = at.strftime("%Y%m%dT%H%M%S")
    signer = auth.SigV4Auth(credentials, "codecommit", host.split(".")[1])
    text = signer.string_to_sign(request, f"GIT\n/{path}\n\nhost:{host}\n\nhost\n")
    return f"{request.context['timestamp']}Z{signer.signature(text, request)}"


def test_signature_published_by_aws() -> None:
    """The values are from the tests of git-remote-codecommit, AWS's own helper."""
    url = "https://git-codecommit.us-west-2.amazonaws.com/v1/repos/test_repo"
    assert signature(url, "secret", at=datetime(2017, 12, 24, 11, 53, 20, tzinfo=UTC)) == (
        "20171224T115320Zb6df2d758a8023b2f000a546417007b65494f3ce8ad0300fd45fcfa173f1959a"
    )


@pytest.mark.parametrize(
    "url",
    [
        pytest.param(URL, id="plain"),
        pytest.param("https://git-codecommit-fips.us-gov-west-1.amazonaws.com/v1/repos/a.b-c_D", id="fips"),
        pytest.param("https://git-codecommit.cn-north-1.amazonaws.com.cn/v1/repos/fleet", id="china"),
    ],
)
def test_signature_of_botocore(url: str) -> None:
    for at in (SIGNED_AT, SIGNED_AT.replace(month=12, day=31, hour=23)):
        assert signature(url, "wJalr/+K7MDENG", at=at) == signature_of_botocore(url, "wJalr/+K7MDENG", at=at)


def test_the_user_names_the_keys() -> None:
    password = signature(URL, "HUSH", at=SIGNED_AT)
    assert sign_url(URL, AwsCredentials("AKIA", "HUSH"), now=NOW) == Basic("AKIA", password)
    assert sign_url(URL, AwsCredentials("ASIA", "HUSH", "HUSH-TOKEN"), now=NOW) == Basic("ASIA%HUSH-TOKEN", password)


def test_a_signature_is_renewed_long_before_it_expires() -> None:
    """AWS accepts one for 15 minutes."""
    passwords = [sign_url(URL, AwsCredentials("AKIA", "HUSH"), now=SIGNED_AT + n * MINUTE).password for n in range(11)]
    assert passwords[:5] == [signature(URL, "HUSH", at=SIGNED_AT)] * 5
    assert passwords[5:10] == [signature(URL, "HUSH", at=SIGNED_AT + 5 * MINUTE)] * 5
    assert passwords[10].startswith("20300101T121000Z")


def test_secrets_do_not_show_in_repr() -> None:
    keys = AwsCredentials("ASIA", "HUSH", "HUSH-TOKEN")
    for value in (keys, sign_url(URL, keys, now=NOW), Login(keys, NOW), BOT):
        assert "HUSH" not in repr(value)
        assert "proof" not in repr(value)


@pytest.mark.parametrize(
    "url",
    [
        "https://github.com/org/fleet",
        "https://git-codecommit.eu-west-1.amazonaws.com.evil.example/v1/repos/fleet",
        "https://evil.example/git-codecommit.eu-west-1.amazonaws.com/v1/repos/fleet",
        "https://git-codecommit.eu-west-1.amazonaws.com:8443/v1/repos/fleet",
        "http://git-codecommit.eu-west-1.amazonaws.com/v1/repos/fleet",
        "https://git-codecommit.eu-west-1.amazonaws.com/fleet",
        "https://git-codecommit.eu-west-1.amazonaws.com/v1/repos/fleet/",
        "https://git-codecommit.eu-west-1.amazonaws.com/v1/repos/fleet\n",
        "ssh://git-codecommit.eu-west-1.amazonaws.com/v1/repos/fleet",
    ],
)
def test_every_other_url_is_refused_and_the_right_form_named(url: str) -> None:
    with pytest.raises(LoginFailed) as error:
        CodeCommit(lambda: NOW).credential_scope(url)
    assert str(error.value) == (
        f"invalid AWS CodeCommit repository: '{url.strip()}'. "
        "must be like https://git-codecommit.<region>.amazonaws.com/v1/repos/<repository>"
    )


def test_a_service_account_assumes_its_role_and_only_that(sts: GitServer, pod_identity: None) -> None:
    login = CodeCommit(lambda: NOW).login("eu-west-1", BOT, proxy="")
    assert login == Login(AwsCredentials("ASIAROLE", "HUSH", "HUSH-TOKEN"), datetime(2030, 1, 1, 13, tzinfo=UTC))
    (request,) = sts.requests
    form = {name: values[0] for name, values in parse_qs(request.body.decode()).items()}
    assert (form["Action"], form["RoleArn"]) == ("AssumeRoleWithWebIdentity", ROLE)
    assert (form["RoleSessionName"], form["WebIdentityToken"]) == ("bot.apps.eu-west-1.fluxcd.io", "proof")
    assert "Authorization" not in request.headers


def test_a_role_that_may_not_be_assumed(sts: GitServer) -> None:
    with pytest.raises(LoginFailed, match="AccessDenied") as error:
        CodeCommit(lambda: NOW).login("eu-west-1", SubjectToken(BOT.identity, "forged"), proxy="")
    assert "forged" not in str(error.value)


def test_keys_of_the_process_are_requested_again_soon(sts: GitServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAPROCESS")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "HUSH")
    login = CodeCommit(lambda: NOW).login("eu-west-1", None, proxy="")
    assert login == Login(AwsCredentials("AKIAPROCESS", "HUSH"), NOW + 5 * MINUTE)
    assert sts.requests == []


@pytest.mark.parametrize("by_proxy", [False, True], ids=["straight", "by-proxy"])
def test_the_role_of_the_pod(sts: GitServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, by_proxy: bool) -> None:
    """IRSA: EKS puts a token and the role's name into the pod."""
    (tmp_path / "token").write_text("proof")
    monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(tmp_path / "token"))
    monkeypatch.setenv("AWS_ROLE_ARN", ROLE)
    if by_proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", "http://sts.invalid")
    login = CodeCommit(lambda: NOW).login("eu-west-1", None, proxy=sts.url if by_proxy else "")
    assert login.credentials == AwsCredentials("ASIAROLE", "HUSH", "HUSH-TOKEN")
    assert sts.requests[0].path == ("http://sts.invalid/" if by_proxy else "/")


def test_the_identity_of_the_pod(sts: GitServer, pod_identity: None) -> None:
    """EKS Pod Identity."""
    login = CodeCommit(lambda: NOW).login("eu-west-1", None, proxy="")
    assert login == Login(AwsCredentials("ASIAPOD", "HUSH", "HUSH-TOKEN"), NOW + 5 * MINUTE)
    assert [request.path for request in sts.requests] == [AGENT]


def test_the_error_without_keys_says_what_to_do(sts: GitServer) -> None:
    with pytest.raises(LoginFailed, match=r"^no keys of AWS were found: give the controller's pod a role"):
        CodeCommit(lambda: NOW).login("eu-west-1", None, proxy="")


def test_credentials_of_a_cloud_are_signed_with_or_presented() -> None:
    assert present(URL, AwsCredentials("AKIA", "HUSH"), now=NOW) == sign_url(
        URL, AwsCredentials("AKIA", "HUSH"), now=NOW
    )
    assert present("https://dev.azure.com/a/p/_git/r", Bearer("t"), now=NOW) == Bearer("t")
    assert {
        name: one.credential_scope(url)
        for (name, one), url in zip(
            providers(lambda: NOW).items(), (URL, "https://dev.azure.com/a/p/_git/r"), strict=True
        )
    } == {"aws": "eu-west-1", "azure": "dev.azure.com"}
    audiences = {name: one.audience(BOT.identity) for name, one in providers(lambda: NOW).items()}
    assert audiences == {"aws": "sts.amazonaws.com", "azure": "api://AzureADTokenExchange"}
