"""Tags that a receiver announced: what is asked for them, what becomes of the list, and what counts as missed."""

import json
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from api.imagerepository import LatestTags
from api.meta import LocalObjectReference
from api.names import PUSHED_TAGS, REQUESTED_AT
from api.pushedtags import PushedTag, encode_pushed_tags
from controllers.imagerepository.announced import describe
from controllers.registry.errors import Denied, Throttled, Unavailable
from controllers.runtime.key import key_of
from controllers.runtime.reconcile.outcome import Ready, Retry
from controllers.taglist.reader import fetch_list
from controllers.taglist.scan import build_tag_set
from testing.clock import START
from testing.kube import FakeKube
from testing.repository_harness import INTERVAL, MINUTE, RepositoryHarness

PATCH = "patch imagetaglists apps/app-tags-0"
LATE = INTERVAL - MINUTE


def at(number: int) -> str:
    return f"2026-11-30T09:00:00.{number:09}Z"


def annotate(harness: RepositoryHarness, annotations: dict[str, str]) -> None:
    metadata = harness.repository.metadata
    metadata = replace(metadata, annotations={**metadata.annotations, **annotations})
    harness.repository = replace(harness.repository, metadata=metadata)


def handle(harness: RepositoryHarness) -> None:
    """Write what the lifecycle does after a run."""
    status = replace(
        harness.repository.status, last_handled_reconcile_at=harness.repository.metadata.annotations[REQUESTED_AT]
    )
    harness.repository = replace(harness.repository, status=status)


async def announce(harness: RepositoryHarness, *tags: str, number: int = 1, **facts: Any) -> Ready:
    """Run after one event of a receiver."""
    pushed = encode_pushed_tags([PushedTag(tag=tag, at=at(number)) for tag in tags])
    annotate(harness, {PUSHED_TAGS: pushed, REQUESTED_AT: at(number)})
    end = await harness.reconcile(**{"after": MINUTE, "requested": True, **facts})
    handle(harness)
    return end


def missed(harness: RepositoryHarness) -> float | None:
    return harness.metrics.get_sample_value("tagline_webhook_missed_tags_total", {"namespace": "apps", "name": "app"})


async def test_an_announced_tag_costs_one_request_and_completes_the_list(idle: RepositoryHarness) -> None:
    idle.registry.tags.append("3.0")
    end = await announce(idle, "3.0")
    assert end == Ready(
        "successful scan: found 3 tags",
        requeue_after=LATE,
        event="successful scan: found 3 tags, announced by the registry: 3.0",
    )
    assert (idle.scanned, idle.registry.heads) == (False, ["3.0"])
    assert idle.kube.requests == [PATCH]  # a short list is in memory
    result = idle.run.status.last_scan_result
    assert result is not None
    assert (result.tag_count, result.latest_tags) == (3, ("3.0", "2.0", "1.0"))
    assert result.revision == build_tag_set(["1.0", "2.0", "3.0"], None).revision
    assert result.scan_time == START, "the scan of all stays on its interval"


async def test_what_was_added_is_what_a_scan_would_have_stored(idle: RepositoryHarness) -> None:
    idle.registry.tags.append("3.0")
    await announce(idle, "3.0")
    stored = await fetch_list(idle.kube, key_of(idle.repository))
    assert stored is not None
    assert stored.first_seen == {"3.0": int((START + MINUTE).timestamp()), "2.0": None, "1.0": None}
    assert stored.excluded_count == 1
    end = await idle.reconcile(after=INTERVAL)
    assert end.no_change == "no new tags found, next scan in 10m0s"
    assert idle.kube.requests == []


async def test_a_tag_that_the_registry_does_not_have_is_left_out(idle: RepositoryHarness) -> None:
    end = await announce(idle, "9.9")
    assert end == Ready("successful scan: found 2 tags", requeue_after=LATE)
    assert (idle.scanned, idle.registry.heads) == (False, ["9.9"])
    assert idle.kube.requests == []


async def test_a_tag_that_is_there_or_excluded_is_not_asked_for(idle: RepositoryHarness) -> None:
    idle.registry.tags.append("3.0.sig")
    end = await announce(idle, "2.0", "2.0.sig", "3.0.sig", "2.0")
    assert end == Ready("successful scan: found 2 tags", requeue_after=LATE)
    assert (idle.scanned, idle.registry.heads) == (False, [])


async def test_a_request_of_somebody_else_lists_all(idle: RepositoryHarness) -> None:
    annotate(idle, {PUSHED_TAGS: encode_pushed_tags([PushedTag(tag="3.0", at=at(1))]), REQUESTED_AT: "now, please"})
    await idle.reconcile(after=MINUTE, requested=True)
    assert (idle.run.progress, idle.registry.heads) == ("scanning: reconcile requested", [])


async def test_an_event_without_a_tag_lists_all(idle: RepositoryHarness) -> None:
    await announce(idle, "2.0")
    annotate(idle, {REQUESTED_AT: at(2)})
    await idle.reconcile(after=MINUTE, requested=True)
    assert (idle.run.progress, idle.registry.heads) == ("scanning: reconcile requested", [])


async def test_what_was_handled_is_not_asked_for_again(idle: RepositoryHarness) -> None:
    await announce(idle, "9.9")
    pushed = [PushedTag(tag="9.9", at=at(1)), PushedTag(tag="9.8", at=at(2)), PushedTag(tag="9.7", at=at(3))]
    annotate(idle, {PUSHED_TAGS: encode_pushed_tags(pushed), REQUESTED_AT: at(3)})
    await idle.reconcile(after=MINUTE, requested=True)
    assert idle.registry.heads == ["9.8", "9.7"]


async def test_a_handled_announcement_is_no_reason_for_a_request_after_a_failure(idle: RepositoryHarness) -> None:
    await announce(idle, "9.9")
    idle.record_failure()
    await idle.reconcile(after=MINUTE, requested=True)  # as the lifecycle says of an object that fails
    assert (idle.run.progress, idle.registry.heads) == ("scanning: reconcile requested", [])


@pytest.mark.parametrize(
    ("spec", "after", "reason"),
    [
        pytest.param({"exclusion_list": ("^1",)}, MINUTE, "updated exclusion list", id="exclusions"),
        pytest.param({"image": "ghcr.io/org/other"}, MINUTE, "new image name", id="renamed"),
        pytest.param({}, INTERVAL, "triggered by interval", id="due"),
    ],
)
async def test_a_scan_that_is_due_anyway_finds_what_was_announced(
    idle: RepositoryHarness, spec: dict[str, Any], after: timedelta, reason: str
) -> None:
    idle.registry.tags.append("3.0")
    end = await announce(idle, "3.0", spec=spec, after=after)
    assert (idle.run.progress, idle.registry.heads) == (f"scanning: {reason}", [])
    assert end.event is not None
    assert missed(idle) in (None, 0), "it was announced"


async def test_the_first_scan_lists_all(harness: RepositoryHarness) -> None:
    await announce(harness, "2.0")
    assert (harness.run.progress, harness.registry.heads) == ("scanning: first scan", [])


@pytest.mark.parametrize(
    "failure",
    [Denied("403"), Unavailable("503"), Throttled("429", 3 * MINUTE), TimeoutError()],
    ids=["denied", "unavailable", "throttled", "late"],
)
async def test_a_registry_that_does_not_answer_for_a_tag_is_asked_for_all(
    idle: RepositoryHarness, failure: Exception
) -> None:
    idle.registry.head_failure = failure
    idle.registry.tags.append("3.0")
    end = await announce(idle, "3.0")
    assert end.event == "successful scan: found 3 tags"
    assert idle.run.progress == "scanning: reconcile requested"


async def test_an_announcement_that_fails_is_made_good_by_a_scan(idle: RepositoryHarness) -> None:
    idle.registry.tags.append("3.0")
    idle.kube.forbid(PATCH)
    annotate(idle, {PUSHED_TAGS: encode_pushed_tags([PushedTag(tag="3.0", at=at(1))]), REQUESTED_AT: at(1)})
    end = await idle.fail(Retry, after=MINUTE, requested=True)
    assert end.message.startswith("scan failed: failed to store tags")
    handle(idle)
    idle.record_failure()
    idle.kube = FakeKube()
    idle.restart()
    again = await idle.reconcile(after=2 * MINUTE, requested=True)
    assert again.message == "successful scan: found 3 tags"


async def test_credentials_are_read_for_an_announcement_as_for_a_scan(idle: RepositoryHarness) -> None:
    idle.registry.tags.append("3.0")
    annotate(idle, {PUSHED_TAGS: encode_pushed_tags([PushedTag(tag="3.0", at=at(1))]), REQUESTED_AT: at(1)})
    end = await idle.fail(Retry, after=MINUTE, requested=True, spec={"secret_ref": LocalObjectReference(name="pull")})
    assert end.reason == "AuthenticationFailed"
    assert idle.registry.heads == []


async def test_latest_tags_follow_an_announcement(idle: RepositoryHarness) -> None:
    await idle.reconcile(spec={"latest_tags": LatestTags(count=1, order="firstSeen")}, new_generation=True)
    idle.registry.tags.append("0.1")
    await announce(idle, "0.1")
    result = idle.run.status.last_scan_result
    assert result is not None
    assert result.latest_tags == ("0.1",)


@pytest.mark.parametrize(
    "annotation",
    [
        pytest.param("x" * 300_000, id="long"),
        pytest.param("[" * 5_000, id="deep"),
        pytest.param('[{"tag": 1}]', id="other-types"),
        pytest.param(json.dumps([{"tag": "a", "at": at(1)}] * 17), id="many"),
        pytest.param("null", id="null"),
    ],
)
async def test_annotation_that_no_receiver_writes_makes_a_scan(idle: RepositoryHarness, annotation: str) -> None:
    annotate(idle, {PUSHED_TAGS: annotation, REQUESTED_AT: at(1)})
    await idle.reconcile(after=MINUTE, requested=True)
    assert (idle.run.progress, idle.registry.heads) == ("scanning: reconcile requested", [])


@pytest.mark.parametrize(
    "tag",
    [
        "",
        ".",
        "..",
        "-x",
        "a b",
        "a/../../b",
        "3.0?n=1",
        "3.0#x",
        "é",
        "a" * 129,
        "sha256:" + "0" * 64,
        "\x00",
        "3.0\n",
    ],
)
async def test_what_is_no_tag_never_reaches_the_registry(idle: RepositoryHarness, tag: str) -> None:
    annotations = {PUSHED_TAGS: json.dumps([{"tag": tag, "at": at(1)}]), REQUESTED_AT: at(1)}
    annotate(idle, annotations)
    await idle.reconcile(after=MINUTE, requested=True)
    assert idle.registry.heads == []


async def test_a_tag_that_nobody_announced_is_counted_where_others_were(idle: RepositoryHarness) -> None:
    idle.registry.tags.append("3.0")
    await idle.reconcile(after=INTERVAL)
    assert missed(idle) is None, "without webhooks none is missed"
    await announce(idle, "3.0", after=INTERVAL + MINUTE)
    assert missed(idle) == 0, "rates begin with it"
    idle.registry.tags += ["4.0", "5.0", "5.0.sig"]
    await idle.reconcile(after=2 * INTERVAL)
    assert missed(idle) == 2
    await idle.reconcile(after=3 * INTERVAL)
    assert missed(idle) == 2, "once"
    idle.missed.forget(key_of(idle.repository))
    assert missed(idle) is None


async def test_a_tag_that_was_asked_for_too_early_is_not_missed(idle: RepositoryHarness) -> None:
    await announce(idle, "3.0")
    idle.registry.tags.append("3.0")
    await idle.reconcile(after=INTERVAL)
    assert missed(idle) == 0


async def test_a_scan_on_request_misses_nothing(idle: RepositoryHarness) -> None:
    await announce(idle, "2.0")
    idle.registry.tags.append("3.0")
    annotate(idle, {REQUESTED_AT: at(2)})
    await idle.reconcile(after=2 * MINUTE, requested=True)
    assert missed(idle) == 0


@pytest.mark.parametrize(
    ("tags", "text"),
    [(["1"], "1"), (["1", "2", "3"], "1, 2, 3"), (["1", "2", "3", "4", "5"], "1, 2, 3 and 2 more")],
)
def test_few_tags_are_named(tags: Sequence[str], text: str) -> None:
    assert describe(tags) == text
