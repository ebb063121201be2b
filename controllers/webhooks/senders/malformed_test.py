"""`controllers.webhooks.payload`: payloads of another form, and fields that hold what nobody expects."""

from collections.abc import Iterator
from typing import Any

import pytest

from controllers.webhooks.verdict import Refused
from testing.payloads import (
    CLOUD_EVENT,
    DOCKER_HUB,
    GRID,
    HARBOR_CLOUD_EVENT,
    INSERT,
    PURL,
    QUAY,
    acr,
    aliyun,
    cdevent,
    distribution,
    ecr,
    gitea,
    github,
    harbor,
    jfrog,
    nexus,
    pubsub,
    verdict,
)


@pytest.mark.parametrize(
    ("type", "payload"),
    [
        pytest.param("dockerhub", {}, id="dockerhub-empty"),
        pytest.param("dockerhub", {"push_data": {"tag": 7}, "repository": {"repo_name": "a/b"}}, id="tag-is-a-number"),
        pytest.param("dockerhub", {"push_data": [], "repository": {"repo_name": "a/b"}}, id="list-for-object"),
        pytest.param("harbor", {"type": "PUSH_ARTIFACT", "event_data": {"resources": [{}]}}, id="harbor-without-names"),
        pytest.param("gcr", {"message": {"data": "%%%"}}, id="gcr-no-base64"),
        pytest.param("acr", acr(repository=""), id="acr-without-repository"),
        pytest.param("ecr", ecr("evil.example.com/"), id="ecr-region-is-a-host"),
        pytest.param("ecr", {**ecr(), "account": "1"}, id="ecr-account"),
        pytest.param("distribution", {"event": []}, id="distribution-without-events"),
        pytest.param("cdevents", {"type": "x"}, id="cdevents-without-context"),
        pytest.param("quay", [], id="list"),
        pytest.param("github", b"\xff\xfe{", id="no-utf-8"),
    ],
)
def test_payload_of_another_form_is_refused_with_400(type: str, payload: Any) -> None:
    headers = {"X-GitHub-Event": "package"}
    found = verdict(type, payload, headers)
    assert isinstance(found, Refused)
    assert (found.status, found.reason) == (400, "InvalidPayload")


def places(value: Any) -> Iterator[tuple[Any, ...]]:
    """Yield the path of each value inside of one, and of itself."""
    yield ()
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in inside:
        yield from ((key, *place) for place in places(inner))


def replaced(value: Any, place: tuple[Any, ...], new: Any) -> Any:
    if not place:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[place[0]] = replaced(value[place[0]], place[1:], new)
    return copy


@pytest.mark.parametrize("new", [None, 0, "", "//", [], {}, [None], ["x"], [[]]], ids=repr)
@pytest.mark.parametrize("kind", ["", "harbor.artifact.pushed", "dev.cdevents.artifact.published.0.3.0"])
def test_whatever_stands_in_a_field_is_an_answer(new: Any, kind: str) -> None:
    headers = {"Ce-Type": kind, "Ce-Id": "1"} if kind else {}
    payloads = [
        ("dockerhub", DOCKER_HUB),
        ("github", github()),
        ("harbor", harbor()),
        ("harbor", [HARBOR_CLOUD_EVENT]),
        ("quay", QUAY),
        ("gcr", pubsub(INSERT)),
        ("gcr", INSERT),
        ("acr", acr(tag="1.2.3")),
        ("acr", [GRID]),
        ("ecr", ecr()),
        ("ecr", CLOUD_EVENT),
        ("gitea", gitea()),
        ("gitlab", {"events": [distribution(tag="1.2.3")]}),
        ("nexus", nexus()),
        ("jfrog", jfrog()),
        ("aliyun", aliyun()),
        ("cdevents", [{"specversion": "1.0", "data": cdevent(PURL)}]),
    ]
    for sender, payload in payloads:
        for place in places(payload):
            assert verdict(sender, replaced(payload, place, new), headers).status in (200, 400), (sender, place)
