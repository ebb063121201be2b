"""The informer's memory: objects by key, indexes over them, and which of two versions is the newer. No I/O.

Every method that changes something returns the changes as (old, new) pairs, None standing for absence; replaying
them gives the store. An object deleted and made anew under the same name is two changes, never an update.

resourceVersions are compared as numbers where they are numbers, as they are on every real API server
(https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-versions); otherwise they are opaque: then
what the server sends is taken as it comes, and `record_write` only replaces exactly what was written upon.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Generic, TypeAlias

from controllers.runtime.key import Key, key_of
from controllers.runtime.kube.serializer import K

Changes: TypeAlias = list[tuple[K | None, K | None]]

_MAX_DELETED_UIDS = 1024


class Store(Generic[K]):
    """Objects and indexes. Belongs to one event loop; reads and writes do not await."""

    def __init__(self, indexers: Mapping[str, Callable[[K], Iterable[str]]]) -> None:
        self._objects: dict[Key, K] = {}
        self._by_namespace: dict[str, dict[Key, None]] = {}
        self._indexers: dict[str, Callable[[K], Iterable[str]]] = {}
        self._indexes: dict[str, dict[str, dict[Key, None]]] = {}
        self.add_indexers(indexers)
        self.resource_version = ""
        """The moment up to which the stream has delivered everything; empty before the first list."""
        self._own_writes: set[Key] = set()
        """Keys our own writes changed since the current list began: a list may be older than they are."""
        self._deleted_uids: dict[str, None] = {}
        """Uids of the latest objects that left: an answer to a late write must not bring them back."""

    def __len__(self) -> int:
        return len(self._objects)

    def get(self, key: Key) -> K | None:
        return self._objects.get(key)

    def add_indexers(self, indexers: Mapping[str, Callable[[K], Iterable[str]]]) -> None:
        """Index the objects in further ways, for `by_index`. Raises ValueError for an index that there is already."""
        for name, indexer in indexers.items():
            if name in self._indexers:
                raise ValueError(f"there is an index {name!r} already")
            self._indexers[name] = indexer
            self._indexes[name] = {}
            for key, obj in self._objects.items():
                self._add_to_index(name, key, obj)

    def by_index(self, index: str, value: str) -> list[K]:
        """List the objects that the indexer finds under `value`, in no order. KeyError for an unknown index."""
        return [self._objects[key] for key in self._indexes[index].get(value, ())]

    def list(self, namespace: str = "") -> list[K]:
        """List all objects, or those of a namespace, in no particular order; costs as many steps as it returns.

        All may be listed from any thread.
        """
        if not namespace:
            return list(self._objects.values())
        return [self._objects[key] for key in self._by_namespace.get(namespace, ())]

    def begin_list(self) -> None:
        """Prepare for a list; call it before the first page is requested."""
        self._own_writes.clear()

    def replace(self, objects: Iterable[K], resource_version: str) -> "Changes[K]":
        """Become equal to a list of `resource_version`, but for our own writes that are newer than it.

        Anything else yields to the list even if it looks newer: then the server was restored from a backup.
        """
        self.resource_version = resource_version
        listed = {key_of(obj): obj for obj in objects}
        changes: Changes[K] = []
        for key in [key for key in self._objects if key not in listed]:
            if not self._ours_is_newer(key, resource_version):
                changes += self._set(key, None)
        for key, obj in listed.items():
            if not self._ours_is_newer(key, obj.metadata.resource_version):
                changes += self._set(key, obj)
        return changes

    def _ours_is_newer(self, key: Key, version: str) -> bool:
        ours = self._objects.get(key)
        return key in self._own_writes and ours is not None and is_newer(ours.metadata.resource_version, version)

    def put(self, obj: K) -> "Changes[K]":
        """Take an ADDED or MODIFIED event, unless what we hold is as new."""
        self.advance(obj.metadata.resource_version)
        key = key_of(obj)
        held = self._objects.get(key)
        if held is not None and not _may_replace(held, obj):
            return []
        self._deleted_uids.pop(obj.metadata.uid, None)
        return self._set(key, obj)

    def remove(self, obj: K) -> "Changes[K]":
        """Take a DELETED event, unless what we hold is a later object of that name."""
        self.advance(obj.metadata.resource_version)
        key = key_of(obj)
        held = self._objects.get(key)
        if held is None or (held.metadata.uid != obj.metadata.uid and not _may_replace(held, obj)):
            return []
        return self._set(key, None)

    def drop(self, key: Key) -> "Changes[K]":
        """Forget an object whose newest version cannot be read."""
        return self._set(key, None)

    def advance(self, resource_version: str) -> None:
        """Record that the stream has delivered everything up to `resource_version`."""
        self.resource_version = resource_version

    def record_write(self, obj: K, *, replaces: str) -> "Changes[K]":
        """Take the answer to our own write, if it is newer than what the stream has delivered."""
        key = key_of(obj)
        held = self._objects.get(key)
        version = obj.metadata.resource_version
        if held is None:
            overtaken = not is_newer(version, self.resource_version) or obj.metadata.uid in self._deleted_uids
        elif version.isdecimal() and held.metadata.resource_version.isdecimal():
            overtaken = not is_newer(version, held.metadata.resource_version)
        else:
            overtaken = held.metadata.resource_version != replaces
        if overtaken:
            return []
        self._own_writes.add(key)
        return self._set(key, obj)

    def _set(self, key: Key, obj: K | None) -> "Changes[K]":
        held = self._objects.pop(key, None)
        if held is not None:
            self._unindex(key, held)
        if obj is not None:
            self._objects[key] = obj
            self._index(key, obj)
        return self._difference(held, obj)

    def _difference(self, held: K | None, obj: K | None) -> "Changes[K]":
        if held is None:
            return [] if obj is None else [(None, obj)]
        if obj is None:
            self._deleted_uids[held.metadata.uid] = None
            if len(self._deleted_uids) > _MAX_DELETED_UIDS:
                del self._deleted_uids[next(iter(self._deleted_uids))]
            return [(held, None)]
        if held.metadata.uid != obj.metadata.uid:
            return [(held, None), (None, obj)]
        return [(held, obj)] if held.metadata.resource_version != obj.metadata.resource_version else []

    def _index(self, key: Key, obj: K) -> None:
        self._by_namespace.setdefault(key.namespace, {})[key] = None
        for name in self._indexers:
            self._add_to_index(name, key, obj)

    def _add_to_index(self, name: str, key: Key, obj: K) -> None:
        for value in self._indexers[name](obj):
            self._indexes[name].setdefault(value, {})[key] = None

    def _unindex(self, key: Key, obj: K) -> None:
        _discard(self._by_namespace, key.namespace, key)
        for name, indexer in self._indexers.items():
            for value in indexer(obj):
                _discard(self._indexes[name], value, key)


def _discard(index: dict[str, dict[Key, None]], value: str, key: Key) -> None:
    keys = index.get(value)
    if keys is not None:
        keys.pop(key, None)
        if not keys:
            del index[value]


def is_newer(version: str, than: str) -> bool:
    """Return whether a resourceVersion is later than another; False where they cannot be compared."""
    return version.isdecimal() and than.isdecimal() and int(version) > int(than)


def _may_replace(held: K, obj: K) -> bool:
    """Return False only when both versions are numbers and `obj` is no newer than `held`."""
    mine, theirs = held.metadata.resource_version, obj.metadata.resource_version
    return not (mine.isdecimal() and theirs.isdecimal()) or int(theirs) > int(mine)
