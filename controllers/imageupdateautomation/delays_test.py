"""`controllers.imageupdateautomation`: how long it took from the scan that found a tag to Git, and what is counted."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from api.imagepolicy import ImageRef, SelectionStatus
from controllers.forge.model import State
from controllers.git.errors import RefMoved
from controllers.runtime.key import Key
from testing.automation_harness import INTERVAL, NEW_WEB, WEB, AutomationHarness
from testing.clock import START
from testing.pull_requests import BRANCH, ask

FOUND = START + timedelta(minutes=4)
"""Between the first run and the second."""


def choose(harness: AutomationHarness, name: str, ref: ImageRef, first_seen: datetime | None, **spec: Any) -> None:
    harness.choose(name, ref, **spec)
    key = Key("apps", name)
    policy = harness.policies[key]
    selection = SelectionStatus(tag=ref.tag, first_seen=first_seen)
    harness.policies[key] = replace(policy, status=replace(policy.status, selection=selection))


def settle(harness: AutomationHarness) -> None:
    """Record what the lifecycle does after a successful run, at START."""
    status = replace(harness.automation.status, observed_generation=1)
    meta = replace(harness.automation.metadata, creation_timestamp=START)
    harness.automation = replace(harness.automation, metadata=meta, status=status)


@pytest.fixture
async def settled(harness: AutomationHarness) -> AutomationHarness:
    """One that has pushed 1.1.0."""
    await harness.reconcile(new_generation=True)
    settle(harness)
    return harness


def pushed(harness: AutomationHarness, sample: str = "count", min_age: str = "false") -> float | None:
    return harness.metrics.get_sample_value(f"tagline_first_seen_to_pushed_seconds_{sample}", {"min_age": min_age})


def value(harness: AutomationHarness, name: str) -> float | None:
    return harness.metrics.get_sample_value(name)


async def test_push_is_timed_to_its_end_from_the_scan_that_found_the_tag(settled: AutomationHarness) -> None:
    choose(settled, "web", NEW_WEB, FOUND)
    settled.push_takes = timedelta(seconds=7)
    await settled.reconcile(after=INTERVAL)
    assert (pushed(settled), pushed(settled, "sum")) == (1, 67)
    assert value(settled, "tagline_pushed_commits_total") == 2
    await settled.reconcile(after=2 * INTERVAL)
    assert pushed(settled) == 1


async def test_push_of_another_digest_of_a_tag_is_not_timed(settled: AutomationHarness) -> None:
    choose(settled, "web", NEW_WEB, FOUND)
    policy = settled.policies[Key("apps", "web")]
    before = replace(NEW_WEB, digest=f"sha256:{'0' * 64}")
    settled.policies[Key("apps", "web")] = replace(policy, status=replace(policy.status, observed_previous_ref=before))
    await settled.reconcile(after=INTERVAL)
    assert value(settled, "tagline_pushed_commits_total") == 2
    assert pushed(settled) == 0


async def test_push_for_a_policy_with_a_minimum_age_is_apart(settled: AutomationHarness) -> None:
    aged = replace(settled.policies[Key("apps", "web")].spec.policy, min_age="1m")
    choose(settled, "web", NEW_WEB, FOUND, policy=aged)
    await settled.reconcile(after=INTERVAL)
    assert (pushed(settled), pushed(settled, min_age="true")) == (0, 1)


@pytest.mark.parametrize(
    "first_seen",
    [
        pytest.param(None, id="choice-with-another-cause"),
        pytest.param(START - timedelta(days=30), id="older-than-the-automation"),
    ],
)
async def test_push_of_what_was_there_before_is_not_timed(
    settled: AutomationHarness, first_seen: datetime | None
) -> None:
    choose(settled, "web", NEW_WEB, first_seen)
    await settled.reconcile(after=INTERVAL)
    assert (pushed(settled), value(settled, "tagline_pushed_commits_total")) == (0, 2)


async def test_push_of_an_automation_that_was_edited_or_resumed_is_not_timed(settled: AutomationHarness) -> None:
    choose(settled, "web", NEW_WEB, FOUND)
    settled.automation = replace(settled.automation, metadata=replace(settled.automation.metadata, generation=2))
    await settled.reconcile(after=INTERVAL, new_generation=True)
    assert pushed(settled) == 0


async def test_choices_of_one_commit_are_timed_each_and_others_not(settled: AutomationHarness) -> None:
    choose(settled, "web", NEW_WEB, FOUND)
    choose(settled, "api", ImageRef(name="x/api", tag="9.0.0"), FOUND)  # no marker names it
    await settled.reconcile(after=INTERVAL)
    assert pushed(settled) == 1


async def test_lost_races_are_counted(settled: AutomationHarness) -> None:
    assert value(settled, "tagline_push_retries_total") == 0
    settled.git.failures["push"] += [RefMoved("moved")] * 3  # the first without a look: no race was lost there
    choose(settled, "web", NEW_WEB, FOUND)
    await settled.reconcile(after=INTERVAL)
    assert (value(settled, "tagline_push_retries_total"), pushed(settled)) == (2, 1)


@pytest.fixture
async def offering(harness: AutomationHarness) -> AutomationHarness:
    """One that offers pull requests, and whose only value is up to date."""
    ask(harness)
    choose(harness, "web", replace(WEB, tag="1.0.0"), None)
    await harness.reconcile(new_generation=True)
    settle(harness)
    return harness


async def test_opening_and_merge_are_timed_from_the_scan_that_found_the_tag(offering: AutomationHarness) -> None:
    choose(offering, "web", NEW_WEB, FOUND)
    await offering.reconcile(after=INTERVAL)
    (record,) = offering.status.pull_requests
    assert record.first_seen == FOUND
    assert value(offering, "tagline_first_seen_to_pull_request_seconds_count") == 1
    assert record.opened
    waited = (record.opened - FOUND).total_seconds()
    assert value(offering, "tagline_first_seen_to_pull_request_seconds_sum") == max(0, waited)
    offering.forge.merge(1)
    await offering.reconcile(after=2 * INTERVAL)
    entry = offering.forge.entries[1]
    assert (entry.state, value(offering, "tagline_first_seen_to_merged_seconds_count")) == (State.MERGED, 1)
    ended = entry.ended or START + 2 * INTERVAL
    assert value(offering, "tagline_first_seen_to_merged_seconds_sum") == (ended - FOUND).total_seconds()


async def test_pull_request_of_a_new_automation_is_not_timed(harness: AutomationHarness) -> None:
    ask(harness)
    choose(harness, "web", NEW_WEB, FOUND)
    await harness.reconcile(new_generation=True)
    assert harness.status.pull_requests[0].first_seen is None
    assert value(harness, "tagline_first_seen_to_pull_request_seconds_count") == 0


async def test_commit_of_a_person_is_a_reason_in_the_status_until_it_is_gone(offering: AutomationHarness) -> None:
    choose(offering, "web", NEW_WEB, FOUND)
    await offering.reconcile(after=INTERVAL)
    ours = offering.tip(BRANCH)
    offering.git.put(BRANCH, {"human.md": b"mine\n"})
    await offering.reconcile(after=2 * INTERVAL)
    assert offering.status.pull_requests[0].reason == "ForeignCommit"
    offering.git.refs[BRANCH] = ours
    await offering.reconcile(after=3 * INTERVAL)
    assert offering.status.pull_requests[0].reason == ""
