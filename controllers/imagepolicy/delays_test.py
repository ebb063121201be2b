"""`controllers.imagepolicy`: how long it took from the scan that found a tag to its choice, and which choices count."""

from datetime import timedelta

import pytest
from msgspec.structs import replace

from api.imagepolicy import ImagePolicy, ImagePolicyStatus, ImageRef, SemverPolicy
from testing.builders import image_policy, image_repository, scanned
from testing.clock import START
from testing.policy_harness import APP, V10, V11, PolicyHarness

LATER = START + timedelta(seconds=40)


@pytest.fixture
def found() -> PolicyHarness:
    """One whose tag 1.1.0 was found at START, after the others."""
    harness = PolicyHarness()
    times = {"1.0.0": None, "1.1.0": int(START.timestamp()), "2.0.0": None}
    revision = harness.lists.put(APP, *times, first_seen=times)
    harness.put(image_repository(status=scanned(revision)))
    return harness


def count(harness: PolicyHarness, sample: str = "count", *, min_age: str = "false") -> float | None:
    return harness.metrics.get_sample_value(f"tagline_first_seen_to_chosen_seconds_{sample}", {"min_age": min_age})


async def test_new_choice_is_timed_from_the_scan_that_found_its_tag(found: PolicyHarness) -> None:
    await found.reconcile(image_policy(latest=V10), now=LATER)
    assert (count(found), count(found, "sum")) == (1, 40)
    assert found.run.status.selection
    assert found.run.status.selection.first_seen == START


async def test_choice_that_stays_is_not_timed_again_and_changes_no_fact(found: PolicyHarness) -> None:
    await found.reconcile(image_policy(latest=V10), now=LATER)
    status = found.run.status
    await found.reconcile(replace(image_policy(), status=status), now=LATER + timedelta(days=1))
    assert (count(found), found.run.status) == (1, status)


@pytest.mark.parametrize(
    ("policy", "facts"),
    [
        pytest.param(image_policy(), {}, id="first-choice"),
        pytest.param(image_policy(latest=V10), {"new_generation": True}, id="edited-policy"),
    ],
)
async def test_choice_with_another_cause_is_not_timed(
    found: PolicyHarness, policy: ImagePolicy, facts: dict[str, bool]
) -> None:
    await found.reconcile(policy, now=LATER, **facts)
    assert found.run.status.latest_ref == V11
    assert count(found) == 0
    assert found.run.status.selection
    assert found.run.status.selection.first_seen is None


async def test_choice_whose_predecessor_is_gone_is_not_timed(found: PolicyHarness) -> None:
    gone = ImageRef(name=V10.name, tag="1.2.0")
    await found.reconcile(image_policy(latest=gone), now=LATER)
    assert found.run.status.latest_ref == V11
    await found.reconcile(replace(image_policy(), status=found.run.status), now=LATER)
    assert count(found) == 0
    assert found.run.status.selection
    assert found.run.status.selection.first_seen is None


async def test_choices_that_a_minimum_age_held_back_are_apart(found: PolicyHarness) -> None:
    policy = image_policy(latest=V10)
    aged = replace(policy.spec.policy, semver=SemverPolicy(range="1.x"), min_age="30s")
    await found.reconcile(replace(policy, spec=replace(policy.spec, policy=aged)), now=LATER)
    assert (count(found), count(found, min_age="true")) == (0, 1)


async def test_status_of_a_former_version_is_not_written_anew(found: PolicyHarness) -> None:
    await found.reconcile(image_policy(latest=V11), now=LATER)
    selection = found.run.status.selection
    assert selection
    before = ImagePolicyStatus(latest_ref=V11, latest_image="x", selection=replace(selection, first_seen=None))
    await found.reconcile(replace(image_policy(), status=before), now=LATER)
    assert found.run.status.selection == before.selection
