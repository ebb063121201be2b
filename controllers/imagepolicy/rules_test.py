"""`controllers.imagepolicy`: rules beyond Flux's in a run, from spec to choice, and when the next run is due."""

from datetime import timedelta
from typing import Any

from msgspec.structs import replace

from api.imagepolicy import (
    ALWAYS,
    AlphabeticalPolicy,
    Candidate,
    DenyRule,
    ImagePolicy,
    ImagePolicyChoice,
    ImageRef,
    NewestPolicy,
    RefusedTags,
    SelectionStatus,
    SemverPolicy,
)
from controllers.registry.errors import Denied
from controllers.registry.inspection import Inspection
from controllers.runtime.reconcile.outcome import Retry, Stalled, Waiting
from testing.builders import IMAGE, image_policy, image_repository, scanned
from testing.clock import START
from testing.policy_harness import APP, DIGEST, OLD_DIGEST, PolicyHarness

SEMVER = SemverPolicy(range="*")
HOUR = timedelta(hours=1)


def policy(latest: str = "", *, digest: str = "", spec: dict[str, Any] | None = None, **choice: Any) -> ImagePolicy:
    """Build a policy that takes the greatest version, with these rules."""
    ref = ImageRef(name=IMAGE, tag=latest, digest=digest) if latest else None
    ranked = choice if choice.keys() & {"newest", "keys", "alphabetical"} else {"semver": SEMVER, **choice}
    return image_policy(latest=ref, policy=ImagePolicyChoice(**ranked), **(spec or {}))


def chosen(harness: PolicyHarness) -> str:
    latest = harness.run.status.latest_ref
    assert latest is not None
    return latest.tag


async def test_reasons_are_reported_in_status() -> None:
    harness = PolicyHarness("1.0.0", "1.1.0", "2.0.0", "latest", "2.1.0-rc.1")
    await harness.reconcile()
    assert harness.run.status.selection == SelectionStatus(
        tag="1.1.0",
        tag_count=5,
        refused=(
            RefusedTags(reason="OutOfRange", count=2),
            RefusedTags(reason="NotAVersion", count=1),
            RefusedTags(reason="Outranked", count=1),
        ),
        candidates=(
            Candidate(tag="2.1.0-rc.1", reason="OutOfRange", message="is outside the range"),
            Candidate(tag="2.0.0", reason="OutOfRange", message="is outside the range"),
            Candidate(tag="1.0.0", reason="Outranked", message="ranks below the chosen tag"),
            Candidate(tag="latest", reason="NotAVersion", message="is not a semantic version"),
        ),
    )


async def test_tags_on_the_exclusion_list_are_among_the_reasons() -> None:
    harness = PolicyHarness("1.0.0", "1.0.0.sig", "1.1.0.sig")
    await harness.reconcile()
    selection = harness.run.status.selection
    assert selection is not None
    assert (selection.tag_count, selection.refused) == (1, (RefusedTags(reason="Excluded", count=2),))
    counted = harness.metrics.get_sample_value("tagline_policy_refused_tags_total", {"reason": "Excluded"})
    assert counted == 2


async def test_numbers_alone_do_not_change_the_status() -> None:
    many = [f"0.{number}.0" for number in range(10)]
    harness = PolicyHarness("1.0.0", "latest", *many)
    await harness.reconcile()
    before = harness.run.status
    harness.put(image_repository(status=scanned(harness.lists.put(APP, "1.0.0", "latest", "nightly", *many))))
    await harness.reconcile(replace(image_policy(), status=before))
    assert harness.run.status == before
    harness.put(image_repository(status=scanned(harness.lists.put(APP, "1.0.0", "3.0.0", *many))))
    await harness.reconcile(replace(image_policy(), status=before))
    selection = harness.run.status.selection
    assert selection is not None
    assert (selection.candidates[0].tag, selection.tag_count) == ("3.0.0", 12)


async def test_reasons_are_reported_of_a_failure_too() -> None:
    harness = PolicyHarness("2.0.0")
    end = await harness.fail(Waiting)
    assert end.message == "unable to determine latest version from provided list"
    selection = harness.run.status.selection
    assert selection is not None
    assert (selection.tag, selection.candidates[0].reason) == ("", "OutOfRange")


async def test_choices_and_refusals_are_counted() -> None:
    harness = PolicyHarness("1.0.0", "latest")
    await harness.reconcile()
    await harness.reconcile(policy("1.1.0", allow_downgrade=False))
    await harness.fail(Waiting, policy(deny=(DenyRule(pattern="."),)))
    value = harness.metrics.get_sample_value
    outcomes = [value("tagline_policy_choices_total", {"outcome": name}) for name in ("chosen", "kept", "none")]
    assert outcomes == [1, 1, 1]
    assert value("tagline_policy_refused_tags_total", {"reason": "NotAVersion"}) == 2
    assert value("tagline_policy_refused_tags_total", {"reason": "Denied"}) == 2
    assert value("tagline_policy_refused_tags_total", {"reason": "TooYoung"}) == 0


async def test_run_is_due_when_the_next_candidate_is_old_enough() -> None:
    harness = PolicyHarness("1.0.0")
    ages = {"1.1.0": int((START - HOUR).timestamp()), "1.2.0": int((START - 2 * HOUR).timestamp())}
    harness.put(image_repository(status=scanned(harness.lists.put(APP, "1.0.0", *ages, first_seen=ages))))
    end = await harness.reconcile(policy(min_age="72h"))
    assert (chosen(harness), end.requeue_after) == ("1.0.0", 70 * HOUR)
    selection = harness.run.status.selection
    assert selection is not None
    assert selection.next_candidate_at == START + 70 * HOUR
    end = await harness.reconcile(policy(min_age="72h"), now=START + 70 * HOUR)
    assert (chosen(harness), end.requeue_after) == ("1.2.0", HOUR)


async def test_digest_may_be_due_before_the_next_candidate() -> None:
    harness = PolicyHarness("1.0.0")
    ages = {"1.1.0": int(START.timestamp())}
    harness.put(image_repository(status=scanned(harness.lists.put(APP, "1.0.0", *ages, first_seen=ages))))
    spec = {"digest_reflection_policy": ALWAYS, "interval": "5m"}
    assert (await harness.reconcile(policy(min_age="1h", spec=spec))).requeue_after == timedelta(minutes=5)


async def test_without_a_choice_the_policy_waits_until_a_tag_is_old_enough() -> None:
    harness = PolicyHarness()
    ages = {"1.1.0": int(START.timestamp())}
    harness.put(image_repository(status=scanned(harness.lists.put(APP, *ages, first_seen=ages))))
    end = await harness.fail(Waiting, policy(min_age="1h"))
    assert end.requeue_after == HOUR
    assert end.message == "version list argument cannot be empty; left out by rules: 1 TooYoung"


async def test_deleted_tag_does_not_roll_back_and_is_not_asked_for() -> None:
    harness = PolicyHarness("1.0.0")
    spec = {"digest_reflection_policy": ALWAYS, "interval": "5m"}
    end = await harness.reconcile(policy("1.1.0", digest=OLD_DIGEST, spec=spec, allow_downgrade=False))
    assert harness.run.status.latest_ref == ImageRef(name=IMAGE, tag="1.1.0", digest=OLD_DIGEST)
    assert end.message == (
        f"Latest image tag for {IMAGE} resolved to 1.1.0 with digest {OLD_DIGEST}; 1.0.0 would be a downgrade"
    )
    assert harness.registry.digest_requests == []
    selection = harness.run.status.selection
    assert selection is not None
    assert selection.candidates == (Candidate(tag="1.0.0", reason="Downgrade", message="would be a downgrade"),)


async def test_choice_of_another_image_is_no_downgrade() -> None:
    harness = PolicyHarness("1.0.0")
    before = policy("1.1.0", allow_downgrade=False)
    moved = replace(before, status=replace(before.status, latest_ref=ImageRef(name="ghcr.io/org/old", tag="1.1.0")))
    await harness.reconcile(moved)
    assert chosen(harness) == "1.0.0"


async def test_images_are_read_for_required_platforms() -> None:
    harness = PolicyHarness("1.0.0", "1.1.0", "1.2.0")
    harness.registry.images = {
        "1.2.0": Inspection(frozenset({"linux/amd64"}), None),
        "1.1.0": Inspection(frozenset({"linux/amd64", "linux/arm64"}), None),
    }
    await harness.reconcile(policy(platforms=("linux/arm64",), spec={"digest_reflection_policy": "IfNotPresent"}))
    assert harness.run.status.latest_ref == ImageRef(name=IMAGE, tag="1.1.0", digest=DIGEST)
    assert harness.registry.inspected == ["1.2.0", "1.1.0"]


async def test_image_that_is_gone_is_passed_over() -> None:
    harness = PolicyHarness("1.0.0", "1.1.0")
    harness.registry.images = {"1.0.0": Inspection(frozenset({"linux/arm64"}), None)}
    await harness.reconcile(policy(platforms=("linux/arm64",)))
    assert chosen(harness) == "1.0.0"


async def test_images_are_read_for_their_build_dates() -> None:
    harness = PolicyHarness("a", "b")
    harness.registry.images = {"a": Inspection(frozenset(), START), "b": Inspection(frozenset(), START - HOUR)}
    await harness.reconcile(policy(newest=NewestPolicy(by="BuildDate")))
    assert chosen(harness) == "a"


async def test_images_that_cannot_be_read_fail_the_run() -> None:
    harness = PolicyHarness("1.0.0")
    harness.registry.failure = Denied("HEAD x: UNAUTHORIZED")
    end = await harness.fail(Retry, policy(platforms=("linux/arm64",)))
    assert end.message == f"failed reading images of {IMAGE}: HEAD x: UNAUTHORIZED"


async def test_invalid_rule_stalls_also_before_the_first_scan() -> None:
    harness = PolicyHarness()
    harness.put(image_repository())
    end = await harness.fail(Stalled, policy(deny=(DenyRule(pattern="("),)))
    assert end.message.startswith("invalid policy: deny pattern '('")


async def test_newest_by_first_sight() -> None:
    harness = PolicyHarness("b")
    harness.put(image_repository(status=scanned(harness.lists.put(APP, "a", "b", first_seen={"a": 5}))))
    await harness.reconcile(policy(newest=NewestPolicy(by="FirstSeen")))
    assert chosen(harness) == "a"


async def test_what_flux_ignores_does_not_overrule_what_it_knows() -> None:
    harness = PolicyHarness("a", "b")
    await harness.reconcile(policy(alphabetical=AlphabeticalPolicy(), newest=NewestPolicy(by="BuildDate")))
    assert chosen(harness) == "b"
