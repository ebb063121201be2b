"""The ImagePolicy algorithm: find the repository, read its tags, choose, record.

Follows https://fluxcd.io/flux/components/image/imagepolicies/. Ours, not Flux's: a renamed image wakes its policies.
"""

from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta

from msgspec.structs import replace

from api.imagepolicy import ALWAYS, IF_NOT_PRESENT, ImagePolicy, ImagePolicyStatus, ImageRef, SelectionStatus
from api.imagerepository import ImageRepository
from controllers.image.ref import to_image_ref
from controllers.image.reference import Image, parse_image
from controllers.imagepolicy.acl import check_access
from controllers.imagepolicy.metrics import ChoiceMetrics
from controllers.imagepolicy.outcomes import (
    INTERVAL_NOT_CONFIGURED,
    ON_ERROR,
    CrossNamespaceBlocked,
    NoStoredTags,
    NothingSelected,
    RepositoryMissing,
)
from controllers.imagepolicy.provenance import SOURCE_RETRY, reflect_sources
from controllers.policy.errors import NoTags, SelectionFailed
from controllers.policy.index import TagIndex
from controllers.policy.rules import Selection
from controllers.runtime.key import Key, key_of
from controllers.runtime.reconcile.bounds import add_notes, explain_interval, read_interval
from controllers.runtime.reconcile.outcome import Outcome, Ready, Stalled, outcome_of
from controllers.runtime.reconcile.run import Run
from controllers.runtime.tracing import Span
from controllers.selection.image_reader import ImageReader
from controllers.selection.rules import repository_key
from controllers.selection.selector import read_index, select_tag
from controllers.selection.status import build_selection_status, explain_failure, keep_if_equivalent
from controllers.selection.tag_index_cache import TagIndexCache
from controllers.selection.threads import NamespaceThreads

PolicyRun = Run[ImagePolicy, ImagePolicyStatus]


class ImagePolicyReconciler:
    """Chooses for one policy a run. Called for many objects at the same time."""

    def __init__(
        self,
        *,
        repositories: Callable[[Key], Awaitable[ImageRepository | None]],
        namespace_labels: Callable[[str], Awaitable[Mapping[str, str]]],
        tags: TagIndexCache,
        images: ImageReader,
        metrics: ChoiceMetrics,
        cross_namespace: bool,
    ) -> None:
        """Build it; `repositories` and `namespace_labels` find what informers know or the server has.

        cross_namespace: references may leave their own namespace
        """
        self._repositories = repositories
        self._namespace_labels = namespace_labels
        self._tags = tags
        self._images = images
        self._metrics = metrics
        self._cross_namespace = cross_namespace
        self._threads = NamespaceThreads()
        self._followed: dict[Key, str] = {}
        """By policy: the trace of the last scan that it went on with."""

    def forget(self, policy: Key) -> None:
        """Drop what is remembered about a policy that is gone."""
        self._followed.pop(policy, None)

    async def reconcile(self, run: PolicyRun) -> Outcome:
        """Do one pass: the choice from the stored tags, and its digest and source where they are wanted."""
        spec = run.object.spec
        if spec.digest_reflection_policy == ALWAYS and not spec.interval:
            text = "spec.interval must be set when spec.digestReflectionPolicy is set to 'Always'"
            return Stalled(INTERVAL_NOT_CONFIGURED, text)
        notes: list[str] = []
        try:
            notes.append(explain_interval("spec.interval", spec.interval))
            outcome: Outcome = await self._choose(run)
        except tuple(ON_ERROR) as error:
            outcome = outcome_of(error, ON_ERROR)
        return add_notes(outcome, notes)

    async def _choose(self, run: PolicyRun) -> Ready:
        repository = await self._find_repository(run.object)
        parents = self._follow(key_of(run.object), repository)
        with run.tracer.span("choose", parents=parents, attributes=run.trace_attributes) as span:
            return await self._choose_from(run, repository, span)

    async def _choose_from(self, run: PolicyRun, repository: ImageRepository, span: Span) -> Ready:
        image = parse_image(repository.spec.image)
        selection = await self._select(run, repository, image, span)
        chosen = ImageRef(name=repository.spec.image, tag=selection.choice.tag)
        # A tag that is kept may be gone from the registry: it is not asked for.
        kept = run.status.latest_ref if selection.refused_downgrade else None
        chosen = kept or replace(chosen, digest=await self._digest(run, repository, image, chosen))
        span.set("tagline.tag", chosen.tag)
        _record_choice(run, chosen)
        self._measure(run, chosen, span)
        warnings = await reflect_sources(run, repository, image, self._images)
        due = (_next_run(run, selection), SOURCE_RETRY if warnings else None)
        return Ready(
            _message(run.status, selection.refused_downgrade),
            requeue_after=min((delay for delay in due if delay is not None), default=None),
            warnings=warnings,
        )

    async def _find_repository(self, policy: ImagePolicy) -> ImageRepository:
        key, namespace = repository_key(policy), policy.metadata.namespace
        if key.namespace != namespace and not self._cross_namespace:
            raise CrossNamespaceBlocked(key)
        repository = await self._repositories(key)
        if repository is None:
            raise RepositoryMissing(key)
        if key.namespace != namespace:
            check_access(repository, namespace, namespace_labels=await self._namespace_labels(namespace))
        return repository

    def _follow(self, policy: Key, repository: ImageRepository) -> tuple[str, ...]:
        """Return the trace of the scan that found the tags; once, since later runs have other causes."""
        scan = repository.status.last_scan_result
        trace = scan.trace_parent if scan else ""
        if not trace or self._followed.get(policy) == trace:
            return ()
        self._followed[policy] = trace
        return (trace,)

    def _measure(self, run: PolicyRun, chosen: ImageRef, span: Span) -> None:
        """Count how long a new choice took."""
        before, selection = run.object.status.latest_ref, run.status.selection
        is_new = before is not None and before.tag != chosen.tag
        if is_new and selection is not None and selection.first_seen is not None:
            delay = run.now - selection.first_seen
            self._metrics.record_delay(run.object, delay, tag=chosen.tag, trace_id=span.trace_id)

    async def _select(self, run: PolicyRun, repository: ImageRepository, image: Image, span: Span) -> Selection:
        """Choose, and record how the choice came about, also where nothing could be chosen."""
        index = await read_index(run.object, repository, image=image, tags=self._tags, threads=self._threads)
        try:
            selection = await select_tag(
                run.object,
                repository,
                index,
                image=image,
                reader=self._images,
                threads=self._threads,
                now=run.now,
            )
        except NoTags as error:
            raise NoStoredTags(repository_key(run.object), error) from error
        except SelectionFailed as error:
            status = build_selection_status("", len(index.tags), error.tally, next_eligible_at=error.next_eligible_at)
            _record_selection(run, status)
            self._metrics.record("none", error.tally)
            raise NothingSelected(explain_failure(str(error), error.tally), error, now=run.now) from error
        choice = selection.choice
        status = build_selection_status(
            choice.tag, len(index.tags), choice.tally, next_eligible_at=selection.next_eligible_at
        )
        first_seen = _when_found(run, index, choice.tag)
        _record_selection(run, replace(status, first_seen=first_seen, trace_parent=span.trace_parent))
        self._metrics.record("kept" if selection.refused_downgrade else "chosen", selection.choice.tally)
        return selection

    async def _digest(self, run: PolicyRun, repository: ImageRepository, image: Image, chosen: ImageRef) -> str:
        before, policy = run.status.latest_ref, run.object.spec.digest_reflection_policy
        if policy not in (ALWAYS, IF_NOT_PRESENT):
            return ""
        same = before is not None and (before.name, before.tag) == (chosen.name, chosen.tag)
        if policy == IF_NOT_PRESENT and before is not None and same and before.digest:
            return before.digest
        return await self._images.digest(repository, image, to_image_ref(chosen))


def _next_run(run: PolicyRun, selection: Selection) -> timedelta | None:
    """Return the time until the digest is due again, or the next candidate is old enough."""
    spec = run.object.spec
    due = [run.spread(read_interval(spec.interval))] if spec.digest_reflection_policy == ALWAYS else []
    if selection.next_eligible_at is not None:
        due.append(selection.next_eligible_at - run.now)
    return min(due, default=None)


def _when_found(run: PolicyRun, index: TagIndex, tag: str) -> datetime | None:
    """Return when a scan found the chosen tag, if that is why it is chosen.

    None where the spec was edited, or the tag that was chosen before is gone: then this one is as old as it may be.
    """
    before, latest = run.object.status.selection, run.object.status.latest_ref
    if run.new_generation or latest is None:
        return None
    if latest.tag == tag:
        return before.first_seen if before is not None and before.tag == tag else None
    found = index.first_seen.get(tag) if latest.tag in index else None
    return None if found is None else datetime.fromtimestamp(found, UTC)


def _record_selection(run: PolicyRun, status: SelectionStatus) -> None:
    run.status = replace(run.status, selection=keep_if_equivalent(run.status.selection, status))


def _record_choice(run: PolicyRun, chosen: ImageRef) -> None:
    before = run.status.latest_ref
    if before is not None and before != chosen:
        previous_image = str(to_image_ref(before))
        run.status = replace(run.status, observed_previous_ref=before, observed_previous_image=previous_image)
    # latestImage is written for objects that Flux chose for, too.
    run.status = replace(run.status, latest_ref=chosen, latest_image=str(to_image_ref(chosen)))


def _message(status: ImagePolicyStatus, refused_downgrade: str) -> str:
    latest, previous = status.latest_ref, status.observed_previous_ref
    assert latest is not None
    text = f"Latest image tag for {latest.name} resolved to {latest.tag}"
    if latest.digest:
        text += f" with digest {latest.digest}"
    if previous is not None and previous != latest:
        text += f" (previously {to_image_ref(previous)})"
    return f"{text}; {refused_downgrade} would be a downgrade" if refused_downgrade else text
