import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime

import pytest

from controllers.webhooks.judge import judge
from controllers.webhooks.request import Request
from controllers.webhooks.settings import SecretData, Settings
from controllers.webhooks.verdict import Accepted, Refused

TOKEN = b"correct horse"
BODY = (
    b'{"action":"x","package":{},"events":[],"source":"other","repository":{"repo_name":"a/b"},"docker_url":"q.io/a/b"}'
)
SECRET: SecretData = {"token": TOKEN}
Headers = dict[str, str]


def ask(type: str, headers: Headers, *secrets: SecretData, body: bytes = BODY, query: str = "") -> Accepted | Refused:
    request = Request(
        arrived=datetime(2026, 11, 30, tzinfo=UTC), body=body, headers=tuple(headers.items()), query=query
    )
    return judge(request, Settings(type=type, secrets=secrets or (SECRET,)))


def signed(algorithm: str = "sha256", body: bytes = BODY, key: bytes = TOKEN) -> str:
    return hmac.new(key, body, algorithm).hexdigest()


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


@pytest.mark.parametrize(
    ("type", "headers"),
    [
        pytest.param("github", {"X-Hub-Signature-256": f"sha256={signed()}", "X-GitHub-Event": "ping"}, id="github"),
        pytest.param(
            "github", {"x-hub-signature-256": f"SHA256={signed().upper()}", "X-GitHub-Event": "ping"}, id="case"
        ),
        pytest.param("generic-hmac", {"X-Signature": f"sha256={signed()}"}, id="generic-hmac"),
        pytest.param("generic-hmac", {"X-Signature": f"sha512={signed('sha512')}"}, id="generic-hmac-sha512"),
        pytest.param("harbor", {"Authorization": TOKEN.decode()}, id="harbor"),
        pytest.param("harbor", {"Authorization": f"Bearer {TOKEN.decode()}"}, id="harbor-bearer"),
        pytest.param("acr", {"Authorization": f"Bearer {TOKEN.decode()}"}, id="acr"),
        pytest.param("acr", {}, id="acr-path"),
        pytest.param("ecr", {"X-Api-Key": TOKEN.decode()}, id="ecr-api-key"),
        pytest.param("ecr", {"Authorization": basic("any", TOKEN.decode())}, id="ecr-basic"),
        pytest.param("gitea", {"X-Gitea-Signature": signed()}, id="gitea"),
        pytest.param("forgejo", {"X-Forgejo-Signature": signed()}, id="forgejo"),
        pytest.param("gitea", {"X-Hub-Signature-256": f"sha256={signed()}"}, id="gitea-hub"),
        pytest.param("gitea", {"X-Gitea-Signature": "", "Authorization": TOKEN.decode()}, id="gitea-authorization"),
        pytest.param("gitlab", {"X-Gitlab-Token": TOKEN.decode()}, id="gitlab"),
        pytest.param("gitlab", {"Authorization": f"bearer {TOKEN.decode()}"}, id="gitlab-bearer"),
        pytest.param("distribution", {"Authorization": f"Bearer {TOKEN.decode()}"}, id="distribution"),
        pytest.param("nexus", {"X-Nexus-Webhook-Signature": signed("sha1")}, id="nexus-sha1"),
        pytest.param("jfrog", {"X-JFrog-Event-Auth": signed()}, id="jfrog-signed"),
        pytest.param("jfrog", {"X-JFrog-Event-Auth": TOKEN.decode()}, id="jfrog-token"),
        pytest.param("dockerhub", {}, id="dockerhub-path"),
        pytest.param("quay", {}, id="quay-path"),
        pytest.param("generic", {}, id="generic-path"),
    ],
)
@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n"], ids=["", "line-end", "line-end-of-windows"])
def test_who_knows_the_token_is_let_in(type: str, headers: Headers, end: bytes) -> None:
    assert isinstance(ask(type, headers, {"token": TOKEN + end}), Accepted)


OTHER = b"incorrect horse"


@pytest.mark.parametrize(
    ("type", "headers", "reason"),
    [
        pytest.param("github", {}, "MissingSignature", id="github-none"),
        pytest.param(
            "github", {"X-Hub-Signature-256": f"sha256={signed(key=OTHER)}"}, "InvalidSignature", id="github-key"
        ),
        pytest.param(
            "github", {"X-Hub-Signature-256": f"sha256={signed(body=b'{}')}"}, "InvalidSignature", id="github-body"
        ),
        pytest.param(
            "github", {"X-Hub-Signature-256": f"sha256={signed()[:-2]}"}, "InvalidSignature", id="github-short"
        ),
        pytest.param("github", {"X-Hub-Signature-256": "sha256="}, "InvalidSignature", id="github-empty"),
        pytest.param("github", {"X-Hub-Signature-256": f"md5={signed('md5')}"}, "InvalidSignature", id="github-md5"),
        pytest.param("github", {"X-Hub-Signature": f"sha1={signed('sha1')}"}, "WeakSignature", id="github-sha1"),
        pytest.param(
            "github", {"X-Hub-Signature-256": f"sha1={signed('sha1')}"}, "WeakSignature", id="github-sha1-prefix"
        ),
        pytest.param("generic-hmac", {"X-Signature": f"sha1={signed('sha1')}"}, "WeakSignature", id="generic-sha1"),
        pytest.param("generic-hmac", {"X-Signature": f"sha512={signed()}"}, "InvalidSignature", id="generic-mixed"),
        pytest.param("generic-hmac", {}, "MissingSignature", id="generic-none"),
        pytest.param("harbor", {}, "MissingToken", id="harbor-none"),
        pytest.param("harbor", {"Authorization": OTHER.decode()}, "InvalidToken", id="harbor-wrong"),
        pytest.param("harbor", {"Authorization": "Bearer"}, "InvalidToken", id="harbor-empty"),
        pytest.param("acr", {"Authorization": f"Bearer {OTHER.decode()}"}, "InvalidToken", id="acr-wrong"),
        pytest.param("ecr", {}, "MissingToken", id="ecr-none"),
        pytest.param("gitea", {"X-Gitea-Signature": ""}, "MissingSignature", id="gitea-without-secret"),
        pytest.param("gitea", {"X-Gitea-Signature": signed(key=b"")}, "InvalidSignature", id="gitea-empty-secret"),
        pytest.param(
            "gitea",
            {"X-Gitea-Signature": signed(key=OTHER), "Authorization": TOKEN.decode()},
            "InvalidSignature",
            id="gitea-wrong-signature-beside-token",
        ),
        pytest.param("gitlab", {"X-Gitlab-Token": OTHER.decode()}, "InvalidToken", id="gitlab-wrong"),
        pytest.param("distribution", {"Authorization": "Basic !!"}, "InvalidToken", id="distribution-basic"),
        pytest.param("nexus", {"X-Nexus-Webhook-Signature": signed("sha256")}, "InvalidSignature", id="nexus-sha256"),
        pytest.param("nexus", {"X-Nexus-Webhook-Signature": "é"}, "InvalidSignature", id="nexus-no-hex"),
        pytest.param("jfrog", {"X-JFrog-Event-Auth": OTHER.decode()}, "InvalidToken", id="jfrog-wrong"),
        pytest.param("jfrog", {}, "MissingSignature", id="jfrog-none"),
    ],
)
def test_everybody_else_is_refused_with_401(type: str, headers: Headers, reason: str) -> None:
    found = ask(type, headers)
    assert isinstance(found, Refused)
    assert (found.status, found.reason) == (401, reason)
    assert TOKEN.decode() not in found.message


@pytest.mark.parametrize(
    "type", ["github", "harbor", "ecr", "gitea", "gitlab", "nexus", "jfrog", "generic-hmac", "gcr"]
)
@pytest.mark.parametrize("secret", [{}, {"token": b""}, {"token": b"\n"}], ids=["none", "empty", "line-end"])
def test_receiver_without_a_token_accepts_nothing(type: str, secret: SecretData) -> None:
    empty = hmac.new(b"", BODY, hashlib.sha256).hexdigest()
    headers = dict.fromkeys(
        (
            "X-Hub-Signature-256",
            "X-Signature",
            "X-JFrog-Event-Auth",
            "X-Gitea-Signature",
            "X-Api-Key",
            "X-Gitlab-Token",
        ),
        empty,
    ) | {"Authorization": "Bearer x", "X-Nexus-Webhook-Signature": hmac.new(b"", BODY, "sha1").hexdigest()}
    found = ask(type, headers, secret)
    assert isinstance(found, Refused)
    assert (found.status, found.reason) == (503, "NotConfigured")


def test_token_that_was_replaced_is_taken_while_it_is_kept() -> None:
    headers = {"X-Hub-Signature-256": f"sha256={signed(key=OTHER)}", "X-GitHub-Event": "ping"}
    assert isinstance(ask("github", headers), Refused)
    assert isinstance(ask("github", headers, SECRET, {"token": OTHER}), Accepted)


@pytest.mark.parametrize("type", ["dockerhub", "quay", "acr", "generic", "aliyun", "cdevents"])
def test_password_of_the_secret_must_be_sent_where_the_path_alone_would_do(type: str) -> None:
    secret = {"token": TOKEN, "username": b"hub", "password": b"p+s s"}

    def refusal(headers: Headers, query: str = "") -> str:
        found = ask(type, headers, secret, query=query)
        return found.reason if isinstance(found, Refused) and found.status == 401 else ""

    assert refusal({}) == "MissingToken"
    assert refusal({}, "token=wrong") == "InvalidToken"
    assert refusal({"Authorization": basic("other", "p+s s")}) == "InvalidToken"
    assert refusal({"Authorization": basic("hub", "wrong")}) == "InvalidToken"
    for headers, query in (
        ({"Authorization": basic("hub", "p+s s")}, ""),
        ({"Authorization": "Bearer p+s s"}, ""),
        ({}, "a=b&token=p%2Bs+s"),
        ({}, "secret=p%2bs%20s"),
    ):
        assert refusal(headers, query) == ""


def test_header_that_is_there_twice_with_different_values_is_refused() -> None:
    request = Request(
        arrived=datetime(2026, 11, 30, tzinfo=UTC),
        body=BODY,
        headers=(("Authorization", TOKEN.decode()), ("authorization", "x")),
    )
    found = judge(request, Settings(type="harbor", secrets=(SECRET,)))
    assert isinstance(found, Refused)
    assert found.status == 400


def test_form_of_gitea_is_signed_over_the_payload_in_it() -> None:
    payload = json.dumps({"action": "created", "package": {}}).encode()
    body = b"payload=" + payload.replace(b" ", b"+").replace(b'"', b"%22")
    headers = {"Content-Type": "application/x-www-form-urlencoded", "X-Gitea-Signature": signed(body=payload)}
    assert isinstance(ask("gitea", headers, body=body), Accepted)


def test_repr_of_settings_shows_no_secret() -> None:
    assert "horse" not in repr(Settings(type="github", secrets=(SECRET,)))
