"""Whether a scan is due: a pure function over spec, status and time.

Follows https://fluxcd.io/flux/components/image/imagerepositories/ and image-reflector-controller
`internal/controller/imagerepository_controller.go`, `shouldScan`; the reasons are its texts. Rules of ours: a scan that
failed stays due until one succeeds (Flux forgets one that was requested by annotation), a stored list that differs from
the one in the status is scanned again, and intervals may have jitter.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from api.imagerepository import ImageRepositorySpec, ImageRepositoryStatus
from controllers.taglist.scan import effective_exclusions

DUE_TOLERANCE = timedelta(seconds=1)
"""A timer may fire a little early: what is due within a second is due."""
CLOCK_SKEW = timedelta(minutes=1)
"""How far the clocks of two nodes may differ. A scan dated further ahead was made by a clock that was wrong."""
REQUESTED = "reconcile requested"
BY_INTERVAL = "triggered by interval"


@dataclass(frozen=True, slots=True)
class ScanNow:
    """A scan is due; `reason` is in the status while it runs and after it failed."""

    reason: str


@dataclass(frozen=True, slots=True)
class Wait:
    """The last scan is good for another `delay`."""

    delay: timedelta


def is_dated_ahead(time: datetime, *, now: datetime) -> bool:
    """Return whether a clock that was wrong made this time: what it dates is not to be waited for."""
    return time - now > CLOCK_SKEW


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
    """Return whether to scan now, and why, or how long to wait.

    interval: the spec's, or what `Run.spread` made of it
    stored_revision: of the whole tag list in the API, None without one
    requested: the annotation has a value that was not handled
    failed_scan_reason: the reason of the last scan if it failed, else empty
    """
    last = status.last_scan_result
    if last is None:
        return ScanNow("first scan")
    if requested:
        return ScanNow(REQUESTED)
    if canonical_name != status.canonical_image_name:
        return ScanNow("new image name")
    if sorted(effective_exclusions(spec.exclusion_list)) != sorted(status.observed_exclusion_list):
        return ScanNow("updated exclusion list")
    if spec.latest_tags != status.observed_latest_tags:
        return ScanNow("updated latest tags")
    if stored_revision != last.revision:
        return ScanNow("no tags in database")
    if failed_scan_reason:
        return ScanNow(failed_scan_reason)
    if is_dated_ahead(last.scan_time, now=now):
        return ScanNow("last scan is dated in the future")
    remaining = interval - (now - last.scan_time)
    if remaining < DUE_TOLERANCE:
        return ScanNow(BY_INTERVAL)
    return Wait(remaining)
