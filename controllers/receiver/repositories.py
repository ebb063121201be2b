"""ImageRepositories as far as a receiver sees them, found by the path of their image."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import msgspec

from api.meta import ObjectMeta
from controllers.image.reference import BadReference, Image, parse_image
from controllers.receiver.plan import Item, Plan
from controllers.runtime.cache.informer import Informer
from controllers.runtime.key import Key, KubeObject
from controllers.webhooks.judge import passes
from controllers.webhooks.matching import EVERY, Subject, Wake, canonical, in_scope, match
from controllers.webhooks.verdict import Accepted, Action, Event, Refusal

BY_PATH: Final = "path"
_DOCKER_HUB: Final = "docker.io"
K = TypeVar("K", bound=KubeObject)


class RepositorySpec(msgspec.Struct, frozen=True, kw_only=True):
    """The part of a spec that matters here."""

    image: str
    suspend: bool = False


class RepositoryStatus(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The part of a status that matters here."""

    last_handled_reconcile_at: str = ""


class Repository(msgspec.Struct, frozen=True, kw_only=True):
    """An ImageRepository."""

    metadata: ObjectMeta
    spec: RepositorySpec
    status: RepositoryStatus = RepositoryStatus()


def paths_of(repository: Repository) -> list[str]:
    """Return the path of the image; none for what is no image, which the object's own condition says."""
    try:
        return [canonical(parse_image(repository.spec.image)).repository]
    except BadReference:
        return []


async def list_now(informer: Informer[K], items: Sequence[Item], namespace: str) -> list[K]:
    """Return the objects of all namespaces that items name, as the server has them now. Raises ApiError.

    namespace: the Receiver's
    """
    places = dict.fromkeys(item.resource.namespace or namespace for item in items)
    return [found for place in places for found in await informer.list_now(place)]


@dataclass(frozen=True, slots=True)
class Pushed:
    """What some events say was pushed."""

    paths: tuple[str, ...]
    """Of images, each once."""
    wakes_all: bool


def list_pushed(events: Iterable[Event]) -> Pushed:
    """Return what some events say was pushed. Pure; takes tens of milliseconds for thousands of events."""
    pushes = [event for event in events if event.action is Action.PUSH]
    paths = dict.fromkeys(path for event in pushes for path in _paths(event))
    return Pushed(tuple(paths), any(event.wakes_all for event in pushes))


def list_named(informer: Informer[K], items: Sequence[Item], namespace: str) -> list[K]:
    """Return the objects that items may list. Soon done: nothing is looked at where a whole namespace is meant.

    namespace: the Receiver's
    """
    keys = dict.fromkeys(Key(item.resource.namespace or namespace, item.resource.name) for item in items)
    whole = [key.namespace for key in keys if key.name == EVERY]
    named = (informer.get(key) for key in keys if key.namespace not in whole)
    return [*(one for place in whole for one in informer.list(place)), *(one for one in named if one is not None)]


class Repositories:
    """Finds what a request wakes."""

    def __init__(self, informer: Informer[Repository]) -> None:
        """informer: indexed by `paths_of` as `BY_PATH`."""
        self._informer = informer

    def candidates(self, pushed: Pushed, plan: Plan, namespace: str) -> list[Repository]:
        """Return the ImageRepositories that some events may be about, perhaps twice.

        namespace: the Receiver's
        """
        found = list_named(self._informer, plan.items, namespace) if pushed.wakes_all else []
        for path in pushed.paths:
            found += self._informer.by_index(BY_PATH, path)
        return found

    async def candidates_now(self, pushed: Pushed, plan: Plan, namespace: str) -> list[Repository]:
        """Return the same of what the server has now. Raises ApiError."""
        paths = set(pushed.paths)
        return [
            found
            for found in await list_now(self._informer, plan.items, namespace)
            if pushed.wakes_all or not paths.isdisjoint(paths_of(found))
        ]

    @property
    def is_behind(self) -> bool:
        """Whether the server may have others: the watch is broken."""
        return self._informer.is_behind

    def get(self, key: Key) -> Repository | None:
        """Return an ImageRepository as it was last received."""
        return self._informer.get(key)


def _paths(event: Event) -> Iterator[str]:
    for name in event.names:
        yield canonical(Image(name.host, name.repository)).repository
        yield canonical(Image(_DOCKER_HUB, name.repository)).repository  # the host may be another one here


def _subject(repository: Repository) -> Subject:
    meta = repository.metadata
    return Subject(meta.namespace, meta.name, repository.spec.image, repository.spec.suspend, meta.labels)


def _metadata(meta: ObjectMeta) -> dict[str, Any]:
    """Return what is there: `has(res.metadata.labels)` is false without labels, as in Flux."""
    maps = {"labels": meta.labels, "annotations": meta.annotations}
    return {"name": meta.name, "namespace": meta.namespace, **{key: value for key, value in maps.items() if value}}


def choose(
    verdict: Accepted, repositories: Iterable[Repository], plan: Plan, *, namespace: str, allows_others: bool
) -> tuple[Wake, ...]:
    """Return what a request wakes. Pure; takes long for thousands of objects, events or expressions.

    namespace: the Receiver's
    """
    candidates = {_subject(one): one.metadata for one in repositories}
    listed: dict[Subject, list[str]] = {}
    for item in plan.items:
        for subject in in_scope(candidates, [item.resource], namespace=namespace, allows_others=allows_others):
            listed.setdefault(subject, []).append(item.filter)
    wakes = match(verdict.events, listed, registry=plan.settings.registry).wakes
    return tuple(
        wake
        for wake in wakes
        if is_passed(verdict, candidates[wake.subject], plan.resource_filter, listed[wake.subject])
    )


def is_passed(verdict: Accepted, meta: ObjectMeta, common: str, filters: Sequence[str]) -> bool:
    """Return whether an object passes the Receiver's filter and that of one of its items that lists it."""
    metadata = _metadata(meta)
    return _holds(common, verdict, metadata) and any(_holds(each, verdict, metadata) for each in filters)


def _holds(expression: str, verdict: Accepted, metadata: dict[str, Any]) -> bool:
    try:
        return passes(expression, verdict, metadata)
    except Refusal:  # no value for this payload: it says nothing of this object
        return False
