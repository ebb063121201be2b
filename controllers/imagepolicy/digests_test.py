"""`controllers.imagepolicy.reconciler`: when it reads a digest, and what it does with it."""

from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from api.imagepolicy import ImageRef
from api.meta import LocalObjectReference
from controllers.registry.access import Access
from controllers.registry.errors import Denied, Throttled
from controllers.runtime.reconcile.outcome import SECRET_RETRY, Retry
from testing.builders import IMAGE, image_policy, image_repository, scanned
from testing.policy_harness import DIGEST, OLD_DIGEST, V10, V11, PolicyHarness

PULL = LocalObjectReference(name="pull")
ALWAYS: dict[str, Any] = {"digest_reflection_policy": "Always", "interval": "15m"}
IF_NOT_PRESENT: dict[str, Any] = {"digest_reflection_policy": "IfNotPresent"}
WITH_DIGEST = replace(V11, digest=OLD_DIGEST)


@pytest.mark.parametrize(
    ("spec", "latest", "digest", "asked"),
    [
        pytest.param({}, WITH_DIGEST, "", 0, id="never"),
        pytest.param(ALWAYS, None, DIGEST, 1, id="always-first"),
        pytest.param(ALWAYS, WITH_DIGEST, DIGEST, 1, id="always-again"),
        pytest.param(IF_NOT_PRESENT, None, DIGEST, 1, id="if-not-present-first"),
        pytest.param(IF_NOT_PRESENT, V11, DIGEST, 1, id="if-not-present-without-digest"),
        pytest.param(IF_NOT_PRESENT, WITH_DIGEST, OLD_DIGEST, 0, id="if-not-present-known"),
        pytest.param(IF_NOT_PRESENT, replace(WITH_DIGEST, tag="1.0.0"), DIGEST, 1, id="if-not-present-new-tag"),
        pytest.param(IF_NOT_PRESENT, replace(WITH_DIGEST, name="a/b"), DIGEST, 1, id="if-not-present-new-name"),
    ],
)
async def test_digest(
    harness: PolicyHarness, spec: dict[str, Any], latest: ImageRef | None, digest: str, asked: int
) -> None:
    end = await harness.reconcile(image_policy(latest=latest, **spec))
    assert harness.run.status.latest_ref == replace(V11, digest=digest)
    assert len(harness.registry.digest_requests) == asked
    assert (f"resolved to 1.1.0 with digest {digest}" in end.message) is bool(digest)


async def test_digest_is_read_every_interval_where_it_always_is(harness: PolicyHarness) -> None:
    assert (await harness.reconcile(image_policy(**ALWAYS))).requeue_after == timedelta(minutes=15)
    assert (await harness.reconcile(image_policy(**IF_NOT_PRESENT))).requeue_after is None


async def test_tag_that_moved_is_reported_with_both_digests(harness: PolicyHarness) -> None:
    end = await harness.reconcile(image_policy(latest=WITH_DIGEST, **ALWAYS))
    assert end.message == (
        f"Latest image tag for {IMAGE} resolved to 1.1.0 with digest {DIGEST} (previously {IMAGE}:1.1.0@{OLD_DIGEST})"
    )
    assert harness.run.status.latest_image == f"{IMAGE}:1.1.0@{DIGEST}"
    assert harness.run.status.observed_previous_image == f"{IMAGE}:1.1.0@{OLD_DIGEST}"


@pytest.mark.parametrize(
    ("spec", "limit"),
    [
        pytest.param({}, timedelta(minutes=10), id="interval-of-the-repository"),
        pytest.param({"timeout": "20s"}, timedelta(seconds=20), id="its-timeout"),
        pytest.param({"timeout": "5ms"}, timedelta(seconds=1), id="at-least-a-second"),
    ],
)
async def test_digest_is_read_as_the_repository_is(
    harness: PolicyHarness, spec: dict[str, Any], limit: timedelta
) -> None:
    harness.put(image_repository(status=scanned(harness.revision), insecure=True, **spec))
    await harness.reconcile(image_policy(**ALWAYS))
    assert harness.registry.digest_requests == [(IMAGE, "1.1.0", Access(insecure=True), limit)]


@pytest.mark.parametrize(
    ("failure", "message", "retry_after"),
    [
        pytest.param(
            Denied("403 from ghcr.io"),
            f'failed fetching descriptor for "{IMAGE}:1.1.0": 403 from ghcr.io',
            None,
            id="denied",
        ),
        pytest.param(
            Throttled("429 from ghcr.io", timedelta(seconds=70)),
            f'failed fetching descriptor for "{IMAGE}:1.1.0": 429 from ghcr.io',
            timedelta(seconds=70),
            id="throttled-waits-as-asked",
        ),
    ],
)
async def test_digest_that_cannot_be_read(
    harness: PolicyHarness, failure: Exception, message: str, retry_after: timedelta | None
) -> None:
    harness.registry.failure = failure
    end = await harness.fail(Retry, image_policy(latest=V10, **ALWAYS))
    assert end.reason == "Failed"
    assert end.message == f"failed fetching digest of {IMAGE}:1.1.0: {message}"
    assert end.retry_after == retry_after
    assert harness.run.status.latest_ref == V10


async def test_credentials_that_are_missing_are_looked_for_every_half_minute(harness: PolicyHarness) -> None:
    harness.put(image_repository(status=scanned(harness.revision), secret_ref=PULL))
    end = await harness.fail(Retry, image_policy(**ALWAYS))
    assert (end.reason, end.max_delay) == ("Failed", SECRET_RETRY)
    assert end.message == (
        f'failed fetching digest of {IMAGE}:1.1.0: failed to configure authentication options: secrets "pull" not found'
    )
