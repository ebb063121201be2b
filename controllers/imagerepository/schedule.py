"""Decides whether a scan is due: a pure function over spec, status and time.

Follows https://fluxcd.io/flux/components/image/imagerepositories/ and image-reflector-controller
`internal/controller/imagerepository_controller.go`, `shouldScan`; the reasons are its texts. Rules of ours: a scan that
failed stays due until one succeeds (Flux forgets one that was asked for by annotation), a stored list that is not the
one the status speaks of is scanned again, and intervals may be spread.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from api.imagerepository import DEFAULT_EXCLUSION_LIST, ImageRepositorySpec, ImageRepositoryStatus
from controllers.golang.duration import parse_duration

DUE_TOLERANCE = timedelta(seconds=1)
"""A timer may fire a little early: what is due within a second is due."""
MIN_TIMEOUT = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class ScanNow:
    """A scan is due; `reason` is shown while it runs and after it failed."""

    reason: str


@dataclass(frozen=True, slots=True)
class Wait:
    """The last scan is good for another `delay`."""

    delay: timedelta


def exclusion_list(spec: ImageRepositorySpec) -> tuple[str, ...]:
    """The patterns in force: an empty list means the default, it does not switch it off."""
    return spec.exclusion_list or DEFAULT_EXCLUSION_LIST


def timeout(spec: ImageRepositorySpec) -> timedelta:
    """How long a scan may take, credentials included: `timeout`, else `interval`, at least one second."""
    return max(parse_duration(spec.timeout or spec.interval), MIN_TIMEOUT)


def next_scan(
    spec: ImageRepositorySpec,
    status: ImageRepositoryStatus,
    *,
    interval: timedelta,
    canonical_name: str,
    stored_revision: str | None,
    requested: bool,
    failed_scan_reason: str,
    now: datetime,
) -> ScanNow | Wait:
    """Whether to scan now, and why, or how long to wait.

    interval: the spec's, or what `Run.spread` made of it
    stored_revision: of the whole tag list in the API, None without one
    requested: the annotation has a value that was not handled
    failed_scan_reason: the reason of the last scan if it failed, else empty
    """
    last = status.last_scan_result
    if last is None:
        return ScanNow("first scan")
    if requested:
        return ScanNow("reconcile requested")
    if canonical_name != status.canonical_image_name:
        return ScanNow("new image name")
    if sorted(exclusion_list(spec)) != sorted(status.observed_exclusion_list):
        return ScanNow("updated exclusion list")
    if spec.latest_tags != status.observed_latest_tags:
        return ScanNow("updated latest tags")
    if stored_revision != last.revision:
        return ScanNow("no tags in database")
    if failed_scan_reason:
        return ScanNow(failed_scan_reason)
    remaining = interval - (now - last.scan_time)
    if remaining < DUE_TOLERANCE:
        return ScanNow("triggered by interval")
    return Wait(remaining)
