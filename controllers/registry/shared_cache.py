"""A bounded cache that several owners fill: none sees the entries of another, or makes them go.

When it is full, the owner with the most entries loses the one that was not used for longest.
"""

from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class SharedCache(Generic[K, V]):
    """Used from one thread."""

    def __init__(self, max_entries: int) -> None:
        self._max_entries = max_entries
        self._size = 0
        self._of: dict[str, OrderedDict[K, V]] = {}
        """By owner; those not used for longest come first."""

    def get(self, owner: str, key: K) -> V | None:
        """Return what the owner has put there, None where that is nothing or gone."""
        entries = self._of.get(owner)
        if entries is None or key not in entries:
            return None
        entries.move_to_end(key)
        return entries[key]

    def put(self, owner: str, key: K, value: V) -> None:
        """Store an entry of an owner's."""
        entries = self._of.setdefault(owner, OrderedDict())
        self._size += key not in entries
        entries[key] = value
        entries.move_to_end(key)
        if self._size > self._max_entries:
            self._evict()

    def _evict(self) -> None:
        owner, entries = max(self._of.items(), key=lambda item: len(item[1]))
        entries.popitem(last=False)
        self._size -= 1
        if not entries:
            del self._of[owner]
