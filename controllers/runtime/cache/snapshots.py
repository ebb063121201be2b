"""Lists of one namespace, asked for because a cache may be behind, and given to all for whom they are new enough.

A thousand objects made at once each want a list that is no older than they are: one that began after the last of them
was made serves all. There is never more than one request under way a namespace, so that those who wait share the next.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Generic
from weakref import WeakValueDictionary

from controllers.runtime.cache.store import Store, is_newer
from controllers.runtime.kube.serializer import K


@dataclass(frozen=True, slots=True)
class Snapshot(Generic[K]):
    """The objects of a namespace at one moment."""

    objects: list[K]
    resource_version: str


@dataclass(frozen=True, slots=True)
class _Kept(Generic[K]):
    snapshot: Snapshot[K]
    number: int
    """In the order in which lists were begun."""


class Snapshots(Generic[K]):
    """Snapshots by namespace, each kept until the cache is as new. Used from one event loop."""

    def __init__(self, store: Store[K], ask: Callable[[str], Awaitable[Snapshot[K]]]) -> None:
        """ask: lists a namespace on the server."""
        self._store = store
        self._ask = ask
        self._kept: dict[str, _Kept[K]] = {}
        self._begun = 0
        """How many lists were."""
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def list(self, namespace: str, as_of: str | None) -> "list[K]":
        """Return the objects of a namespace at `as_of` or later: of the cache, of a kept list, or of a new one.

        as_of: None for the moment of the call: only a list that is begun after it will do.
        """
        begun_before = self._begun
        async with self._locks.setdefault(namespace, asyncio.Lock()):
            if as_of is not None and _reaches(self._store.resource_version, as_of):
                return self._store.list(namespace)
            kept = self._kept.get(namespace)
            if kept is None or not (
                kept.number > begun_before if as_of is None else _reaches(kept.snapshot.resource_version, as_of)
            ):
                self._begun += 1
                number = self._begun
                kept = self._kept[namespace] = _Kept(await self._ask(namespace), number)
            return kept.snapshot.objects

    def drop_outdated(self) -> None:
        """Forget what the cache has reached."""
        reached = self._store.resource_version
        self._kept = {
            namespace: kept
            for namespace, kept in self._kept.items()
            if is_newer(kept.snapshot.resource_version, reached)
        }

    def clear(self) -> None:
        """Forget all: after a restore from a backup, what looks newer is not."""
        self._kept.clear()


def _reaches(version: str, as_of: str) -> bool:
    """Return whether a moment is known to be no earlier than another."""
    return version.isdecimal() and (version == as_of or is_newer(version, as_of))
