"""The ImageRepository algorithm: is a scan due, scan, store, record.

Follows https://fluxcd.io/flux/components/image/imagerepositories/; reasons are Flux's, sentences those of Flux 2.1,
which dashboards and runbooks quote.
"""

import asyncio
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from msgspec.structs import replace

from api.imagerepository import FIRST_SEEN, ImageRepository, ImageRepositoryStatus, ScanResult
from api.names import READY, RECONCILING
from controllers.golang.duration import format_duration
from controllers.image.reference import Image, parse_image
from controllers.imageaccess.reader import AccessReader, request_timeout
from controllers.imagerepository.announced import (
    DigestResolver,
    add_tags,
    describe,
    find_tags,
    is_announced,
    missed_tags,
    pending_tags,
    pending_trace,
)
from controllers.imagerepository.exclusion import TagExclusion
from controllers.imagerepository.last_scan import LastScans
from controllers.imagerepository.latest_tags import rank_tags
from controllers.imagerepository.outcomes import ON_ERROR, AccessTimedOut, TagsNotStored
from controllers.imagerepository.schedule import BY_INTERVAL, REQUESTED, ScanNow, Wait, is_dated_ahead, next_scan
from controllers.registry.access import Access
from controllers.registry.errors import RegistryError
from controllers.registry.tags import ListedTags, TagSieve
from controllers.runtime.key import Key, key_of
from controllers.runtime.kube.errors import ApiError
from controllers.runtime.reconcile.bounds import add_notes, explain_interval, explain_timeout, read_interval
from controllers.runtime.reconcile.conditions import find_condition
from controllers.runtime.reconcile.outcome import Outcome, Ready, outcome_of
from controllers.runtime.reconcile.run import Run
from controllers.runtime.tracing import Span
from controllers.selection.threads import NamespaceThreads
from controllers.taglist.scan import INLINE_TAGS, Exclusion, TagSet, effective_exclusions
from controllers.taglist.writer import TagListWriter

NO_TAGS_LEFT = "NoTagsLeft"
"""Reason of the event for a list that has shrunk to nothing."""
SCANNING = "scanning: "
ASKING = "asking for announced tags"

RepositoryRun = Run[ImageRepository, ImageRepositoryStatus]


class Registry(DigestResolver, Protocol):
    """What is needed of `registry.client.RegistryClient`."""

    async def list_tags(
        self, image: Image, access: Access, *, timeout: timedelta, tag_filter: TagSieve | None = None
    ) -> ListedTags: ...


class Missed(Protocol):
    """Takes how many tags a scan found that should have been announced."""

    def record(self, key: Key, count: int) -> None: ...


@dataclass(frozen=True, slots=True)
class _Stored:
    """What storing the tags of a scan came to."""

    latest: tuple[str, ...]
    """To be shown in the status."""
    first_seen: Mapping[str, int | None] | None
    """None where the list was stored before."""


class ImageRepositoryReconciler:
    """Scans one repository a run. Called for many objects at the same time."""

    def __init__(self, registry: Registry, access: AccessReader, tag_lists: TagListWriter, *, missed: Missed) -> None:
        self._registry = registry
        self._access = access
        self._tag_lists = tag_lists
        self._missed = missed
        self._threads = NamespaceThreads()
        self._last_scans = LastScans()

    async def reconcile(self, run: RepositoryRun) -> Outcome:
        """Do one pass: scan if a scan is due, else say when the next one is."""
        notes: list[str] = []
        try:
            outcome: Outcome = await self._scan_if_due(run, notes)
        except tuple(ON_ERROR) as error:
            outcome = outcome_of(error, ON_ERROR)
        return add_notes(outcome, notes)

    async def _scan_if_due(self, run: RepositoryRun, notes: list[str]) -> Ready:
        spec = run.object.spec
        notes += [
            explain_timeout("spec.timeout", spec.timeout),
            explain_interval("spec.interval", spec.interval),
        ]
        self._access.check_gate(run.object)
        image = parse_image(run.object.spec.image)
        announced = pending_tags(run.object)
        match self._next_scan(run, image, requested=run.requested and not announced):
            case ScanNow(reason=reason):
                with self._span(run, "scan", announced) as span:
                    return await self._scan(run, image, await self._read_access(run, image), reason, span)
            case Wait(delay=delay) if announced:
                with self._span(run, "look up announced tags", announced) as span:
                    return await self._complete(run, image, announced, delay, span)
            case Wait(delay=delay):
                if run.new_generation:
                    await self._read_access(run, image)  # a new spec is not ready before its Secrets are there
                run.status = replace(run.status, canonical_image_name=image.name)
                no_change = (
                    f"no change in repository configuration since last scan, next scan in {format_duration(delay)}"
                )
                return Ready(
                    _message(run.status),
                    requeue_after=delay,
                    no_change=no_change if run.new_generation else None,
                )

    def _span(self, run: RepositoryRun, name: str, announced: tuple[str, ...]) -> AbstractContextManager[Span]:
        """Return a span that goes on with the trace of the webhook, if one has caused this run."""
        parents = (pending_trace(run.object),) if announced else ()
        return run.tracer.span(name, parents=parents, attributes=run.trace_attributes)

    def _next_scan(self, run: RepositoryRun, image: Image, *, requested: bool) -> ScanNow | Wait:
        last = run.status.last_scan_result
        return next_scan(
            run.object.spec,
            run.status,
            interval=_interval(run, last.scan_time if last else run.now),
            canonical_name=image.name,
            stored_revision=self._tag_lists.stored_revision(run.object),
            requested=requested,
            failed_scan_reason=_failed_scan_reason(run.status),
            now=run.now,
        )

    async def _read_access(self, run: RepositoryRun, image: Image) -> Access:
        try:
            async with asyncio.timeout(request_timeout(run.object.spec).total_seconds()):
                return await self._access.read(run.object, image)
        except TimeoutError as error:
            raise AccessTimedOut from error

    async def _complete(
        self, run: RepositoryRun, image: Image, announced: tuple[str, ...], delay: timedelta, span: Span
    ) -> Ready:
        """Add announced tags that the registry has to the stored list; the next scan of all stays where it is.

        Where that does not work out, all are listed: a registry may not answer for single tags.
        """
        access = await self._read_access(run, image)
        run.progress = ASKING
        spec, before = run.object.spec, run.status.last_scan_result
        stored = await self._tag_lists.read(run.object)
        if stored is None or before is None or stored.revision != before.revision:
            return await self._scan(run, image, access, REQUESTED, span)
        self._missed.record(key_of(run.object), 0)
        keep, timeout = self._exclusion(run).begin(), request_timeout(spec)
        try:
            found = await find_tags(self._registry, image, access, announced, stored=stored, keep=keep, timeout=timeout)
        except (RegistryError, TimeoutError):
            return await self._scan(run, image, access, REQUESTED, span)
        if not found:
            return Ready(_message(run.status), requeue_after=delay)
        tags = await add_tags(stored, found)
        latest = (await self._store(run, tags)).latest
        span.set("tagline.tags.new", len(found))
        result = replace(
            before,
            tag_count=len(tags.tags),
            latest_tags=latest,
            revision=tags.revision,
            trace_parent=span.trace_parent,
        )
        run.status = replace(run.status, last_scan_result=result)
        message = _message(run.status)
        return Ready(message, requeue_after=delay, event=f"{message}, announced by the registry: {describe(found)}")

    async def _scan(self, run: RepositoryRun, image: Image, access: Access, reason: str, span: Span) -> Ready:
        run.progress = SCANNING + reason
        spec, before = run.object.spec, run.status.last_scan_result
        exclusion = self._exclusion(run)
        listed = await self._registry.list_tags(image, access, timeout=request_timeout(spec), tag_filter=exclusion)
        if before is not None and self._is_repeated(run, before, listed):
            result = replace(before, scan_time=run.now)
            run.status = replace(run.status, canonical_image_name=image.name, last_scan_result=result)
            if reason == BY_INTERVAL:
                self._count_missed(run, {})
            return _nothing_new(run)
        scan = await exclusion.build(listed)
        stored = await self._store(run, scan)
        if reason == BY_INTERVAL:
            self._count_missed(run, stored.first_seen or {})
        is_same = before is not None and before.revision == scan.revision
        result = ScanResult(
            tag_count=len(scan.tags),
            scan_time=run.now,
            latest_tags=stored.latest,
            revision=scan.revision,
            trace_parent=before.trace_parent if before is not None and is_same else span.trace_parent,
        )
        run.status = replace(
            run.status,
            canonical_image_name=image.name,
            observed_exclusion_list=effective_exclusions(spec.exclusion_list),
            observed_latest_tags=spec.latest_tags,
            last_scan_result=result,
        )
        self._last_scans.record(run.object, listed.fingerprint, result)
        if is_same:
            return _nothing_new(run)
        message = _message(run.status)
        warnings = _warn_of_emptiness(before, scan)
        return Ready(message, requeue_after=_interval(run, run.now), event=message, warnings=warnings)

    def _is_repeated(self, run: RepositoryRun, before: ScanResult, listed: ListedTags) -> bool:
        """Return whether all that a scan would write is written."""
        return (
            self._last_scans.is_repeated(run.object, run.status, listed.fingerprint)
            and self._tag_lists.stored_revision(run.object) == before.revision
            and not is_dated_ahead(before.scan_time, now=run.now)
            and run.status.observed_exclusion_list == effective_exclusions(run.object.spec.exclusion_list)
            and run.status.observed_latest_tags == run.object.spec.latest_tags
        )

    def _count_missed(self, run: RepositoryRun, first_seen: Mapping[str, int | None]) -> None:
        if is_announced(run.object):
            now = int(run.now.timestamp())
            new = [tag for tag, time in first_seen.items() if time == now]
            self._missed.record(key_of(run.object), len(missed_tags(run.object, new)))

    def _exclusion(self, run: RepositoryRun) -> TagExclusion:
        patterns = Exclusion(effective_exclusions(run.object.spec.exclusion_list))
        return TagExclusion(patterns, run.object.metadata.namespace, self._threads)

    async def _store(self, run: RepositoryRun, scan: TagSet) -> _Stored:
        """Store the tags unless they are stored."""
        first_seen, before = None, run.status.last_scan_result
        # The clock that dated the last scan wrongly may also have dated tags, which minAge would hold until then.
        is_misdated = before is not None and is_dated_ahead(before.scan_time, now=run.now)
        try:
            if is_misdated or scan.revision != self._tag_lists.stored_revision(run.object):
                first_seen = await self._tag_lists.write(run.object, scan, now=run.now, check=run.check)
            return _Stored(await self._latest_tags(run, scan, first_seen), first_seen)
        except ApiError as error:
            raise TagsNotStored(str(error)) from error

    async def _latest_tags(
        self, run: RepositoryRun, scan: TagSet, first_seen: Mapping[str, int | None] | None
    ) -> tuple[str, ...]:
        """Return the tags to show. Nothing is read or ranked anew while neither the tags nor the spec have changed."""
        wanted, before = run.object.spec.latest_tags, run.status.last_scan_result
        if wanted is None:
            return scan.latest
        if before and before.revision == scan.revision and run.status.observed_latest_tags == wanted:
            return before.latest_tags
        if wanted.order == FIRST_SEEN and first_seen is None:
            first_seen = await self._tag_lists.first_seen(run.object)
        if len(scan.tags) <= INLINE_TAGS:
            return rank_tags(scan.tags, wanted, first_seen or {})
        return await asyncio.to_thread(rank_tags, scan.tags, wanted, first_seen or {})


def _interval(run: RepositoryRun, scan_time: datetime) -> timedelta:
    """Return how long a scan is good for."""
    return run.spread(read_interval(run.object.spec.interval), since=scan_time)


def _nothing_new(run: RepositoryRun) -> Ready:
    interval = _interval(run, run.now)
    no_change = f"no new tags found, next scan in {format_duration(interval)}"
    return Ready(_message(run.status), requeue_after=interval, no_change=no_change)


def _message(status: ImageRepositoryStatus) -> str:
    count = status.last_scan_result.tag_count if status.last_scan_result else 0
    return f"successful scan: found {count} tags"


def _warn_of_emptiness(before: ScanResult | None, scan: TagSet) -> tuple[tuple[str, str], ...]:
    """Return a warning for a list that has shrunk to nothing: a registry that lost its data answers in this way."""
    if scan.tags or before is None or not before.tag_count:
        return ()
    excluded = f" but {scan.excluded_count} that the exclusion list leaves out" if scan.excluded_count else ""
    return ((NO_TAGS_LEFT, f"{before.tag_count} tags before, none now{excluded}: policies keep what they chose last"),)


def _failed_scan_reason(status: ImageRepositoryStatus) -> str:
    """Return why the scan was made that the last run failed in; empty when it did not fail in a scan."""
    ready, reconciling = find_condition(status.conditions, READY), find_condition(status.conditions, RECONCILING)
    if ready is None or ready.status != "False" or reconciling is None:
        return ""
    return reconciling.message.removeprefix(SCANNING) if reconciling.message.startswith(SCANNING) else ""
