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
from controllers.imagepolicy import image_reader
from controllers.imagepolicy.provenance import SOURCE_RETRY, merge_sources
from controllers.registry.access import Access
from controllers.registry.errors import Denied, ImageNotFound
from controllers.registry.provenance import Provenance
from controllers.runtime.reconcile.run import NotReady
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
def known(harness: PolicyHarness) -> PolicyHarness:
    """A registry whose images tell where they come from."""
    harness.registry.origins |= {
        "1.0.0": origin("a"),
        "1.1.0": origin("b"),
        DIGEST: origin("c"),
        OLD_DIGEST: origin("d"),
    }
    return harness


async def test_policy_that_does_not_ask_reads_nothing(known: PolicyHarness) -> None:
    await known.reconcile(image_policy(latest=V10))
    assert known.registry.origin_requests == []
    assert known.run.status.sources == ()


async def test_choice_and_its_source_come_together(known: PolicyHarness) -> None:
    end = await known.reconcile(policy())
    assert known.run.status.latest_ref == V11
    assert known.run.status.sources == (entry("1.1.0", "b"),)
    assert (end.after, end.warnings) == (None, ())


async def test_new_choice_goes_in_front_and_nothing_known_is_read_again(known: PolicyHarness) -> None:
    await known.reconcile(policy(V10, entry("1.0.0", "a")))
    assert known.run.status.sources == (entry("1.1.0", "b"), entry("1.0.0", "a"))
    assert known.registry.origin_requests == ["1.1.0"]
    await known.reconcile(replace(policy(), status=known.run.status))
    assert known.registry.origin_requests == ["1.1.0"]


async def test_choice_that_comes_back_goes_in_front(known: PolicyHarness) -> None:
    rest = tuple(entry(f"0.{number}.0", "e") for number in range(3))
    await known.reconcile(policy(ImageRef(name=IMAGE, tag="0.0.0"), *rest, entry("1.1.0", "b")))
    assert known.run.status.sources == (entry("1.1.0", "b"), *rest)
    assert known.registry.origin_requests == []


async def test_digests_of_one_tag_are_two_images(known: PolicyHarness) -> None:
    before = replace(V11, digest=OLD_DIGEST)
    await known.reconcile(policy(before, entry("1.1.0", "d", OLD_DIGEST), **ALWAYS))
    assert known.run.status.sources == (entry("1.1.0", "c", DIGEST), entry("1.1.0", "d", OLD_DIGEST))
    assert known.registry.origin_requests == [DIGEST]


async def test_choice_of_before_is_read_once_when_it_is_turned_on(known: PolicyHarness) -> None:
    await known.reconcile(policy(V11, previous=V10))
    assert known.run.status.sources == (entry("1.1.0", "b"), entry("1.0.0", "a"))
    await known.reconcile(replace(policy(), status=known.run.status))
    assert sorted(known.registry.origin_requests) == ["1.0.0", "1.1.0"]


async def test_image_that_was_renamed_begins_anew(known: PolicyHarness) -> None:
    before = ImageRef(name="ghcr.io/org/former", tag="1.0.0")
    await known.reconcile(policy(before, entry("1.0.0", "f")))
    assert known.run.status.observed_previous_ref == before
    assert known.run.status.sources == (entry("1.1.0", "b"),)


@pytest.mark.parametrize(
    "told", [pytest.param({"1.1.0": Provenance()}, id="tells-nothing"), pytest.param({}, id="is-gone")]
)
async def test_image_that_tells_nothing_is_read_once(harness: PolicyHarness, told: dict[str, Provenance]) -> None:
    harness.registry.origins = told
    end = await harness.reconcile(policy())
    assert harness.run.status.sources == (ImageSource(tag="1.1.0"),)
    assert (end.after, end.warnings) == (None, ())
    await harness.reconcile(replace(policy(), status=harness.run.status))
    assert harness.registry.origin_requests == ["1.1.0"]


async def test_turned_off_nothing_is_left(known: PolicyHarness) -> None:
    await known.reconcile(policy(V11, entry("1.1.0", "b"), reflect_source=False))
    assert known.run.status.sources == ()


async def test_registry_that_refuses_does_not_hold_the_choice_back(
    known: PolicyHarness, caplog: pytest.LogCaptureFixture
) -> None:
    known.registry.origin_failure = Denied("403 from ghcr.io")
    with caplog.at_level(logging.INFO):
        end = await known.reconcile(policy(V10, entry("1.0.0", "a")))
    assert known.run.status.latest_ref == V11
    assert known.run.status.sources == (entry("1.0.0", "a"),)
    assert end.message == f"Latest image tag for {IMAGE} resolved to 1.1.0 (previously {IMAGE}:1.0.0)"
    assert end.after == SOURCE_RETRY
    assert end.warnings == (("SourceNotRead", f"failed reading where {IMAGE}:1.1.0 was built from: 403 from ghcr.io"),)
    (line,) = caplog.records
    assert (line.message, vars(line)["error"]) == ("cannot read where an image was built from", "403 from ghcr.io")


async def test_image_that_could_not_be_read_is_tried_again(known: PolicyHarness) -> None:
    known.registry.origin_failure = Denied("403 from ghcr.io")
    await known.reconcile(policy(V10, entry("1.0.0", "a")))
    known.registry.origin_failure = None
    end = await known.reconcile(replace(policy(), status=known.run.status))
    assert known.run.status.sources == (entry("1.1.0", "b"), entry("1.0.0", "a"))
    assert (end.after, end.warnings) == (None, ())


async def test_choice_of_before_that_cannot_be_read_is_no_warning(known: PolicyHarness) -> None:
    known.registry.origin_failure = Denied("403 from ghcr.io")
    end = await known.reconcile(policy(V11, entry("1.1.0", "b"), previous=V10))
    assert (end.after, end.warnings) == (None, ())
    assert known.run.status.sources == (entry("1.1.0", "b"),)


async def test_next_try_is_no_later_than_the_digest(known: PolicyHarness) -> None:
    known.registry.origin_failure = Denied("403 from ghcr.io")
    assert (await known.reconcile(policy(**ALWAYS))).after == SOURCE_RETRY
    assert (await known.reconcile(policy(**{**ALWAYS, "interval": "1m"}))).after == timedelta(minutes=1)


async def test_registry_that_does_not_answer_does_not_hold_the_choice_back(
    known: PolicyHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def silence(image: Image, tag: str, digest: str, access: Access, *, timeout: timedelta) -> Provenance:
        await asyncio.Event().wait()
        raise AssertionError(timeout)

    monkeypatch.setattr(known.registry, "read_provenance", silence)
    monkeypatch.setattr(image_reader, "ORIGIN_TIMEOUT", timedelta(milliseconds=5))
    end = await known.reconcile(policy())
    assert known.run.status.latest_ref == V11
    assert end.warnings[0][1].endswith("no answer within 0.005 s")


async def test_credentials_that_are_missing_do_not_hold_the_choice_back(known: PolicyHarness) -> None:
    pull = LocalObjectReference(name="pull")
    known.put(image_repository(status=scanned(known.revision), secret_ref=pull))
    end = await known.reconcile(policy())
    assert known.run.status.latest_ref == V11
    assert end.warnings[0][1].endswith('secrets "pull" not found')


@pytest.mark.parametrize(
    ("spec", "limit"),
    [
        pytest.param({}, timedelta(seconds=10), id="no-longer-than-a-choice-waits"),
        pytest.param({"timeout": "2s"}, timedelta(seconds=2), id="no-longer-than-its-timeout"),
    ],
)
async def test_image_is_read_as_the_repository_is(
    known: PolicyHarness, monkeypatch: pytest.MonkeyPatch, spec: dict[str, Any], limit: timedelta
) -> None:
    asked: list[tuple[str, str, str, Access, timedelta]] = []

    async def answer(image: Image, tag: str, digest: str, access: Access, *, timeout: timedelta) -> Provenance:
        asked.append((image.name, tag, digest, access, timeout))
        raise ImageNotFound("gone")

    monkeypatch.setattr(known.registry, "read_provenance", answer)
    known.put(image_repository(status=scanned(known.revision), insecure=True, **spec))
    await known.reconcile(policy())
    assert asked == [(IMAGE, "1.1.0", "", Access(insecure=True), limit)]


async def test_failed_run_keeps_what_is_known(known: PolicyHarness) -> None:
    known.registry.failure = Denied("403 from ghcr.io")
    with pytest.raises(NotReady, match="failed fetching digest"):
        await known.reconcile(policy(V10, entry("1.0.0", "a"), **ALWAYS))
    assert known.run.status.sources == (entry("1.0.0", "a"),)


def test_so_many_are_remembered() -> None:
    entries = [entry(f"1.{number}.0", "a") for number in range(MAX_SOURCES + 2)]
    latest = ImageRef(name=IMAGE, tag="1.11.0")
    assert merge_sources([latest], entries) == (entries[-1], *entries[: MAX_SOURCES - 1])
