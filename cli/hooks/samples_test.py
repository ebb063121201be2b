"""What `trigger receiver` sends is what a receiver understands: a sample of each type, signed and judged."""

from datetime import UTC, datetime, timedelta

import pytest

from cli.grammar.session import Failed
from cli.hooks.samples import Push, make_sample
from cli.hooks.signing import IDENTITY_TOKENS, sign
from controllers.webhooks.judge import judge
from controllers.webhooks.matching import Subject, match
from controllers.webhooks.request import Request
from controllers.webhooks.senders.sender import Sender
from controllers.webhooks.senders.table import SENDERS
from controllers.webhooks.settings import Settings
from controllers.webhooks.verdict import Accepted, Action, Refused

NOW = datetime(2026, 11, 30, 9, tzinfo=UTC)
DIGEST = "sha256:" + "5" * 64
HOSTS = {
    "dockerhub": "docker.io",
    "github": "ghcr.io",
    "quay": "quay.example.com:8443",
    "acr": "registry.azurecr.io",
    "ecr": "123456789012.dkr.ecr.eu-west-1.amazonaws.com",
    "gcr": "europe-docker.pkg.dev",
    "aliyun": "registry.cn-hangzhou.aliyuncs.com",
}
SECRET = {"token": b"t0ken", "password": b"pass word"}


def make_push(type: str, *, tag: str = "1.2.3", digest: str = DIGEST) -> Push:
    host = HOSTS.get(type, "registry.example.com:5000")
    at = (NOW - timedelta(seconds=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    return Push(host=host, repository="org/app", tag=tag, digest=digest, id="delivery-1", at=at)


def ask(sender: Sender, push: Push | None, secret: dict[str, bytes], *, verifies: bool = True) -> Accepted | Refused:
    sample = make_sample(sender.type, push)
    token = "token" if sender.type in IDENTITY_TOKENS else ""
    headers = {**sample.headers, **sign(sender.type, sample.body, secret, token)}
    request = Request(arrived=NOW, body=sample.body, headers=tuple(headers.items()))
    expression = "req.image" if sender.type.startswith("generic") else ""
    settings = Settings(type=sender.type, secrets=(SECRET,), image_expression=expression)
    return judge(request, settings, verifies=verifies and not token)


OF_IMAGES = [sender for sender in SENDERS if sender.type != "bitbucket"]
FORGES = [sender for sender in SENDERS if sender.type in {"github", "gitlab", "gitea", "bitbucket"}]


@pytest.mark.parametrize("sender", OF_IMAGES, ids=lambda sender: sender.type)
@pytest.mark.parametrize("digest", ["", DIGEST])
def test_a_sample_wakes_its_image_with_its_tag(sender: Sender, digest: str, monkeypatch: pytest.MonkeyPatch) -> None:
    push = make_push(sender.type, digest=digest)
    if sender.type == "generic-oidc":  # its token is no token, and is not looked at without verification
        monkeypatch.setattr("controllers.webhooks.senders.generic.claims_of", lambda _: {})
    verdict = ask(sender, push, SECRET)
    assert isinstance(verdict, Accepted), verdict
    others = [Subject("apps", "other", f"{push.host}/org/other"), Subject("apps", "elsewhere", "ghcr.io/org2/app")]
    found = match(verdict.events, [Subject("apps", "app", push.image), *others])
    assert [(wake.subject.name, wake.tags) for wake in found.wakes] == [("app", ("1.2.3",))]


@pytest.mark.parametrize(
    "sender", [one for one in OF_IMAGES if one.type not in IDENTITY_TOKENS], ids=lambda sender: sender.type
)
def test_a_sample_with_another_secret_is_refused(sender: Sender) -> None:
    verdict = ask(sender, make_push(sender.type), {"token": b"another", "password": b"another"})
    assert isinstance(verdict, Refused)
    assert verdict.status == 401


@pytest.mark.parametrize("sender", FORGES, ids=lambda sender: sender.type)
def test_without_an_image_a_forge_says_that_a_pull_request_was_merged(sender: Sender) -> None:
    verdict = ask(sender, None, SECRET)
    assert isinstance(verdict, Accepted), verdict
    assert [event.action for event in verdict.events] == [Action.CODE]
    assert isinstance(ask(sender, None, {"token": b"another"}), Refused)


def test_a_sender_with_a_user_shows_both() -> None:
    headers = sign("quay", b"{}", {"password": b"p", "username": b"u"}, "")
    assert headers == {"Authorization": "Basic dTpw"}
    assert sign("quay", b"{}", {"token": b"t"}, "") == {}


@pytest.mark.parametrize(
    ("type", "secret", "text"),
    [
        ("github", {}, "the token of the Receiver is needed"),
        ("harbor", {"token": b"a\nb"}, "cannot stand in a header"),
        ("harbor", {"token": b"\xff"}, "cannot stand in a header"),
        ("gcr", {"token": b"t"}, "gcr is known by an identity token"),
    ],
)
def test_what_cannot_be_signed_is_said(type: str, secret: dict[str, bytes], text: str) -> None:
    with pytest.raises(Failed, match=text):
        sign(type, b"{}", secret, "")


@pytest.mark.parametrize(
    ("type", "push", "text"),
    [
        ("harbor", None, "--image or --payload is required"),
        ("bitbucket", make_push("harbor"), "bitbucket announces no images"),
        ("ecr", make_push("harbor"), "is no registry of Amazon"),
    ],
)
def test_what_no_sender_writes_is_refused(type: str, push: Push | None, text: str) -> None:
    with pytest.raises(Failed, match=text):
        make_sample(type, push)


def test_generic_hooks_may_have_no_image() -> None:
    assert make_sample("generic", None).body == b"{}"
