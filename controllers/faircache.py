"""A bounded cache that several owners fill: none sees the entries of another, or makes them go."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class FairCache(Generic[K, V]):
    """Values by owner and key. Used from one thread at a time."""

    def __init__(self, max_entries: int, *, is_in_use: Callable[[V], bool] = lambda _: False) -> None:
        """is_in_use: says of a value that it must stay; there may be more than `max_entries` of those."""
        self._max_entries = max_entries
        self._is_in_use = is_in_use
        self._size = 0
        self._of: OrderedDict[str, OrderedDict[K, V]] = OrderedDict()
        """By owner; of both, those not used for longest come first."""

    def get(self, owner: str, key: K) -> V | None:
        """Return what the owner has put there, which counts as used now; None where that is nothing or gone."""
        entries = self._of.get(owner)
        if entries is None or key not in entries:
            return None
        self._of.move_to_end(owner)
        entries.move_to_end(key)
        return entries[key]

    def put(self, owner: str, key: K, value: V) -> list[V]:
        """Keep a value; return what had to go: what the owner with the most entries has not used for longest."""
        entries = self._of.setdefault(owner, OrderedDict())
        self._size += key not in entries
        entries[key] = value
        self._of.move_to_end(owner)
        entries.move_to_end(key)
        evicted: list[V] = []
        while self._size > self._max_entries and (found := self._find_idle(but=(owner, key))):
            evicted.append(self._pop(*found))
        return evicted

    def pop_all(self) -> list[V]:
        """Empty the cache; return what was in it."""
        values = [value for entries in self._of.values() for value in entries.values()]
        self._of.clear()
        self._size = 0
        return values

    def _find_idle(self, *, but: tuple[str, K]) -> tuple[str, K] | None:
        for owner in sorted(self._of, key=lambda owner: len(self._of[owner]), reverse=True):
            for key, value in self._of[owner].items():
                if (owner, key) != but and not self._is_in_use(value):
                    return owner, key
        return None

    def _pop(self, owner: str, key: K) -> V:
        entries = self._of[owner]
        value = entries.pop(key)
        self._size -= 1
        if not entries:
            del self._of[owner]
        return value
