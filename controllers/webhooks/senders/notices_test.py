"""`controllers.webhooks.verdict`: tags, digests and deliveries as payloads say them, and which events count."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from controllers.webhooks.matching import Subject, match
from controllers.webhooks.verdict import Accepted, Action
from testing.payloads import (
    DIGEST,
    INSERT,
    PACKAGE,
    PURL,
    acr,
    cdevent,
    distribution,
    ecr,
    events,
    gitea,
    github,
    harbor,
    jfrog,
    nexus,
    pubsub,
    verdict,
)


def test_many_resources_of_harbor_are_many_events() -> None:
    payload = harbor()
    payload["event_data"]["resources"].append({"tag": "1.2", "resource_url": "harbor.dev/library/app:1.2"})
    assert [event.tag for event in events("harbor", payload)] == ["1.2.3", "1.2"]


def test_digest_in_place_of_a_tag_is_no_tag() -> None:
    url = f"harbor.dev/library/app@{DIGEST}"
    (event,) = events("harbor", harbor(tag=DIGEST, url=url))
    assert (event.tag, event.digest) == ("", DIGEST)
    (event,) = events("gitea", gitea(version=DIGEST))
    assert (event.tag, event.digest) == ("", DIGEST)


def test_what_cannot_be_a_tag_or_digest_is_left_out() -> None:
    (event,) = events("acr", acr(tag="-not a tag-", digest="sha256:xxxxd5c8786bb9e621a45ece0dbxxxx"))
    assert (event.tag, event.digest) == ("", "")


@pytest.mark.parametrize("id", [7, None, ["x"], "x" * 5000])
def test_odd_ids_of_deliveries_refuse_nothing(id: Any) -> None:
    assert events("acr", {**acr(tag="1"), "id": id})
    assert events("ecr", {**ecr(), "id": id})
    assert events("distribution", {"events": [{**distribution(tag="1"), "id": id}]})


def test_push_by_digest_alone_makes_one_scan() -> None:
    wakeups = match(events("acr", acr(digest=DIGEST)), [Subject("apps", "app", "reg.azurecr.io/app")])
    assert [wake.tags for wake in wakeups.wakes] == [()]


def test_virtual_repository_of_artifactory_replaces_the_local_one() -> None:
    found = events("jfrog", jfrog(), repository="docker")
    assert match(found, [Subject("apps", "app", "acme.jfrog.io/docker/org/app")]).wakes
    assert not match(found, [Subject("apps", "app", "acme.jfrog.io/docker-local/org/app")]).wakes


def test_form_is_read_as_github_and_gitea_send_it() -> None:
    body = b"payload=" + json.dumps(gitea()).encode().hex(" ").upper().replace(" ", "%").join(["%", ""]).encode()
    headers = {"Content-Type": "application/x-www-form-urlencoded", "X-Gitea-Event": "package"}
    assert [event.tag for event in events("gitea", body, headers)] == ["1.2.3"]


def test_delivery_is_known_by_id_and_time() -> None:
    for sender, payload, headers, delivery in (
        ("github", github(), PACKAGE, "d1"),
        ("gcr", pubsub(INSERT), {}, "2070443601311540"),
        ("acr", acr(tag="1"), {}, "cb8c3971-9adc-488b-bdd8-43cbb4974ff5"),
        ("ecr", ecr(), {}, "13cde686-328b-6117-af20-0e5566167482"),
        ("nexus", nexus(), {"X-Nexus-Webhook-Delivery": "d2"}, "d2"),
    ):
        found = verdict(sender, payload, headers)
        assert isinstance(found, Accepted)
        assert found.delivery.id == delivery
    found = verdict("nexus", nexus())
    assert isinstance(found, Accepted)
    assert found.delivery.sent == datetime(2016, 11, 14, 19, 32, 13, 515000, tzinfo=UTC)


def test_only_events_of_the_spec_count() -> None:
    assert [event.action for event in events("github", github(), PACKAGE, events=("ping",))] == [Action.OTHER]
    assert [event.action for event in events("github", github(), PACKAGE, events=("Registry_Package",))] == [
        Action.PUSH
    ]
    assert [event.action for event in events("cdevents", cdevent(PURL), events=("dev.x",))] == [Action.OTHER]
