"""`controllers.receiver`: no Secret of a hook, and nothing of what a sender claims to know, is shown anywhere.

Marked secrets are in all keys of the Secret and in all places of requests. Searched are answers, all that the process
writes to the API server (status, events, wake-ups), logs at level debug, and metrics. Of each type at least one request
is let in by the secret, and one is not.
"""

import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from cli.hooks.samples import Push, make_sample
from cli.hooks.signing import IDENTITY_TOKENS, sign
from controllers.webhooks.hook_path import hook_path
from controllers.webhooks.senders.sender import Sender
from controllers.webhooks.senders.table import SENDERS, find_sender
from testing.canary import find, marker
from testing.receiver_harness import ReceiverHarness, receiving

KEYS = ("token", "username", "password", "email", "audience")
MARKS = {key: marker(700 + number) for number, key in enumerate((*KEYS, "guess", "body"))}
HOSTS = {"dockerhub": "docker.io", "ecr": "123456789012.dkr.ecr.eu-west-1.amazonaws.com"}


def make_push(type: str) -> Push:
    host = HOSTS.get(type, "registry.example.com")
    return Push(host=host, repository="org/app", tag="1.0", digest="", id="1", at="2026-11-30T09:00:00Z")


def secrets(ending: str) -> dict[str, bytes]:
    return {key: f"{MARKS[key]}{ending}".encode() for key in KEYS}


def headers_of(sender: Sender, body: bytes, secret: dict[str, bytes]) -> dict[str, str]:
    """Return what shows that a sender knows a secret, as far as a header can hold it."""
    stripped = {key: value.strip() for key, value in secret.items()}
    signed = secret if sender.type in ("github", "gitea", "nexus", "jfrog", "generic-hmac") else stripped
    return sign(sender.type, body, signed, MARKS["guess"])


def requests(sender: Sender, secret: dict[str, bytes]) -> Iterator[tuple[str, bytes, dict[str, str]]]:
    """Yield queries, bodies and headers: proper ones, and such as make the process speak of them."""
    sample = make_sample(sender.type, None if sender.type == "bitbucket" else make_push(sender.type))
    good = {**sample.headers, **headers_of(sender, sample.body, secret)}
    guess, mark = MARKS["guess"], MARKS["body"]
    yield "", sample.body, good
    yield f"?token={guess}&secret={guess}", sample.body, {**sample.headers, "Authorization": f"Bearer {guess}"}
    yield "", sample.body, dict.fromkeys(("Authorization", "X-Gitlab-Token", "X-JFrog-Event-Auth"), guess)
    yield "", sample.body, {"X-Hub-Signature": guess, "X-Hub-Signature-256": guess, "X-Signature": guess}
    for payload in ({mark: mark}, [mark], mark, {"events": mark, "message": {"data": mark}, "context": mark}):
        body = json.dumps(payload).encode()
        yield "", body, {mark: mark} | headers_of(sender, body, secret)
    yield "", mark.encode(), headers_of(sender, mark.encode(), secret)
    yield "", sample.body, good | {"Content-Encoding": mark, "Content-Type": f"{mark}; charset={mark}"}


@pytest.mark.parametrize(
    ("sender", "ending"),
    [
        *(pytest.param(sender, "", id=sender.type) for sender in SENDERS),
        *(pytest.param(find_sender(name), "\n", id=f"{name} of echo") for name in ("github", "harbor", "dockerhub")),
    ],
)
async def test_no_secret_of_a_hook_is_shown(
    sender: Sender, ending: str, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    secret = secrets(ending)
    if sender.type in ("dockerhub", "quay", "aliyun", "cdevents", "generic") and ending:
        secret.pop("password")  # a header cannot hold its line end: the path alone lets in
    async with receiving("--log-level=debug") as harness:
        path = _put(harness, sender, secret)
        await harness.ready() if sender.type != "generic-oidc" else await harness.wait_until(harness.status)
        replies = [
            await harness.ask(path + query, body, *(f"{name}: {value}" for name, value in headers.items()))
            for query, body, headers in requests(sender, secret)
        ]
        statuses = [reply.status for reply in replies]
        shown = {
            "answers": "".join(reply.head + reply.body for reply in replies),
            "API and metrics": harness.everything_shown(),
        }
    shown |= {"logs": caplog.text, "output": "".join(capfd.readouterr())}
    if sender.type not in IDENTITY_TOKENS:
        assert statuses[0] == 200 or ending, replies[0]
        assert max(statuses) >= 400, "nothing was refused"
    assert "/hook/" in shown["API and metrics"], "the status was not written: this search would look at nothing"
    for output, text in shown.items():
        for name, mark in MARKS.items():
            assert not (form := find(mark, text)), f"{output} has {name} {form}: {text}"


def _put(harness: ReceiverHarness, sender: Sender, secret: dict[str, Any]) -> str:
    harness.put_secret("hook", namespace="apps", **secret)
    push = make_push(sender.type)
    harness.put_repository("app", push.image)
    spec: dict[str, Any] = {"type": sender.type, "secretRef": {"name": "hook"}}
    if sender.type == "generic-oidc":
        provider = {"issuerURL": "https://issuer.invalid", "validations": [{"expression": "true", "message": "m"}]}
        spec = {"type": sender.type, "secretRef": None, "oidcProviders": [provider]}
    harness.put_receiver(**spec)
    return hook_path(b"" if sender.type == "generic-oidc" else secret["token"], "hub", "apps")
