"""The ImagePolicy algorithm: find the repository, read its tags, choose, tell.

Follows https://fluxcd.io/flux/components/image/imagepolicies/. Ours, not Flux's: a policy whose repository was not
scanned yet (or not for its present image) waits for that without a warning, and a renamed image wakes its policies.
"""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import partial

from msgspec.structs import replace

from api.imagepolicy import ALWAYS, IF_NOT_PRESENT, ImagePolicy, ImagePolicyStatus, ImageRef
from api.imagerepository import ImageRepository
from api.meta import ACCESS_DENIED, DEPENDENCY_NOT_READY, FAILURE
from controllers.golang.duration import parse_duration
from controllers.image.reference import Image, parse_image
from controllers.imagepolicy.acl import AccessDenied, check_access
from controllers.imagepolicy.image_reader import ImageReader, image_text
from controllers.imagepolicy.provenance import SOURCE_RETRY, reflect_sources
from controllers.imagepolicy.rules import rules_of
from controllers.imagepolicy.selection_status import ChoiceMetrics, account, explain_failure, keep_if_equivalent
from controllers.imagepolicy.tag_index_cache import Tags
from controllers.imagepolicy.tag_selection import select_tag
from controllers.policy.errors import InvalidPolicy, NoTags, SelectionFailed
from controllers.policy.index import TagIndex
from controllers.policy.policies import Tally
from controllers.policy.rules import Selection, check
from controllers.registry.errors import BadReference
from controllers.runtime.key import Key
from controllers.runtime.kube.errors import ApiError
from controllers.runtime.reconcile.outcome import Ready
from controllers.runtime.reconcile.run import NotReady, Run, Stalled
from controllers.taglist.reader import TagListNotFound

INVALID_POLICY = "InvalidPolicy"
IMAGE_URL_INVALID = "ImageURLInvalid"
INTERVAL_NOT_CONFIGURED = "IntervalNotConfigured"

REFERRED_PREFIX = "failed to get the referred ImageRepository: "


class ImagePolicyReconciler:
    """Chooses for one policy a run. Called for many objects at the same time."""

    def __init__(
        self,
        *,
        repositories: Callable[[Key], ImageRepository | None],
        namespace_labels: Callable[[str], Mapping[str, str]],
        tags: Tags,
        images: ImageReader,
        metrics: ChoiceMetrics,
        cross_namespace: bool,
    ) -> None:
        """`repositories` and `namespace_labels` read informers; `cross_namespace`: references may leave their own."""
        self._repositories = repositories
        self._namespace_labels = namespace_labels
        self._tags = tags
        self._images = images
        self._metrics = metrics
        self._cross_namespace = cross_namespace

    async def reconcile(self, run: Run[ImagePolicy, ImagePolicyStatus]) -> Ready:
        """One pass: the choice from the repository's stored tags, its digest and its source where they are wanted."""
        spec = run.object.spec
        if spec.digest_reflection_policy == ALWAYS and not spec.interval:
            raise Stalled(
                INTERVAL_NOT_CONFIGURED, "spec.interval must be set when spec.digestReflectionPolicy is set to 'Always'"
            )
        repository = self._repository(run.object)
        image = _image(repository)
        selection = await self._select(run, repository, image)
        chosen = ImageRef(name=repository.spec.image, tag=selection.choice.tag)
        # A tag that is kept may be gone from the registry: it is not asked for.
        kept = run.status.latest_ref if selection.refused_downgrade else None
        chosen = kept or replace(chosen, digest=await self._digest(run, repository, image, chosen))
        _record(run, chosen)
        warnings = await reflect_sources(run, repository, image, self._images)
        due = (_next_run(run, selection), SOURCE_RETRY if warnings else None)
        after = min((delay for delay in due if delay is not None), default=None)
        return Ready(_message(run.status, selection.refused_downgrade), requeue_after=after, warnings=warnings)

    def _repository(self, policy: ImagePolicy) -> ImageRepository:
        key = repository_key(policy)
        if key.namespace != policy.metadata.namespace and not self._cross_namespace:
            raise NotReady(
                ACCESS_DENIED,
                f"{REFERRED_PREFIX}cannot access 'ImageRepository/{key}', cross-namespace references have been blocked",
            )
        repository = self._repositories(key)
        if repository is None:
            raise NotReady(
                DEPENDENCY_NOT_READY,
                f"{REFERRED_PREFIX}referenced ImageRepository does not exist: "
                f'ImageRepository.image.toolkit.fluxcd.io "{key.name}" not found',
                wait=True,
            )
        labels = self._namespace_labels(policy.metadata.namespace)
        try:
            check_access(repository, policy.metadata.namespace, namespace_labels=labels)
        except AccessDenied as error:
            raise NotReady(ACCESS_DENIED, f"{REFERRED_PREFIX}access denied: {error}", wait=True) from error
        return repository

    async def _select(
        self, run: Run[ImagePolicy, ImagePolicyStatus], repository: ImageRepository, image: Image
    ) -> Selection:
        rules = rules_of(run.object.spec)
        scan = repository.status.last_scan_result
        key = repository_key(run.object)
        try:
            if scan is None or repository.status.canonical_image_name != image.name:
                check(rules)  # a spec that cannot work is told before the first scan, too
                raise NotReady(
                    DEPENDENCY_NOT_READY,
                    f"waiting for ImageRepository '{key}' to scan {image.name}; its own status tells how that goes",
                    wait=True,
                    warn=False,
                )
            index = await self._tags.index(key, scan.revision)
            read = partial(self._images.read_image_facts, repository, image)
            latest = run.status.latest_ref
            current = latest.tag if latest and latest.name == repository.spec.image else ""
            selection = await select_tag(index, rules, read, now=run.now, current=current)
            _record_selection(run, index, selection.choice.tag, selection.choice.tally, selection.next_eligible_at)
            self._metrics.record("kept" if selection.refused_downgrade else "chosen", selection.choice.tally)
            return selection
        except TagListNotFound as error:
            raise NotReady(DEPENDENCY_NOT_READY, f"waiting for a new scan: {error}", wait=True, warn=False) from error
        except ApiError as error:
            raise NotReady(FAILURE, f"failed to read tags of ImageRepository '{key}': {error.message}") from error
        except InvalidPolicy as error:
            raise Stalled(INVALID_POLICY, str(error)) from error
        except NoTags as error:
            others = (
                f" besides {error.excluded_count} that its exclusionList leaves out" if error.excluded_count else ""
            )
            raise NotReady(
                DEPENDENCY_NOT_READY, f"no tags in database: ImageRepository '{key}' found none{others}", wait=True
            ) from error
        except SelectionFailed as error:
            _record_selection(run, index, "", error.tally, error.next_eligible_at)
            self._metrics.record("none", error.tally)
            text = explain_failure(str(error), error.tally)
            if error.next_eligible_at is None:
                raise NotReady(FAILURE, text, wait=True) from error
            raise NotReady(FAILURE, text, retry_after=error.next_eligible_at - run.now) from error

    async def _digest(
        self, run: Run[ImagePolicy, ImagePolicyStatus], repository: ImageRepository, image: Image, chosen: ImageRef
    ) -> str:
        before = run.status.latest_ref
        same = before is not None and (before.name, before.tag) == (chosen.name, chosen.tag)
        match run.object.spec.digest_reflection_policy:
            case policy if policy == ALWAYS:
                pass
            case policy if policy == IF_NOT_PRESENT:
                if before is not None and same and before.digest:
                    return before.digest
            case _:
                return ""
        return await self._images.digest(repository, image, chosen)


def repository_key(policy: ImagePolicy) -> Key:
    """The ImageRepository that a policy refers to."""
    ref = policy.spec.image_repository_ref
    return Key(ref.namespace or policy.metadata.namespace, ref.name)


def _image(repository: ImageRepository) -> Image:
    try:
        return parse_image(repository.spec.image)
    except BadReference as error:
        # The policy itself is fine: it is looked at again when the repository changes.
        raise Stalled(IMAGE_URL_INVALID, str(error)) from error


def _next_run(run: Run[ImagePolicy, ImagePolicyStatus], selection: Selection) -> timedelta | None:
    """Until the digest is due again, or the next candidate is old enough."""
    spec = run.object.spec
    due = [run.spread(parse_duration(spec.interval))] if spec.digest_reflection_policy == ALWAYS else []
    if selection.next_eligible_at is not None:
        due.append(selection.next_eligible_at - run.now)
    return min(due, default=None)


def _record_selection(
    run: Run[ImagePolicy, ImagePolicyStatus], index: TagIndex, tag: str, tally: Tally, next_eligible_at: datetime | None
) -> None:
    told = account(tag, len(index.tags), tally, next_eligible_at=next_eligible_at)
    run.status = replace(run.status, selection=keep_if_equivalent(run.status.selection, told))


def _record(run: Run[ImagePolicy, ImagePolicyStatus], chosen: ImageRef) -> None:
    before = run.status.latest_ref
    if before is not None and before != chosen:
        run.status = replace(run.status, observed_previous_ref=before, observed_previous_image=image_text(before))
    # latestImage is written for objects that Flux chose for, too.
    run.status = replace(run.status, latest_ref=chosen, latest_image=image_text(chosen))


def _message(status: ImagePolicyStatus, refused_downgrade: str) -> str:
    latest, previous = status.latest_ref, status.observed_previous_ref
    assert latest is not None
    text = f"Latest image tag for {latest.name} resolved to {latest.tag}"
    if latest.digest:
        text += f" with digest {latest.digest}"
    if previous is not None and previous != latest:
        text += f" (previously {image_text(previous)})"
    return f"{text}; {refused_downgrade} would be a downgrade" if refused_downgrade else text
