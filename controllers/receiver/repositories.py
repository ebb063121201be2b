"""ImageRepositories as far as a receiver sees them, found by the path of their image."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import msgspec

from api.meta import ObjectMeta
from controllers.image.reference import BadReference, Image, parse_image
from controllers.receiver.plan import Plan
from controllers.runtime.cache.informer import Informer
from controllers.runtime.key import Key
from controllers.webhooks.judge import passes
from controllers.webhooks.matching import Subject, Wake, canonical, in_scope, match
from controllers.webhooks.verdict import Accepted, Action, Event, Refusal

BY_PATH: Final = "path"
_DOCKER_HUB: Final = "docker.io"

Candidates: TypeAlias = Mapping[Subject, dict[str, Any]]
"""ImageRepositories, and the metadata of each in the form of JSON."""


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


class Repositories:
    """Finds what a request wakes."""

    def __init__(self, informer: Informer[Repository]) -> None:
        """informer: indexed by `paths_of` as `BY_PATH`."""
        self._informer = informer

    def candidates(self, pushed: Pushed, plan: Plan, namespace: str) -> Candidates:
        """Return the ImageRepositories that some events may be about, each with what filters see of it.

        namespace: the Receiver's
        """
        found: dict[Key, Repository] = {}
        if pushed.wakes_all:
            for place in {item.resource.namespace or namespace for item in plan.items}:
                found |= {Key(place, repository.metadata.name): repository for repository in self._informer.list(place)}
        for path in pushed.paths:
            for repository in self._informer.by_index(BY_PATH, path):
                found[Key(repository.metadata.namespace, repository.metadata.name)] = repository
        return {_subject(repository): metadata_of(repository.metadata) for repository in found.values()}

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


def metadata_of(meta: ObjectMeta) -> dict[str, Any]:
    """Return what is there: `has(res.metadata.labels)` is false without labels, as in Flux."""
    maps = {"labels": meta.labels, "annotations": meta.annotations}
    return {"name": meta.name, "namespace": meta.namespace, **{key: value for key, value in maps.items() if value}}


def choose(
    verdict: Accepted, candidates: Candidates, plan: Plan, *, namespace: str, allows_others: bool
) -> tuple[Wake, ...]:
    """Return what a request wakes. Pure; takes long for thousands of events or expressions.

    namespace: the Receiver's
    """
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


def is_passed(verdict: Accepted, metadata: dict[str, Any], common: str, filters: Sequence[str]) -> bool:
    """Return whether an object passes the Receiver's filter and that of one of its items that lists it."""
    return _holds(common, verdict, metadata) and any(_holds(each, verdict, metadata) for each in filters)


def _holds(expression: str, verdict: Accepted, metadata: dict[str, Any]) -> bool:
    try:
        return passes(expression, verdict, metadata)
    except Refusal:  # no value for this payload: it says nothing of this object
        return False
