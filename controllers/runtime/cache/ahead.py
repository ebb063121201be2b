"""What was shown to somebody before the cache had it: objects asked for by name, or in a list of one namespace.

Whoever has acted on such an object has to hear of its end. A watch tells it. A list that follows a broken watch does
not, by itself: an object that came and went meanwhile is missing from both the cache and the list.
"""

from collections.abc import Iterable
from typing import Final, Generic

from cachetools import LRUCache

from controllers.runtime.cache.store import Changes, Store, is_newer
from controllers.runtime.key import Key, key_of
from controllers.runtime.kube.serializer import K

_MAX_OBJECTS: Final = 10_000


class Ahead(Generic[K]):
    """Objects that were shown and have not come yet. Belongs to one event loop."""

    def __init__(self, store: Store[K]) -> None:
        """Build it. store: of the cache."""
        self._store = store
        self._shown: LRUCache[Key, K] = LRUCache(_MAX_OBJECTS)

    def add(self, objects: Iterable[K]) -> None:
        """Note which of some objects the cache lacks."""
        for obj in objects:
            key = key_of(obj)
            if self._store.get(key) is None:
                self._shown[key] = obj

    def settle(self, key: Key, changes: "Changes[K]") -> "Changes[K]":
        """Return what an event about an object has changed; its end, too, where it had been shown only."""
        shown = self._shown.pop(key, None)
        return changes if changes or shown is None or self._store.get(key) else [(shown, None)]

    def settle_all(self) -> "Changes[K]":
        """Return the ends of what was shown and is not in the list that the cache has just become equal to."""
        gone: Changes[K] = []
        for key, obj in list(self._shown.items()):
            if is_newer(obj.metadata.resource_version, self._store.resource_version):
                continue  # the list is older
            del self._shown[key]
            if self._store.get(key) is None:
                gone.append((obj, None))
        return gone
