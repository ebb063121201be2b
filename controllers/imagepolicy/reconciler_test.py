"""One pass over an ImagePolicy: what is chosen, what is recorded, and what each obstacle becomes."""

from typing import Any

import pytest
from msgspec.structs import replace

from api.imagepolicy import (
    AlphabeticalPolicy,
    ImagePolicyChoice,
    ImagePolicyStatus,
    ImageRef,
    NumericalPolicy,
    SemverPolicy,
    TagFilter,
)
from api.imagerepository import ImageRepositoryStatus
from api.meta import AccessFrom, NamespaceSelector
from controllers.runtime.key import Key, key_of
from controllers.runtime.kube.errors import Unreachable
from controllers.runtime.reconcile.outcome import Ready, Retry, Stalled, Waiting
from controllers.taglist.scan import INLINE_TAGS
from testing.builders import IMAGE, image_policy, image_repository, scanned
from testing.policy_harness import APP, TAGS, V10, V11, PolicyHarness

REFERRED_PREFIX = "failed to get the referred ImageRepository: "


async def test_choice_is_recorded_and_reported(harness: PolicyHarness) -> None:
    end = await harness.reconcile()
    assert end == Ready(f"Latest image tag for {IMAGE} resolved to 1.1.0", requeue_after=None)
    status = replace(harness.run.status, selection=None)
    assert status == ImagePolicyStatus(latest_ref=V11, latest_image=f"{IMAGE}:1.1.0")
    assert (harness.lists.reads, harness.registry.digest_requests) == ([(APP, harness.revision)], [])


async def test_same_choice_changes_no_fact(harness: PolicyHarness) -> None:
    await harness.reconcile()
    before = harness.run.status
    await harness.reconcile(replace(image_policy(), status=before))
    assert harness.run.status == before
    assert len(harness.lists.reads) == 1


async def test_new_choice_keeps_the_one_before(harness: PolicyHarness) -> None:
    end = await harness.reconcile(image_policy(latest=V10))
    assert end.message == f"Latest image tag for {IMAGE} resolved to 1.1.0 (previously {IMAGE}:1.0.0)"
    status = harness.run.status
    assert (status.latest_ref, status.observed_previous_ref) == (V11, V10)
    assert (status.latest_image, status.observed_previous_image) == (f"{IMAGE}:1.1.0", f"{IMAGE}:1.0.0")


async def test_previous_choice_stays_reported_until_the_next(harness: PolicyHarness) -> None:
    first = await harness.reconcile(image_policy(latest=V10))
    assert await harness.reconcile(replace(image_policy(), status=harness.run.status)) == first


async def test_previous_choice_that_is_the_present_one_is_not_reported(harness: PolicyHarness) -> None:
    status = ImagePolicyStatus(latest_ref=V11, observed_previous_ref=V11)
    end = await harness.reconcile(replace(image_policy(), status=status))
    assert end.message == f"Latest image tag for {IMAGE} resolved to 1.1.0"


async def test_choice_made_by_flux_gets_its_old_form_too(harness: PolicyHarness) -> None:
    await harness.reconcile(image_policy(latest=V11))
    status = replace(harness.run.status, selection=None)
    assert status == ImagePolicyStatus(latest_ref=V11, latest_image=f"{IMAGE}:1.1.0")


async def test_name_is_the_image_as_the_repository_spells_it() -> None:
    harness = PolicyHarness(*TAGS)
    status = scanned(harness.revision, image="index.docker.io/library/alpine")
    harness.put(image_repository(image="alpine", status=status))
    end = await harness.reconcile()
    assert end.message == "Latest image tag for alpine resolved to 1.1.0"


@pytest.mark.parametrize(
    ("choice", "tag"),
    [
        pytest.param(ImagePolicyChoice(semver=SemverPolicy(range=">=1.0.0")), "20.0.0", id="semver"),
        pytest.param(ImagePolicyChoice(alphabetical=AlphabeticalPolicy()), "3.0.0", id="alphabetical"),
        pytest.param(ImagePolicyChoice(alphabetical=AlphabeticalPolicy(order="desc")), "1.0.0", id="descending"),
        pytest.param(
            ImagePolicyChoice(semver=SemverPolicy(range="1.x"), alphabetical=AlphabeticalPolicy()),
            "1.0.0",
            id="semver-goes-before-alphabetical",
        ),
        pytest.param(
            ImagePolicyChoice(alphabetical=AlphabeticalPolicy(), numerical=NumericalPolicy()),
            "3.0.0",
            id="alphabetical-goes-before-numerical",
        ),
    ],
)
async def test_policy_in_force(choice: ImagePolicyChoice, tag: str) -> None:
    harness = PolicyHarness("1.0.0", "20.0.0", "3.0.0")
    await harness.reconcile(image_policy(policy=choice))
    assert harness.run.status.latest_ref == ImageRef(name=IMAGE, tag=tag)


async def test_filter_ranks_what_it_extracts() -> None:
    harness = PolicyHarness("main-9-a", "main-10-b", "dev-99-c")
    numerical = ImagePolicyChoice(numerical=NumericalPolicy())
    tag_filter = TagFilter(pattern=r"^main-(\d+)-", extract="$1")
    await harness.reconcile(image_policy(policy=numerical, filter_tags=tag_filter))
    assert harness.run.status.latest_ref == ImageRef(name=IMAGE, tag="main-10-b")


async def test_long_list_is_chosen_from_too() -> None:
    harness = PolicyHarness(*(f"1.0.{number}" for number in range(INLINE_TAGS + 1)))
    await harness.reconcile()
    assert harness.run.status.latest_ref == ImageRef(name=IMAGE, tag=f"1.0.{INLINE_TAGS}")


# Obstacles.


async def test_reference_across_namespaces_that_is_blocked() -> None:
    harness = PolicyHarness(*TAGS, cross_namespace=False)
    harness.put(
        image_repository(namespace="images", access_from=AccessFrom(namespace_selectors=(NamespaceSelector(),)))
    )
    assert await harness.end(image_policy(repository_namespace="images")) == Retry(
        "AccessDenied",
        f"{REFERRED_PREFIX}cannot access 'ImageRepository/images/app', cross-namespace references have been blocked",
    )
    assert (await harness.reconcile(image_policy(repository_namespace="apps"))).message.endswith("resolved to 1.1.0")


async def test_a_repository_that_the_cache_has_not_received_yet_is_not_reported_missing(harness: PolicyHarness) -> None:
    late = image_repository("other", status=scanned(harness.lists.put(Key("apps", "other"), "1.2.0")))
    harness.repositories.late[key_of(late)] = late
    assert (await harness.reconcile(image_policy(repository="other"))).message.endswith("resolved to 1.2.0")


async def test_repository_that_is_not_there_is_waited_for(harness: PolicyHarness) -> None:
    assert await harness.end(image_policy(repository="other")) == Waiting(
        "DependencyNotReady",
        f"{REFERRED_PREFIX}referenced ImageRepository does not exist: "
        'ImageRepository.image.toolkit.fluxcd.io "other" not found',
    )


@pytest.mark.parametrize(
    ("access_from", "fault"),
    [
        pytest.param(None, "due to missing ACL labels on 'accessFrom'", id="nobody-allowed"),
        pytest.param(
            AccessFrom(namespace_selectors=(NamespaceSelector(match_labels={"team": "b"}),)),
            "due to ACL labels mismatch on namespace 'apps'",
            id="others-allowed",
        ),
    ],
)
async def test_access_denied_waits_for_labels(
    harness: PolicyHarness, access_from: AccessFrom | None, fault: str
) -> None:
    harness.labels["apps"] = {"team": "a"}
    harness.put(image_repository(namespace="images", access_from=access_from))
    assert await harness.end(image_policy(repository_namespace="images")) == Waiting(
        "AccessDenied", f"{REFERRED_PREFIX}access denied: 'images/app' can't be accessed {fault}"
    )


async def test_access_by_the_labels_of_the_policys_namespace(harness: PolicyHarness) -> None:
    harness.labels["apps"] = {"team": "a"}
    selector = NamespaceSelector(match_labels={"team": "a"})
    key = Key("images", "app")
    revision = harness.lists.put(key, "1.2.0")
    access_from = AccessFrom(namespace_selectors=(selector,))
    harness.put(image_repository(namespace="images", access_from=access_from, status=scanned(revision)))
    await harness.reconcile(image_policy(repository_namespace="images"))
    assert harness.run.status.latest_ref == ImageRef(name=IMAGE, tag="1.2.0")
    assert harness.lists.reads == [(key, revision)]


@pytest.mark.parametrize(
    "status",
    [
        pytest.param(ImageRepositoryStatus(), id="never-scanned"),
        pytest.param(scanned(image="ghcr.io/org/before"), id="scanned-for-another-image"),
    ],
)
async def test_repository_without_a_scan_of_its_present_image_is_waited_for_in_silence(
    harness: PolicyHarness, status: ImageRepositoryStatus
) -> None:
    harness.put(image_repository(status=status))
    assert await harness.end(image_policy(latest=V10)) == Waiting(
        "DependencyNotReady",
        f"waiting for ImageRepository 'apps/app' to scan {IMAGE}; its own status tells how that goes",
        warn=False,
    )
    assert harness.run.status.latest_ref == V10
    assert harness.lists.reads == []


async def test_tags_that_are_not_stored_are_waited_for_in_silence(harness: PolicyHarness) -> None:
    key = Key("apps", "bare")
    harness.put(image_repository("bare", status=scanned()))
    assert await harness.end(image_policy(repository="bare")) == Waiting(
        "DependencyNotReady",
        f"waiting for a new scan: no whole tag list is stored for ImageRepository {key}",
        warn=False,
    )


async def test_repository_without_tags_is_waited_for() -> None:
    assert await PolicyHarness().end() == Waiting(
        "DependencyNotReady", "no tags in database: ImageRepository 'apps/app' found none"
    )


async def test_repository_whose_tags_are_all_excluded_says_so() -> None:
    assert await PolicyHarness("1.0.sig", "2.0.sig").end() == Waiting(
        "DependencyNotReady",
        "no tags in database: ImageRepository 'apps/app' found none besides 2 that its exclusionList leaves out",
    )


async def test_api_that_does_not_answer_is_asked_again(harness: PolicyHarness) -> None:
    harness.lists.failure = Unreachable("get imagetaglists apps/app-tags-0", "connection refused")
    assert await harness.end() == Retry(
        "Failure", "failed to read tags of ImageRepository 'apps/app': connection refused"
    )


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        pytest.param(
            {"policy": ImagePolicyChoice(semver=SemverPolicy(range="5.x"))},
            "unable to determine latest version from provided list",
            id="nothing-in-range",
        ),
        pytest.param(
            {"filter_tags": TagFilter(pattern="^v")},
            "version list argument cannot be empty",
            id="nothing-passes-filter",
        ),
        pytest.param(
            {"policy": ImagePolicyChoice(numerical=NumericalPolicy())},
            "failed to parse invalid numeric value '2.0.0'",
            id="not-a-number",
        ),
    ],
)
async def test_tags_that_do_not_fit_wait_for_others_and_keep_the_last_choice(
    harness: PolicyHarness, spec: dict[str, Any], message: str
) -> None:
    assert await harness.end(image_policy(latest=V10, **spec)) == Waiting("Failure", message)
    assert harness.run.status.latest_ref == V10


STALLS = [
    pytest.param(
        {"policy": ImagePolicyChoice()},
        "InvalidPolicy",
        "invalid policy: given ImagePolicyChoice object is invalid",
        id="no-policy",
    ),
    pytest.param(
        {"policy": ImagePolicyChoice(semver=SemverPolicy(range="new"))},
        "InvalidPolicy",
        'invalid policy: improper constraint: "new"',
        id="bad-range",
    ),
    pytest.param(
        {"policy": ImagePolicyChoice(alphabetical=AlphabeticalPolicy(order="up"))},
        "InvalidPolicy",
        "invalid policy: invalid order argument provided: 'UP', must be one of: ASC, DESC",
        id="bad-order",
    ),
    pytest.param(
        {"filter_tags": TagFilter(pattern="(")},
        "InvalidPolicy",
        "failed to filter tags: invalid regular expression pattern '(': error parsing regexp: missing closing ): `(`",
        id="bad-pattern",
    ),
    pytest.param(
        {"digest_reflection_policy": "Always"},
        "IntervalNotConfigured",
        "spec.interval must be set when spec.digestReflectionPolicy is set to 'Always'",
        id="always-without-interval",
    ),
    pytest.param(
        {"policy": ImagePolicyChoice(semver=SemverPolicy(range="*"), min_age="9999999h")},
        "InvalidDuration",
        "read duration '9999999h': it is longer than 292 years",
        id="age-beyond-all-bounds",
    ),
]


@pytest.mark.parametrize(("spec", "reason", "message"), STALLS)
@pytest.mark.parametrize("is_scanned", [pytest.param(True, id="scanned"), pytest.param(False, id="not-scanned-yet")])
async def test_spec_that_cannot_work_stalls(
    harness: PolicyHarness, spec: dict[str, Any], reason: str, message: str, is_scanned: bool
) -> None:
    if not is_scanned:
        harness.put(image_repository())
    end = await harness.fail(Stalled, image_policy(latest=V10, **spec))
    assert (end.reason, end.message) == (reason, message)
    assert harness.run.status.latest_ref == V10


async def test_image_that_is_none_stalls_its_policies(harness: PolicyHarness) -> None:
    harness.put(image_repository(image="https://ghcr.io/org/app"))
    end = await harness.fail(Stalled)
    assert (end.reason, end.message) == (
        "ImageURLInvalid",
        "image 'https://ghcr.io/org/app' should not include URL scheme; remove 'https://'",
    )
