"""The ImageRepository algorithm: is a scan due, scan, store, tell.

Follows https://fluxcd.io/flux/components/image/imagerepositories/; reasons are Flux's, sentences those of Flux 2.1,
which dashboards and runbooks quote.
"""

import asyncio
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Protocol

from msgspec.structs import replace

from api.imagerepository import FIRST_SEEN, ImageRepository, ImageRepositoryStatus, ScanResult
from api.meta import READY, RECONCILING
from controllers.golang.duration import format_duration, parse_duration
from controllers.image.reference import Image, parse_image
from controllers.imageaccess.errors import GateDisabled
from controllers.imageaccess.reader import SECRET_RETRY, AccessFailed, AccessReader
from controllers.imagerepository.latest_tags import latest_tags
from controllers.imagerepository.schedule import ScanNow, Wait, exclusion_list, next_scan, timeout
from controllers.registry.access import Access
from controllers.registry.errors import BadExclusionPattern, BadReference, RegistryError, Throttled
from controllers.runtime.kube.errors import ApiError
from controllers.runtime.reconcile.conditions import find_condition
from controllers.runtime.reconcile.outcome import Ready
from controllers.runtime.reconcile.run import NotReady, Run, Stalled
from controllers.taglist.scan import INLINE_TAGS, TagSet, build_tag_set
from controllers.taglist.writer import TagListWriter

FEATURE_GATE_DISABLED = "FeatureGateDisabled"
IMAGE_URL_INVALID = "ImageURLInvalid"
AUTHENTICATION_FAILED = "AuthenticationFailed"
READ_OPERATION_FAILED = "ReadOperationFailed"
SCANNING = "scanning: "


class TagLister(Protocol):
    """What is needed of `registry.client.RegistryClient`."""

    async def list_tags(self, image: Image, access: Access, *, timeout: timedelta) -> list[str]: ...


class ImageRepositoryReconciler:
    """Scans one repository a run. Called for many objects at the same time."""

    def __init__(self, registry: TagLister, access: AccessReader, tag_lists: TagListWriter) -> None:
        self._registry = registry
        self._access = access
        self._tag_lists = tag_lists

    async def reconcile(self, run: Run[ImageRepository, ImageRepositoryStatus]) -> Ready:
        """One pass: scans if a scan is due, else tells when the next one is."""
        self._check_gate(run.object)
        image = _image(run.object)
        match self._next_scan(run, image):
            case ScanNow(reason=reason):
                access = await self._read_access(run, image)
                run.progress = SCANNING + reason
                return await self._scan(run, image, access)
            case Wait(delay=delay):
                if run.new_generation:
                    await self._read_access(run, image)  # a new spec is not ready before its Secrets are there
                run.status = replace(run.status, canonical_image_name=image.name)
                no_change = (
                    f"no change in repository configuration since last scan, next scan in {format_duration(delay)}"
                )
                return Ready(
                    _message(run.status), requeue_after=delay, no_change=no_change if run.new_generation else None
                )

    def _check_gate(self, repository: ImageRepository) -> None:
        try:
            self._access.check_gate(repository)
        except GateDisabled as error:
            raise Stalled(FEATURE_GATE_DISABLED, str(error)) from error

    def _next_scan(self, run: Run[ImageRepository, ImageRepositoryStatus], image: Image) -> ScanNow | Wait:
        last = run.status.last_scan_result
        return next_scan(
            run.object.spec,
            run.status,
            interval=_interval(run, last.scan_time if last else run.now),
            canonical_name=image.name,
            stored_revision=self._tag_lists.stored_revision(run.object),
            requested=run.requested,
            failed_scan_reason=_failed_scan_reason(run.status),
            now=run.now,
        )

    async def _read_access(self, run: Run[ImageRepository, ImageRepositoryStatus], image: Image) -> Access:
        tried = "failed to configure authentication options: "
        try:
            async with asyncio.timeout(timeout(run.object.spec).total_seconds()):
                return await self._access.read(run.object, image)
        except AccessFailed as error:
            raise NotReady(AUTHENTICATION_FAILED, f"{tried}{error}", max_delay=SECRET_RETRY) from error
        except TimeoutError as error:
            raise NotReady(AUTHENTICATION_FAILED, f"{tried}context deadline exceeded") from error

    async def _scan(self, run: Run[ImageRepository, ImageRepositoryStatus], image: Image, access: Access) -> Ready:
        spec, before = run.object.spec, run.status.last_scan_result
        scan = await self._fetch(run, image, access)
        try:
            first_seen = None
            if scan.revision != self._tag_lists.stored_revision(run.object):
                await run.check_leader()
                first_seen = await self._tag_lists.write(run.object, scan, now=run.now)
            latest = await self._latest(run, scan, first_seen)
        except ApiError as error:
            raise NotReady(READ_OPERATION_FAILED, f"scan failed: failed to store tags: {error}") from error
        run.status = replace(
            run.status,
            canonical_image_name=image.name,
            observed_exclusion_list=exclusion_list(spec),
            observed_latest_tags=spec.latest_tags,
            last_scan_result=ScanResult(
                tag_count=len(scan.tags), scan_time=run.now, latest_tags=latest, revision=scan.revision
            ),
        )
        interval = _interval(run, run.now)
        message = _message(run.status)
        if before is None or before.revision != scan.revision:
            return Ready(message, requeue_after=interval, event=message)
        return Ready(
            message, requeue_after=interval, no_change=f"no new tags found, next scan in {format_duration(interval)}"
        )

    async def _latest(
        self,
        run: Run[ImageRepository, ImageRepositoryStatus],
        scan: TagSet,
        first_seen: Mapping[str, int | None] | None,
    ) -> tuple[str, ...]:
        """The tags to show. Nothing is read or ranked anew while neither the tags nor the wish have changed."""
        wanted, before = run.object.spec.latest_tags, run.status.last_scan_result
        if wanted is None:
            return scan.latest
        if before and before.revision == scan.revision and run.status.observed_latest_tags == wanted:
            return before.latest_tags
        if wanted.order == FIRST_SEEN and first_seen is None:
            first_seen = await self._tag_lists.first_seen(run.object)
        if len(scan.tags) <= INLINE_TAGS:
            return latest_tags(scan.tags, wanted, first_seen or {})
        return await asyncio.to_thread(latest_tags, scan.tags, wanted, first_seen or {})

    async def _fetch(self, run: Run[ImageRepository, ImageRepositoryStatus], image: Image, access: Access) -> TagSet:
        try:
            tags = await self._registry.list_tags(image, access, timeout=timeout(run.object.spec))
            if len(tags) <= INLINE_TAGS:
                return build_tag_set(tags, exclusion_list(run.object.spec))
            # In a thread: 100,000 tags would hold the event loop for longer than its 50 ms.
            return await asyncio.to_thread(build_tag_set, tags, exclusion_list(run.object.spec))
        except Throttled as error:
            raise NotReady(READ_OPERATION_FAILED, f"scan failed: {error}", retry_after=error.retry_after) from error
        except (RegistryError, BadExclusionPattern) as error:
            raise NotReady(READ_OPERATION_FAILED, f"scan failed: {error}") from error


def _interval(run: Run[ImageRepository, ImageRepositoryStatus], scan_time: datetime) -> timedelta:
    """Return how long a scan is good for."""
    return run.spread(parse_duration(run.object.spec.interval), since=scan_time)


def _image(repository: ImageRepository) -> Image:
    try:
        return parse_image(repository.spec.image)
    except BadReference as error:
        raise Stalled(IMAGE_URL_INVALID, str(error)) from error


def _message(status: ImageRepositoryStatus) -> str:
    count = status.last_scan_result.tag_count if status.last_scan_result else 0
    return f"successful scan: found {count} tags"


def _failed_scan_reason(status: ImageRepositoryStatus) -> str:
    """Why the scan was made that the last run failed in; empty when it did not fail in a scan."""
    ready, reconciling = find_condition(status.conditions, READY), find_condition(status.conditions, RECONCILING)
    if ready is None or ready.status != "False" or reconciling is None:
        return ""
    return reconciling.message.removeprefix(SCANNING) if reconciling.message.startswith(SCANNING) else ""
