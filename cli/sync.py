"""Makes the objects of an embedded API equal to those of manifests, and reads how they are afterwards."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import msgspec

from api.imagepolicy import ImagePolicy
from api.meta import Condition, ObjectMeta
from api.names import (
    FALSE,
    GIT_REPOSITORIES,
    IMAGE_POLICIES,
    IMAGE_REPOSITORIES,
    IMAGE_UPDATE_AUTOMATIONS,
    READY,
    REQUESTED_AT,
    SECRETS,
    SERVICE_ACCOUNTS,
    TRUE,
    UNKNOWN,
)
from api.resource import Resource
from cli.objects import BadInput, Manifest
from controllers.runtime.embedded.client import EmbeddedClient
from controllers.runtime.key import Key, key_of
from controllers.runtime.kube.errors import Invalid, NotFound

RECONCILED: Final = (IMAGE_REPOSITORIES, IMAGE_POLICIES, IMAGE_UPDATE_AUTOMATIONS)
_FROM_MANIFESTS: Final = (SECRETS, SERVICE_ACCOUNTS, GIT_REPOSITORIES, *RECONCILED)
"""The kinds of which there is nothing but what the manifests have; in the order in which they are needed."""


class _Spec(msgspec.Struct):
    suspend: bool = False


class _Status(msgspec.Struct, rename="camel"):
    conditions: tuple[Condition, ...] = ()
    observed_generation: int = -1


class _Object(msgspec.Struct):
    """What every reconciled object says about itself."""

    metadata: ObjectMeta
    spec: _Spec = msgspec.field(default_factory=_Spec)
    status: _Status = msgspec.field(default_factory=_Status)


class _Any(msgspec.Struct):
    metadata: ObjectMeta


@dataclass(frozen=True, slots=True)
class ObjectState:
    """How a reconciled object is."""

    kind: str
    key: Key
    ready: str
    """True, False, Unknown, or Suspended."""
    reason: str
    message: str

    @property
    def is_fine(self) -> bool:
        """Whether nothing has failed."""
        return self.ready in {TRUE, "Suspended"}


@dataclass(frozen=True, slots=True)
class PolicyChoice:
    """What a policy chooses."""

    key: Key
    image: str
    tag: str
    digest: str


async def apply(client: EmbeddedClient, manifests: Iterable[Manifest], *, request_at: datetime | None = None) -> None:
    """Create, replace and delete objects until they are those of the manifests.

    request_at: also ask each reconciled object for a run, whether one is due or not. Raises BadInput, which names all
    that is refused, before anything has changed.
    """
    order = [resource.plural for resource in _FROM_MANIFESTS]
    wanted = sorted(manifests, key=lambda m: order.index(m.resource.plural) if m.resource.plural in order else -1)
    refused = [text for manifest in wanted if (text := await _refusal(client, manifest, request_at))]
    if refused:
        raise BadInput("\n".join(refused))
    for manifest in wanted:
        await _put(client, manifest, request_at)
    names = {(manifest.resource.plural, manifest.key) for manifest in wanted}
    for resource in _FROM_MANIFESTS:
        for obj in (await client.list(resource, into=_Any, limit=0)).items:
            key = key_of(obj)
            if (resource.plural, key) not in names:
                await client.delete(resource, key.namespace, key.name)


async def _refusal(client: EmbeddedClient, manifest: Manifest, request_at: datetime | None) -> str:
    """Return why a manifest would be refused, with its place; empty if it would not be."""
    try:
        await _put(client, manifest, request_at, dry_run=True)
    except Invalid as error:
        return f"{manifest.place}: {error.message}"
    return ""


async def _put(
    client: EmbeddedClient, manifest: Manifest, request_at: datetime | None, *, dry_run: bool = False
) -> None:
    body: dict[str, Any] = manifest.body
    meta = {name: value for name, value in body["metadata"].items() if name not in {"resourceVersion", "uid"}}
    if request_at and manifest.resource.kind in {resource.kind for resource in RECONCILED}:
        meta["annotations"] = {**(meta.get("annotations") or {}), REQUESTED_AT: request_at.isoformat()}
    body = {**body, "metadata": meta}
    try:
        await client.replace(manifest.resource, *manifest.key, body, into=_Any, dry_run=dry_run)
    except NotFound:
        await client.create(manifest.resource, manifest.key.namespace, body, into=_Any, dry_run=dry_run)


async def read_states(client: EmbeddedClient) -> list[ObjectState]:
    """Return how every reconciled object is, by kind, namespace and name."""
    return [
        _state(resource, obj)
        for resource in RECONCILED
        for obj in (await client.list(resource, into=_Object, limit=0)).items
    ]


def _state(resource: Resource, obj: _Object) -> ObjectState:
    ready = next((condition for condition in obj.status.conditions if condition.type == READY), None)
    key = key_of(obj)
    if obj.spec.suspend:
        return ObjectState(resource.kind, key, "Suspended", "", "suspended")
    if ready is None or (obj.status.observed_generation != obj.metadata.generation and ready.status != FALSE):
        return ObjectState(resource.kind, key, UNKNOWN, "", "has not been reconciled to the end")
    return ObjectState(resource.kind, key, ready.status, ready.reason, ready.message)


async def read_choices(client: EmbeddedClient) -> dict[Key, PolicyChoice]:
    """Return what the policies choose that choose something."""
    chosen = {}
    for policy in (await client.list(IMAGE_POLICIES, into=ImagePolicy, limit=0)).items:
        if latest := policy.status.latest_ref:
            key = key_of(policy)
            chosen[key] = PolicyChoice(key, latest.name, latest.tag, latest.digest)
    return chosen
