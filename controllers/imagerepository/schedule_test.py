"""When a scan is due: each reason, which goes first, and the second around the interval's end."""

from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from api.imagerepository import ImageRepositorySpec, ImageRepositoryStatus, LatestTags
from controllers.imagerepository.schedule import ScanNow, Wait, exclusion_list, next_scan, timeout
from testing.builders import IMAGE, scanned
from testing.clock import START

SPEC = ImageRepositorySpec(image=IMAGE, interval="10m")
MINUTE = timedelta(minutes=1)


def decide(spec: ImageRepositorySpec = SPEC, status: ImageRepositoryStatus | None = None, **facts: Any) -> object:
    known = {
        "interval": 10 * MINUTE,
        "canonical_name": IMAGE,
        "stored_revision": "1",
        "requested": False,
        "failed_scan_reason": "",
        "now": START + MINUTE,
    }
    return next_scan(spec, scanned() if status is None else status, **{**known, **facts})


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        pytest.param({"status": ImageRepositoryStatus()}, "first scan", id="never-scanned"),
        pytest.param({"requested": True}, "reconcile requested", id="annotation"),
        pytest.param({"canonical_name": "ghcr.io/org/other"}, "new image name", id="image-renamed"),
        pytest.param({"status": scanned(image="")}, "new image name", id="image-name-not-observed"),
        pytest.param(
            {"spec": replace(SPEC, exclusion_list=("^v0",))}, "updated exclusion list", id="exclusion-list-changed"
        ),
        pytest.param(
            {"spec": replace(SPEC, latest_tags=LatestTags(order="semver"))},
            "updated latest tags",
            id="other-latest-tags-wanted",
        ),
        pytest.param({"stored_revision": None}, "no tags in database", id="tag-list-missing-or-torn"),
        pytest.param({"stored_revision": "2"}, "no tags in database", id="tag-list-of-another-scan"),
        pytest.param({"failed_scan_reason": "new image name"}, "new image name", id="last-scan-failed"),
        pytest.param({"now": START + 10 * MINUTE}, "triggered by interval", id="interval-over"),
        pytest.param({"now": START + 60 * MINUTE}, "triggered by interval", id="long-overdue"),
    ],
)
def test_scan_is_due(facts: dict[str, Any], reason: str) -> None:
    assert decide(**facts) == ScanNow(reason)


def test_first_reason_of_flux_order_is_told() -> None:
    facts: dict[str, Any] = {
        "spec": replace(SPEC, exclusion_list=("^v0",)),
        "status": ImageRepositoryStatus(),
        "requested": True,
        "canonical_name": "ghcr.io/org/other",
        "stored_revision": None,
        "failed_scan_reason": "an earlier reason",
        "now": START + 60 * MINUTE,
    }
    mended = [
        ("first scan", "status", scanned()),
        ("reconcile requested", "requested", False),
        ("new image name", "canonical_name", IMAGE),
        ("updated exclusion list", "spec", SPEC),
        ("no tags in database", "stored_revision", "1"),
        ("an earlier reason", "failed_scan_reason", ""),
        ("triggered by interval", "now", START + MINUTE),
    ]
    for reason, fact, good in mended:
        assert decide(**facts) == ScanNow(reason)
        facts[fact] = good
    assert decide(**facts) == Wait(9 * MINUTE)


@pytest.mark.parametrize(
    ("elapsed", "want"),
    [
        pytest.param(timedelta(0), Wait(10 * MINUTE), id="just-scanned"),
        pytest.param(timedelta(minutes=9, seconds=59), Wait(timedelta(seconds=1)), id="exactly-one-second-left"),
        pytest.param(
            timedelta(minutes=9, seconds=59, microseconds=1),
            ScanNow("triggered by interval"),
            id="less-than-a-second-left",
        ),
        pytest.param(-MINUTE, Wait(11 * MINUTE), id="scanned-in-the-future-by-a-clock-that-was-set-back"),
    ],
)
def test_what_is_due_within_a_second_is_due(elapsed: timedelta, want: object) -> None:
    assert decide(now=START + elapsed) == want


@pytest.mark.parametrize(
    ("wanted", "observed", "due"),
    [
        pytest.param((), (r"^.*\.sig$",), False, id="empty-means-default"),
        pytest.param((r"^.*\.sig$",), (r"^.*\.sig$",), False, id="default-spelled-out"),
        pytest.param(("a", "b"), ("b", "a"), False, id="order-does-not-matter"),
        pytest.param(("b", "a"), ("a", "b"), False, id="nor-that-of-the-spec"),
        pytest.param(("a", "a"), ("a",), True, id="length-matters"),
        pytest.param((), (), True, id="nothing-observed-yet"),
        pytest.param(("a",), ("a", "b"), True, id="pattern-removed"),
    ],
)
def test_exclusion_lists_are_compared_without_order(
    wanted: tuple[str, ...], observed: tuple[str, ...], due: bool
) -> None:
    status = replace(scanned(), observed_exclusion_list=observed)
    decision = decide(replace(SPEC, exclusion_list=wanted), status)
    assert decision == (ScanNow("updated exclusion list") if due else Wait(9 * MINUTE))


def test_empty_exclusion_list_is_the_default() -> None:
    assert exclusion_list(SPEC) == (r"^.*\.sig$",)
    assert exclusion_list(replace(SPEC, exclusion_list=("x",))) == ("x",)


@pytest.mark.parametrize(
    ("interval", "limit", "want"),
    [
        pytest.param("10m", "", timedelta(minutes=10), id="interval-where-unset"),
        pytest.param("10m", "30s", timedelta(seconds=30), id="timeout-where-set"),
        pytest.param("10m", "5ms", timedelta(seconds=1), id="never-below-a-second"),
        pytest.param("100ms", "", timedelta(seconds=1), id="interval-never-below-a-second-either"),
    ],
)
def test_timeout(interval: str, limit: str, want: timedelta) -> None:
    assert timeout(replace(SPEC, interval=interval, timeout=limit)) == want


def test_interval_that_was_spread_decides() -> None:
    assert decide(interval=9 * MINUTE) == Wait(8 * MINUTE)
