"""The ImagePolicy algorithm: find the repository, read its tags, choose, tell.

Follows https://fluxcd.io/flux/components/image/imagepolicies/. Ours, not Flux's: a policy whose repository was not
scanned yet (or not for its present image) waits for that without a warning, and a renamed image wakes its policies.
"""

import asyncio
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Protocol

from msgspec.structs import replace

from api.duration import parse_duration
from api.imagepolicy import ALWAYS, IF_NOT_PRESENT, ImagePolicy, ImagePolicySpec, ImagePolicyStatus, ImageRef
from api.imagerepository import ImageRepository
from api.meta import ACCESS_DENIED, DEPENDENCY_NOT_READY, FAILED, FAILURE
from controllers.imageaccess.reader import SECRET_RETRY, AccessFailed, AccessReader
from controllers.imagepolicy.acl import AccessDenied, check_access
from controllers.imagepolicy.tags import INLINE_TAGS, Tags
from controllers.policy.errors import Failure, InvalidPolicy, NoTags
from controllers.policy.index import validate
from controllers.policy.policies import Alphabetical, Choice, Filter, Numerical, Policy, Semver, policy_of
from controllers.registry.access import Access
from controllers.registry.errors import BadReference, RegistryError, Throttled
from controllers.registry.reference import Image, parse_image
from controllers.runtime.errors import ApiError
from controllers.runtime.key import Key
from controllers.runtime.run import NotReady, Ready, Run, Stall
from controllers.taglist.reader import NotStored

INVALID_POLICY = "InvalidPolicy"
IMAGE_URL_INVALID = "ImageURLInvalid"
INTERVAL_NOT_CONFIGURED = "IntervalNotConfigured"

REFERRED = "failed to get the referred ImageRepository: "


class DigestReader(Protocol):
    """What is needed of `registry.client.RegistryClient`."""

    async def digest(self, image: Image, tag: str, access: Access, *, timeout: timedelta) -> str: ...


class ImagePolicyReconciler:
    """Chooses for one policy a run. Called for many objects at the same time."""

    def __init__(
        self,
        *,
        repositories: Callable[[Key], ImageRepository | None],
        namespace_labels: Callable[[str], Mapping[str, str]],
        tags: Tags,
        registry: DigestReader,
        access: AccessReader,
        cross_namespace: bool,
    ) -> None:
        """`repositories` and `namespace_labels` read informers; `cross_namespace`: references may leave their own."""
        self._repositories = repositories
        self._namespace_labels = namespace_labels
        self._tags = tags
        self._registry = registry
        self._access = access
        self._cross_namespace = cross_namespace

    async def reconcile(self, run: Run[ImagePolicy, ImagePolicyStatus]) -> Ready:
        """One pass: the choice from the repository's stored tags, and its digest where it is wanted."""
        spec = run.object.spec
        if spec.digest_reflection_policy == ALWAYS and not spec.interval:
            raise Stall(
                INTERVAL_NOT_CONFIGURED, "spec.interval must be set when spec.digestReflectionPolicy is set to 'Always'"
            )
        repository = self._repository(run.object)
        image = _image(repository)
        choice = await self._choose(run, repository, image)
        chosen = ImageRef(name=repository.spec.image, tag=choice.tag)
        chosen = replace(chosen, digest=await self._digest(run, repository, image, chosen))
        _record(run, chosen)
        after = parse_duration(spec.interval) if spec.digest_reflection_policy == ALWAYS else None
        return Ready(_message(run.status), after=after)

    def _repository(self, policy: ImagePolicy) -> ImageRepository:
        key = repository_key(policy)
        if key.namespace != policy.metadata.namespace and not self._cross_namespace:
            raise NotReady(
                ACCESS_DENIED,
                f"{REFERRED}cannot access 'ImageRepository/{key}', cross-namespace references have been blocked",
            )
        repository = self._repositories(key)
        if repository is None:
            raise NotReady(
                DEPENDENCY_NOT_READY,
                f"{REFERRED}referenced ImageRepository does not exist: "
                f'ImageRepository.image.toolkit.fluxcd.io "{key.name}" not found',
                wait=True,
            )
        labels = self._namespace_labels(policy.metadata.namespace)
        try:
            check_access(repository, policy.metadata.namespace, namespace_labels=labels)
        except AccessDenied as error:
            raise NotReady(ACCESS_DENIED, f"{REFERRED}access denied: {error}", wait=True) from error
        return repository

    async def _choose(
        self, run: Run[ImagePolicy, ImagePolicyStatus], repository: ImageRepository, image: Image
    ) -> Choice:
        policy, tag_filter = _policy(run.object.spec), _filter(run.object.spec)
        scan = repository.status.last_scan_result
        key = repository_key(run.object)
        try:
            if scan is None or repository.status.canonical_image_name != image.name:
                validate(policy, tag_filter)  # a spec that cannot work is told before the first scan, too
                raise NotReady(
                    DEPENDENCY_NOT_READY,
                    f"waiting for ImageRepository '{key}' to scan {image.name}; its own status tells how that goes",
                    wait=True,
                    warn=False,
                )
            index = await self._tags.index(key, scan.revision)
            if len(index.tags) <= INLINE_TAGS:
                return index.choose(policy, tag_filter)
            return await asyncio.to_thread(index.choose, policy, tag_filter)
        except NotStored as error:
            raise NotReady(DEPENDENCY_NOT_READY, f"waiting for a new scan: {error}", wait=True, warn=False) from error
        except ApiError as error:
            raise NotReady(FAILURE, f"failed to read tags of ImageRepository '{key}': {error.message}") from error
        except InvalidPolicy as error:
            raise Stall(INVALID_POLICY, str(error)) from error
        except NoTags as error:
            raise NotReady(
                DEPENDENCY_NOT_READY, f"no tags in database: ImageRepository '{key}' found none", wait=True
            ) from error
        except Failure as error:
            raise NotReady(FAILURE, str(error), wait=True) from error

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
        limit = max(parse_duration(repository.spec.timeout or repository.spec.interval), timedelta(seconds=1))
        tried = f"failed fetching digest of {chosen.name}:{chosen.tag}: "
        try:
            access = await self._access.read(repository, image)
            return await self._registry.digest(image, chosen.tag, access, timeout=limit)
        except AccessFailed as error:
            text = f"{tried}failed to configure authentication options: {error}"
            raise NotReady(FAILED, text, at_most=SECRET_RETRY) from error
        except RegistryError as error:
            text = f'{tried}failed fetching descriptor for "{image.name}:{chosen.tag}": {error}'
            after = error.retry_after if isinstance(error, Throttled) else None
            raise NotReady(FAILED, text, retry_after=after) from error


def repository_key(policy: ImagePolicy) -> Key:
    """The ImageRepository that a policy refers to."""
    ref = policy.spec.image_repository_ref
    return Key(ref.namespace or policy.metadata.namespace, ref.name)


def image_text(ref: ImageRef) -> str:
    """`name:tag` or `name:tag@digest`: the form of v1beta1's `latestImage`."""
    return f"{ref.name}:{ref.tag}" + (f"@{ref.digest}" if ref.digest else "")


def _image(repository: ImageRepository) -> Image:
    try:
        return parse_image(repository.spec.image)
    except BadReference as error:
        # The policy itself is fine: it is looked at again when the repository changes.
        raise Stall(IMAGE_URL_INVALID, str(error)) from error


def _policy(spec: ImagePolicySpec) -> Policy | None:
    """The policy in force: where several are given semver goes before alphabetical before numerical."""
    choice = spec.policy
    return policy_of(
        semver=Semver(choice.semver.range) if choice.semver else None,
        alphabetical=Alphabetical(choice.alphabetical.order) if choice.alphabetical else None,
        numerical=Numerical(choice.numerical.order) if choice.numerical else None,
    )


def _filter(spec: ImagePolicySpec) -> Filter | None:
    return Filter(spec.filter_tags.pattern, spec.filter_tags.extract) if spec.filter_tags else None


def _record(run: Run[ImagePolicy, ImagePolicyStatus], chosen: ImageRef) -> None:
    before = run.status.latest_ref
    if before is not None and before != chosen:
        run.status = replace(run.status, observed_previous_ref=before, observed_previous_image=image_text(before))
    # latestImage is written for objects that Flux chose for, too.
    run.status = replace(run.status, latest_ref=chosen, latest_image=image_text(chosen))


def _message(status: ImagePolicyStatus) -> str:
    latest, previous = status.latest_ref, status.observed_previous_ref
    assert latest is not None
    text = f"Latest image tag for {latest.name} resolved to {latest.tag}"
    if latest.digest:
        text += f" with digest {latest.digest}"
    if previous is not None and previous != latest:
        text += f" (previously {image_text(previous)})"
    return text
