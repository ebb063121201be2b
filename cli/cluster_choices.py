"""What policies choose from the tag lists of a cluster: the controller's own reconciler, on copies of its objects.

Objects of files take the place of those of the cluster with the same name, as if they had been applied. Tag lists,
Secrets and ServiceAccounts are read from the cluster when a policy needs them. Nothing is written to the cluster.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol, TypeVar

import msgspec
from msgspec.structs import replace

from api.core import Namespace
from api.gitrepository import GitRepository
from api.imagepolicy import ImagePolicy
from api.imagerepository import ImageRepository
from api.imagetaglist import chunk_name
from api.imageupdateautomation import ImageUpdateAutomation
from api.kinds import KINDS
from api.meta import Condition
from api.names import (
    FAILED,
    GIT_REPOSITORIES,
    IMAGE_POLICIES,
    IMAGE_REPOSITORIES,
    IMAGE_TAG_LISTS,
    IMAGE_UPDATE_AUTOMATIONS,
    NAMESPACES,
    READY,
    SECRETS,
    SERVICE_ACCOUNTS,
    TRUE,
)
from api.resource import Resource
from cli.hosting import Host
from cli.local import FLAGS, Progress, namespaces_first, offline_registry, watching
from cli.objects import Manifest, Manifests
from controllers.clock import Clock
from controllers.runtime.embedded.api import EmbeddedApi
from controllers.runtime.embedded.client import EmbeddedClient
from controllers.runtime.key import Key, key_of
from controllers.runtime.kube.errors import ApiError, NotFound
from controllers.runtime.kube.serializer import Page
from controllers.selection.rules import repository_key

CHOOSER: Final = "imagepolicy"
_READ_WHEN_NEEDED: Final = frozenset({IMAGE_TAG_LISTS.plural, SECRETS.plural, SERVICE_ACCOUNTS.plural})

T = TypeVar("T")
K = TypeVar("K", ImageRepository, ImagePolicy, ImageUpdateAutomation, GitRepository, Namespace)


class ClusterReader(Protocol):
    """What is asked of a cluster. Raises ApiError."""

    async def get(self, resource: Resource, namespace: str, name: str, *, into: type[T]) -> T: ...

    async def list(self, resource: Resource, *, into: type[T], limit: int = 500) -> Page[T]: ...


@dataclass(slots=True)
class ClusterChoices:
    """The objects of a cluster with those of files in their places; the policies have chosen."""

    repositories: list[ImageRepository] = field(default_factory=list)
    policies: list[ImagePolicy] = field(default_factory=list)
    automations: list[ImageUpdateAutomation] = field(default_factory=list)
    sources: list[GitRepository] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    """What the API would refuse, each with its place."""
    notices: list[str] = field(default_factory=list)
    namespaces: dict[str, Mapping[str, str]] = field(default_factory=dict)
    """Labels of namespaces; empty where nothing refers to another one."""


@dataclass(frozen=True, slots=True)
class _Listed:
    """The objects of the cluster."""

    repositories: dict[Key, ImageRepository]
    policies: dict[Key, ImagePolicy]


async def choose_in_cluster(
    cluster: ClusterReader, files: Manifests, *, clock: Clock, offline: bool, progress: Progress = lambda *_: None
) -> ClusterChoices:
    """Return what the controller would choose now, were the objects of the files applied.

    offline: ask no registry, neither for digests nor for images. Raises ApiError where objects cannot be listed.
    """
    listed = _Listed(
        await _list(cluster, IMAGE_REPOSITORIES, ImageRepository), await _list(cluster, IMAGE_POLICIES, ImagePolicy)
    )
    automations = await _list(cluster, IMAGE_UPDATE_AUTOMATIONS, ImageUpdateAutomation)
    sources = await _list(cluster, GIT_REPOSITORIES, GitRepository)
    choices = ClusterChoices(
        automations=list(_overlay(automations, files, IMAGE_UPDATE_AUTOMATIONS, ImageUpdateAutomation).values()),
        sources=list(_overlay(sources, files, GIT_REPOSITORIES, GitRepository).values()),
        problems=list(files.problems),
        notices=list(files.notices),
    )
    with EmbeddedApi.in_memory(KINDS, clock=clock) as api:
        client = _LazyClient(api, cluster, clock=clock)
        await _fill(client, cluster, listed, files, choices)
        build = offline_registry({}, clock=clock, offline=True, kind=CHOOSER) if offline else None
        async with (
            Host(api, (CHOOSER,), argv=FLAGS, build=build, clock=clock, client=client) as host,
            watching(client, clock, progress, of=IMAGE_POLICIES),
        ):
            await host.settle()
        choices.repositories = (await client.list(IMAGE_REPOSITORIES, into=ImageRepository, limit=0)).items
        chosen = {key_of(policy): policy for policy in await _policies(client)}
        unread = client.unread
    for key, policy in {**listed.policies, **chosen}.items():
        choices.policies.append(_settle(key, policy, listed, choices, unread))
    return choices


class _LazyClient(EmbeddedClient):
    """An embedded API's client that asks a cluster for what only some objects need, and only when they do."""

    def __init__(self, api: EmbeddedApi, cluster: ClusterReader, *, clock: Clock) -> None:
        super().__init__(api.store, clock=clock)
        self._cluster = cluster
        self.unread: set[tuple[str, str]] = set()
        """Namespaces and names of tag lists' chunks that could not be read."""

    async def get(self, resource: Resource, namespace: str, name: str, *, into: type[T]) -> T:
        try:
            return await super().get(resource, namespace, name, into=into)
        except NotFound:
            if resource.plural not in _READ_WHEN_NEEDED:
                raise
        try:
            return await self._cluster.get(resource, namespace, name, into=into)
        except ApiError:
            self.unread.add((namespace, name))
            raise


async def _list(cluster: ClusterReader, resource: Resource, into: type[K]) -> dict[Key, K]:
    return {key_of(obj): obj for obj in (await cluster.list(resource, into=into, limit=0)).items}


async def _policies(client: EmbeddedClient) -> Sequence[ImagePolicy]:
    return (await client.list(IMAGE_POLICIES, into=ImagePolicy, limit=0)).items


def _overlay(listed: dict[Key, K], files: Manifests, resource: Resource, into: type[K]) -> dict[Key, K]:
    """Return the objects of a kind; those of files keep the status that the cluster has."""
    merged = dict(listed)
    for manifest in files.of(resource.kind):
        obj = msgspec.convert(manifest.body, into)
        before = listed.get(manifest.key)
        status = getattr(before, "status", None)
        merged[manifest.key] = replace(obj, status=status) if status is not None else obj
    return merged


async def _fill(
    client: EmbeddedClient, cluster: ClusterReader, listed: _Listed, files: Manifests, choices: ClusterChoices
) -> None:
    """Put repositories, policies and what is asked about them into the embedded API."""
    given = {(manifest.resource.kind, manifest.key) for manifest in files.manifests}
    for manifest in namespaces_first(files.manifests):
        if manifest.resource.kind in {IMAGE_UPDATE_AUTOMATIONS.kind, GIT_REPOSITORIES.kind}:
            continue
        status = _status_of(manifest, listed, choices)
        try:
            await client.create(manifest.resource, manifest.key.namespace, manifest.body, into=dict)
            await _put_status(client, manifest.resource, manifest.key, status)
        except ApiError as error:
            choices.problems.append(f"{manifest.place}: {manifest.name}: {error.message}")
    if await _refers_across(client, listed, choices.automations):
        try:
            namespaces = await _list(cluster, NAMESPACES, Namespace)
        except ApiError as error:
            choices.notices.append(f"access across namespaces cannot be judged: {error.message}")
            namespaces = {}
        for key, namespace in namespaces.items():
            if (NAMESPACES.kind, key) not in given:
                await client.create(NAMESPACES, "", _copy(namespace, NAMESPACES), into=dict)
        stored = (await client.list(NAMESPACES, into=Namespace, limit=0)).items
        choices.namespaces = {one.metadata.name: one.metadata.labels for one in stored}
    objects: list[tuple[Resource, dict[Key, Any]]] = [
        (IMAGE_REPOSITORIES, dict(listed.repositories)),
        (IMAGE_POLICIES, dict(listed.policies)),
    ]
    for resource, of_kind in objects:
        for key, obj in of_kind.items():
            if (resource.kind, key) in given:
                continue
            try:
                await client.create(resource, key.namespace, _copy(obj, resource), into=dict)
                await _put_status(client, resource, key, obj.status)
            except ApiError as error:
                choices.problems.append(f"{resource.kind} {key} of the cluster: {error.message}")


async def _refers_across(client: EmbeddedClient, listed: _Listed, automations: Iterable[ImageUpdateAutomation]) -> bool:
    """Return whether an object refers to one of another namespace, so that labels of namespaces count."""
    if any(automation.spec.policy_namespaces for automation in automations):
        return True
    policies = [*listed.policies.values(), *await _policies(client)]
    return any(repository_key(policy).namespace != policy.metadata.namespace for policy in policies)


def _copy(obj: Any, resource: Resource) -> dict[str, Any]:
    """Return an object of the cluster as one that can be created elsewhere."""
    meta = obj.metadata
    metadata = {"name": meta.name, "labels": dict(meta.labels), "annotations": dict(meta.annotations)}
    if meta.namespace:
        metadata["namespace"] = meta.namespace
    copy = {"apiVersion": resource.api_version, "kind": resource.kind, "metadata": metadata}
    return copy if resource is NAMESPACES else {**copy, "spec": obj.spec}


def _status_of(manifest: Manifest, listed: _Listed, choices: ClusterChoices) -> Any:
    """Return the status that the cluster has for an object of a file; None for an object that is new there."""
    if manifest.resource.kind == IMAGE_POLICIES.kind:
        policy = listed.policies.get(manifest.key)
        return policy.status if policy else None
    if manifest.resource.kind != IMAGE_REPOSITORIES.kind:
        return None
    repository = listed.repositories.get(manifest.key)
    if repository is None:
        return None
    spec = msgspec.convert(manifest.body, ImageRepository).spec
    if spec.exclusion_list != repository.spec.exclusion_list and spec.image == repository.spec.image:
        choices.notices.append(
            f"{manifest.place}: {manifest.name} has another exclusionList than in the cluster, whose last scan left "
            "out the tags of its own one"
        )
    return repository.status


async def _put_status(client: EmbeddedClient, resource: Resource, key: Key, status: Any) -> None:
    if status is not None:
        body = {"status": status}
        await client.patch(resource, key.namespace, key.name, body, into=dict, subresource="status")


def _settle(
    key: Key, policy: ImagePolicy, listed: _Listed, choices: ClusterChoices, unread: set[tuple[str, str]]
) -> ImagePolicy:
    """Return a policy with its choice; the one in its status where it could not be made again from here.

    That is so where this user may not read what the controller reads, where a registry does not answer this machine,
    and where the cluster's controllers store no tag lists, as those of Flux.
    """
    before = listed.policies.get(key)
    if before is None or policy is before or before.spec != policy.spec or _is_ready(policy):
        return policy
    repository = repository_key(policy)
    shown = next((one for one in choices.repositories if key_of(one) == repository), None)
    known = listed.repositories.get(repository)
    same = shown is not None and known is not None and shown.spec == known.spec
    condition = _ready(policy)
    reason = condition.reason if condition else ""
    has_no_tags = (repository.namespace, chunk_name(repository.name, 0)) in unread
    if not same or not (has_no_tags or reason == FAILED):
        return policy
    message = condition.message if condition else ""
    choices.notices.append(f"ImagePolicy {key}: the choice is that of its status, not a new one: {message}")
    return before


def _ready(policy: ImagePolicy) -> Condition | None:
    return next((condition for condition in policy.status.conditions if condition.type == READY), None)


def _is_ready(policy: ImagePolicy) -> bool:
    condition = _ready(policy)
    return condition is not None and condition.status == TRUE
