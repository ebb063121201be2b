"""A bounded cache that makes room at the expense of whoever holds most of it: nobody can empty it for others."""

from collections import Counter, OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

V = TypeVar("V")


class FairCache(Generic[V]):
    """Values by tenant and key. Not thread-safe."""

    def __init__(self, max_size: int) -> None:
        self._max_size = max_size
        self._values: OrderedDict[tuple[str, Hashable], V] = OrderedDict()

    def get(self, tenant: str, key: Hashable) -> V | None:
        """Return a value, which counts as used now."""
        value = self._values.get((tenant, key))
        if value is not None:
            self._values.move_to_end((tenant, key))
        return value

    def put(self, tenant: str, key: Hashable, value: V) -> V | None:
        """Keep a value; return the one that had to go: the least recently used of the tenant that holds most."""
        evicted = self._evict() if len(self._values) >= self._max_size else None
        self._values[tenant, key] = value
        return evicted

    def pop_all(self) -> list[V]:
        """Empty the cache; return what was in it."""
        values = list(self._values.values())
        self._values.clear()
        return values

    def _evict(self) -> V:
        held = Counter(tenant for tenant, _ in self._values)
        largest, _ = max(held.items(), key=lambda item: item[1])
        return self._values.pop(next(at for at in self._values if at[0] == largest))
