"""Where choices were built from: what is read when, what the status remembers, and that no choice waits for it."""

import asyncio
import logging
from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from api.imagepolicy import MAX_SOURCES, ImagePolicy, ImageRef, ImageSource
from api.meta import LocalObjectReference
from controllers.image.reference import Image
from controllers.imagepolicy.provenance import SOURCE_RETRY, merge_sources
from controllers.registry.access import Access
from controllers.registry.errors import Denied, ImageNotFound
from controllers.registry.provenance import Provenance
from controllers.runtime.reconcile.outcome import Retry
from controllers.selection import image_reader
from testing.builders import IMAGE, image_policy, image_repository, scanned
from testing.policy_harness import DIGEST, OLD_DIGEST, V10, V11, PolicyHarness

REPOSITORY = "https://github.com/org/app"
REFLECTING: dict[str, Any] = {"reflect_source": True}
ALWAYS: dict[str, Any] = {**REFLECTING, "digest_reflection_policy": "Always", "interval": "15m"}


def origin(digit: str) -> Provenance:
    return Provenance(REPOSITORY, digit * 40)


def entry(tag: str, digit: str, digest: str = "") -> ImageSource:
    return ImageSource(tag=tag, digest=digest, source=REPOSITORY, revision=digit * 40)


def policy(
    latest: ImageRef | None = None,
    *sources: ImageSource,
    previous: ImageRef | None = None,
    **spec: Any,
) -> ImagePolicy:
    found = image_policy(latest=latest, **(spec or REFLECTING))
    return replace(found, status=replace(found.status, sources=sources, observed_previous_ref=previous))


@pytest.fixture
def described(harness: PolicyHarness) -> PolicyHarness:
    """Build a registry whose images say where they come from."""
    harness.registry.provenances |= {
        "1.0.0": origin("a"),
        "1.1.0": origin("b"),
        DIGEST: origin("c"),
        OLD_DIGEST: origin("d"),
    }
    return harness


async def test_policy_that_does_not_ask_reads_nothing(described: PolicyHarness) -> None:
    await described.reconcile(image_policy(latest=V10))
    assert described.registry.provenance_requests == []
    assert described.run.status.sources == ()


async def test_choice_and_its_source_come_together(described: PolicyHarness) -> None:
    end = await described.reconcile(policy())
    assert described.run.status.latest_ref == V11
    assert described.run.status.sources == (entry("1.1.0", "b"),)
    assert (end.requeue_after, end.warnings) == (None, ())


async def test_new_choice_comes_first_and_nothing_is_read_twice(described: PolicyHarness) -> None:
    await described.reconcile(policy(V10, entry("1.0.0", "a")))
    assert described.run.status.sources == (entry("1.1.0", "b"), entry("1.0.0", "a"))
    assert described.registry.provenance_requests == ["1.1.0"]
    await described.reconcile(replace(policy(), status=described.run.status))
    assert described.registry.provenance_requests == ["1.1.0"]


async def test_choice_that_comes_back_comes_first(described: PolicyHarness) -> None:
    rest = tuple(entry(f"0.{number}.0", "e") for number in range(3))
    await described.reconcile(policy(ImageRef(name=IMAGE, tag="0.0.0"), *rest, entry("1.1.0", "b")))
    assert described.run.status.sources == (entry("1.1.0", "b"), *rest)
    assert described.registry.provenance_requests == []


async def test_digests_of_one_tag_are_two_images(described: PolicyHarness) -> None:
    before = replace(V11, digest=OLD_DIGEST)
    await described.reconcile(policy(before, entry("1.1.0", "d", OLD_DIGEST), **ALWAYS))
    assert described.run.status.sources == (entry("1.1.0", "c", DIGEST), entry("1.1.0", "d", OLD_DIGEST))
    assert described.registry.provenance_requests == [DIGEST]


async def test_choice_of_before_is_read_once_when_it_is_turned_on(described: PolicyHarness) -> None:
    await described.reconcile(policy(V11, previous=V10))
    assert described.run.status.sources == (entry("1.1.0", "b"), entry("1.0.0", "a"))
    await described.reconcile(replace(policy(), status=described.run.status))
    assert sorted(described.registry.provenance_requests) == ["1.0.0", "1.1.0"]


async def test_image_that_was_renamed_begins_anew(described: PolicyHarness) -> None:
    before = ImageRef(name="ghcr.io/org/former", tag="1.0.0")
    await described.reconcile(policy(before, entry("1.0.0", "f")))
    assert described.run.status.observed_previous_ref == before
    assert described.run.status.sources == (entry("1.1.0", "b"),)


@pytest.mark.parametrize(
    "provenances", [pytest.param({"1.1.0": Provenance()}, id="says-nothing"), pytest.param({}, id="is-gone")]
)
async def test_image_that_says_nothing_is_read_once(harness: PolicyHarness, provenances: dict[str, Provenance]) -> None:
    harness.registry.provenances = provenances
    end = await harness.reconcile(policy())
    assert harness.run.status.sources == (ImageSource(tag="1.1.0"),)
    assert (end.requeue_after, end.warnings) == (None, ())
    await harness.reconcile(replace(policy(), status=harness.run.status))
    assert harness.registry.provenance_requests == ["1.1.0"]


async def test_turned_off_nothing_is_left(described: PolicyHarness) -> None:
    await described.reconcile(policy(V11, entry("1.1.0", "b"), reflect_source=False))
    assert described.run.status.sources == ()


async def test_registry_that_refuses_does_not_hold_the_choice_back(
    described: PolicyHarness, caplog: pytest.LogCaptureFixture
) -> None:
    described.registry.provenance_failure = Denied("403 from ghcr.io")
    with caplog.at_level(logging.INFO):
        end = await described.reconcile(policy(V10, entry("1.0.0", "a")))
    assert described.run.status.latest_ref == V11
    assert described.run.status.sources == (entry("1.0.0", "a"),)
    assert end.message == f"Latest image tag for {IMAGE} resolved to 1.1.0 (previously {IMAGE}:1.0.0)"
    assert end.requeue_after == SOURCE_RETRY
    assert end.warnings == (("SourceNotRead", f"failed reading where {IMAGE}:1.1.0 was built from: 403 from ghcr.io"),)
    (line,) = caplog.records
    assert (line.message, vars(line)["error"]) == ("cannot read where an image was built from", "403 from ghcr.io")


async def test_image_that_could_not_be_read_is_tried_again(described: PolicyHarness) -> None:
    described.registry.provenance_failure = Denied("403 from ghcr.io")
    await described.reconcile(policy(V10, entry("1.0.0", "a")))
    described.registry.provenance_failure = None
    end = await described.reconcile(replace(policy(), status=described.run.status))
    assert described.run.status.sources == (entry("1.1.0", "b"), entry("1.0.0", "a"))
    assert (end.requeue_after, end.warnings) == (None, ())


async def test_choice_of_before_that_cannot_be_read_is_no_warning(described: PolicyHarness) -> None:
    described.registry.provenance_failure = Denied("403 from ghcr.io")
    end = await described.reconcile(policy(V11, entry("1.1.0", "b"), previous=V10))
    assert (end.requeue_after, end.warnings) == (None, ())
    assert described.run.status.sources == (entry("1.1.0", "b"),)


async def test_next_try_is_no_later_than_the_digest(described: PolicyHarness) -> None:
    described.registry.provenance_failure = Denied("403 from ghcr.io")
    assert (await described.reconcile(policy(**ALWAYS))).requeue_after == SOURCE_RETRY
    assert (await described.reconcile(policy(**{**ALWAYS, "interval": "1m"}))).requeue_after == timedelta(minutes=1)


async def test_registry_that_does_not_answer_does_not_hold_the_choice_back(
    described: PolicyHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def silence(image: Image, tag: str, digest: str, access: Access, *, timeout: timedelta) -> Provenance:
        await asyncio.Event().wait()
        raise AssertionError(timeout)

    monkeypatch.setattr(described.registry, "read_provenance", silence)
    monkeypatch.setattr(image_reader, "PROVENANCE_TIMEOUT", timedelta(milliseconds=5))
    end = await described.reconcile(policy())
    assert described.run.status.latest_ref == V11
    assert end.warnings[0][1].endswith("no answer within 0.005 s")


async def test_credentials_that_are_missing_do_not_hold_the_choice_back(described: PolicyHarness) -> None:
    pull = LocalObjectReference(name="pull")
    described.put(image_repository(status=scanned(described.revision), secret_ref=pull))
    end = await described.reconcile(policy())
    assert described.run.status.latest_ref == V11
    assert end.warnings[0][1].endswith('secrets "pull" not found')


@pytest.mark.parametrize(
    ("spec", "limit"),
    [
        pytest.param({}, timedelta(seconds=10), id="no-longer-than-a-choice-waits"),
        pytest.param({"timeout": "2s"}, timedelta(seconds=2), id="no-longer-than-its-timeout"),
    ],
)
async def test_image_is_read_as_the_repository_is(
    described: PolicyHarness, monkeypatch: pytest.MonkeyPatch, spec: dict[str, Any], limit: timedelta
) -> None:
    asked: list[tuple[str, str, str, Access, timedelta]] = []

    async def answer(image: Image, tag: str, digest: str, access: Access, *, timeout: timedelta) -> Provenance:
        asked.append((image.name, tag, digest, access, timeout))
        raise ImageNotFound("gone")

    monkeypatch.setattr(described.registry, "read_provenance", answer)
    described.put(image_repository(status=scanned(described.revision), insecure=True, **spec))
    await described.reconcile(policy())
    assert asked == [(IMAGE, "1.1.0", "", Access(insecure=True), limit)]


async def test_failed_run_keeps_what_is_known(described: PolicyHarness) -> None:
    described.registry.failure = Denied("403 from ghcr.io")
    end = await described.fail(Retry, policy(V10, entry("1.0.0", "a"), **ALWAYS))
    assert "failed fetching digest" in end.message
    assert described.run.status.sources == (entry("1.0.0", "a"),)


def test_so_many_are_remembered() -> None:
    entries = [entry(f"1.{number}.0", "a") for number in range(MAX_SOURCES + 2)]
    latest = ImageRef(name=IMAGE, tag="1.11.0")
    assert merge_sources([latest], entries) == (entries[-1], *entries[: MAX_SOURCES - 1])
