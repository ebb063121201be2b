"""Bounds, and that nothing a stranger sends raises anything."""

import json
import re
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controllers.webhooks.judge import judge, passes
from controllers.webhooks.limits import MAX_BODY_BYTES, MAX_CONTAINERS, MAX_DEPTH, MAX_EVENTS, MAX_TEXT
from controllers.webhooks.matching import MAX_HINTS, Subject, match
from controllers.webhooks.request import Request
from controllers.webhooks.senders.table import SENDERS
from controllers.webhooks.settings import Provider, Settings, Validation
from controllers.webhooks.verdict import Accepted, Action, Refused

NOW = datetime(2026, 11, 30, 7, tzinfo=UTC)
HUB = {"push_data": {"tag": "1"}, "repository": {"repo_name": "org/app"}}


def ask(type: str, body: bytes, *, verifies: bool = False, method: str = "POST", **more: Any) -> Accepted | Refused:
    return judge(Request(arrived=NOW, body=body, method=method, **more), Settings(type=type), verifies=verifies)


def nested(depth: int) -> bytes:
    return b'{"repository":{"repo_name":"a/b"},"x":' + b"[" * depth + b"]" * depth + b"}"


@pytest.mark.parametrize(
    ("body", "status"),
    [
        pytest.param(b"", 400, id="empty"),
        pytest.param(b"null", 400, id="null"),
        pytest.param(b"[]", 400, id="list"),
        pytest.param(b"{", 400, id="half"),
        pytest.param(b'{"a":NaN}', 400, id="nan"),
        pytest.param(b"\xef\xbb\xbf" + json.dumps(HUB).encode(), 200, id="byte-order-mark"),
        pytest.param(nested(MAX_DEPTH - 1), 200, id="deepest"),
        pytest.param(nested(MAX_DEPTH), 413, id="too-deep"),
        pytest.param(nested(100_000), 413, id="far-too-deep"),
        pytest.param(b'{"x":[' + b"[]," * MAX_CONTAINERS + b"[]]}", 413, id="many-arrays"),
        pytest.param(b" " * MAX_BODY_BYTES + b"{}", 413, id="too-large"),
        pytest.param(json.dumps({"repository": {"repo_name": "a" * (MAX_TEXT + 1)}}).encode(), 413, id="long-name"),
        pytest.param(json.dumps({**HUB, "readme": "a" * 100_000}).encode(), 200, id="long-text-that-is-not-read"),
    ],
)
def test_body_is_bounded(body: bytes, status: int) -> None:
    assert ask("dockerhub", body).status == status


def test_only_post_is_taken_and_headers_are_bounded() -> None:
    body = json.dumps(HUB).encode()
    assert ask("dockerhub", body, method="GET").status == 405
    assert ask("dockerhub", body, headers=(("A", "b"),) * 200).status == 413
    assert ask("dockerhub", body, headers=(("A", "b" * 300_000),)).status == 413


def test_unknown_type_is_a_mistake_of_the_receiver() -> None:
    found = ask("bit\nbucket", b"{}")
    assert isinstance(found, Refused)
    assert (found.status, found.message) == (503, "the type bit bucket is not known")


def distribution(count: int, repositories: int) -> bytes:
    events = [
        {
            "action": "push",
            "target": {"repository": f"org/app{number % repositories}", "tag": f"v{number}"},
            "request": {"host": "r.example.com"},
        }
        for number in range(count)
    ]
    return json.dumps({"events": events}).encode()


def test_ten_thousand_events_of_one_body_are_one_wake_up_of_each_image() -> None:
    found = ask("distribution", distribution(MAX_EVENTS, 3))
    assert isinstance(found, Accepted)
    wakeups = match(found.events, [Subject("apps", f"app{n}", f"r.example.com/org/app{n}") for n in range(2)])
    assert [(wake.subject.name, wake.tags) for wake in wakeups.wakes] == [
        ("app0", ()),
        ("app1", ()),
    ]  # of many tags all
    assert ask("distribution", distribution(MAX_EVENTS + 1, 3)).status == 413


def test_few_tags_of_one_body_are_hints() -> None:
    found = ask("distribution", distribution(MAX_HINTS, 1))
    assert isinstance(found, Accepted)
    (wake,) = match(found.events, [Subject("apps", "app", "r.example.com/org/app0")]).wakes
    assert len(wake.tags) == MAX_HINTS


def test_foreign_words_are_short_lines() -> None:
    found = ask("harbor", json.dumps({"type": "EVIL\n\x1b[31m" + "x" * 900}).encode())
    assert isinstance(found, Accepted)
    (event,) = found.events
    assert event.detail.isprintable()
    assert len(event.detail) <= 256


def test_filter_of_flux_sees_payload_and_resource() -> None:
    found = ask("dockerhub", json.dumps(HUB).encode())
    assert isinstance(found, Accepted)
    assert passes("", found, {})
    assert passes("req.repository.repo_name.endsWith(res.metadata.name)", found, {"name": "app"})
    assert not passes("req.repository.repo_name.endsWith(res.metadata.name)", found, {"name": "other"})


NAMES = st.sampled_from(
    re.findall(
        r"\S+",
        "action type event_type domain data message events target request host tag digest repository "
        "repo_name name package package_version container_metadata package_url html_url owner login "
        "event_data resources resource_url docker_url updated_tags detail account region source context "
        "subject id component format version push_data repo_key path image_name jpd_origin eventType keys "
        "namespace package_type registry_package ",
    )
)
WORDS = st.sampled_from(
    re.findall(
        r"\S+",
        "push INSERT published container PUSH_ARTIFACT docker pushed deployed created CREATED aws.ecr org/app "
        "1.2.3 ghcr.io/org/app:1 pkg:oci/a@b?repository_url=c dev.cdevents.artifact.published.0.1.0 PUSH "
        "SUCCESS harbor.artifact.pushed com.amazon.ecr.image.push Microsoft.ContainerRegistry.ImagePushed "
        "e30= :// @@ // ",
    )
)
VALUES: st.SearchStrategy[Any] = st.recursive(
    WORDS
    | st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES | st.text(max_size=5), inner, max_size=6),
    max_leaves=25,
)
BODIES = (
    st.binary(max_size=200)
    | VALUES.map(lambda value: json.dumps(value).encode())
    | st.dictionaries(NAMES, VALUES, max_size=8).map(lambda value: json.dumps(value).encode())
)
HEADER_NAMES = st.sampled_from(
    re.findall(
        r"\S+",
        "Authorization Content-Type X-GitHub-Event X-Gitea-Event X-Hub-Signature-256 X-Signature "
        "X-JFrog-Event-Auth X-Nexus-Webhook-Signature X-Gitlab-Token X-Gitlab-Event Ce-Type X-Gitea-Signature ",
    )
)
HEADERS = st.lists(
    st.tuples(
        HEADER_NAMES,
        st.text(max_size=30)
        | st.sampled_from(
            ["package", "Bearer e30.e30.e30", "application/x-www-form-urlencoded", "sha256=00", "Basic e30="]
        ),
    ),
    max_size=5,
)
ISSUER = "https://i.example.com"
EVERYTHING: dict[str, Any] = {
    "secrets": ({"token": b"t", "email": b"e", "audience": b"a"},),
    "keys": {ISSUER: {"keys": []}, "https://accounts.google.com": {"keys": [{"kty": "RSA"}]}},
    "providers": (Provider(ISSUER, (Validation("true"),)),),
    "filter": "req.action == 'push'",
    "image_expression": "req.repository",
    "tag_expression": "req.tag",
}


@pytest.mark.parametrize("type", [sender.type for sender in SENDERS])
@pytest.mark.parametrize("verifies", [True, False])
@settings(max_examples=60, deadline=None)
@given(body=BODIES, headers=HEADERS, query=st.text(max_size=20))
def test_whatever_is_sent_is_accepted_or_refused(
    type: str, verifies: bool, body: bytes, headers: list[tuple[str, str]], query: str
) -> None:
    request = Request(arrived=NOW, body=body, headers=tuple(headers), query=query)
    found = judge(request, Settings(type=type, **EVERYTHING), verifies=verifies)
    if isinstance(found, Refused):
        assert found.status in {400, 401, 403, 413, 503}
        assert found.message.isprintable()
        return
    assert found.status == 200
    for event in found.events:
        assert event.action is not Action.PUSH or event.names or event.wakes_all
    match(found.events, [Subject("apps", "app", "ghcr.io/org/app"), Subject("apps", "hub", "org/app")])


def test_expressions_see_headers_but_no_credentials() -> None:
    headers = (("Authorization", "Bearer x"), ("Cookie", "y"), ("X-Event", "push"))
    request = Request(arrived=NOW, body=b"{}", headers=headers)
    for expression, expected in (("headers['x-event'] == 'push'", Action.PUSH), ("size(headers) > 1", Action.OTHER)):
        found = judge(request, Settings(type="generic", filter=expression))
        assert isinstance(found, Accepted)
        assert [event.action for event in found.events] == [expected]
