"""The stores of all remotes: whose objects are where, whose files are open, and which are dropped for lack of room."""

import asyncio
import itertools
import shutil
from collections import Counter, OrderedDict
from collections.abc import Callable, Hashable, Sequence
from datetime import timedelta
from pathlib import Path

from controllers.git.objects.commits import NewCommit
from controllers.git.objects.store import ObjectStore
from controllers.git.remote import Remote

MAX_OPEN_STORES = 16

_Identity = tuple[str, *tuple[Hashable, ...]]
"""Whose objects are in a store; the tenant comes first."""


class CachedStore:
    """The objects of one remote and who uses them. All but `store` belongs to the event loop."""

    def __init__(self, store: ObjectStore) -> None:
        self.store = store
        self.lock = asyncio.Lock()
        self.users = 0
        self.used_at = 0.0
        self.size_bytes = 0


class StoreCache:
    """The stores of an engine. Belongs to the event loop."""

    def __init__(self, folder: Path, *, max_bytes: int, max_age: timedelta, monotonic: Callable[[], float]) -> None:
        """Start empty: whatever a former process left in the folder is removed."""
        self._dir = folder
        self._max_bytes = max_bytes
        self._max_age = max_age
        self._monotonic = monotonic
        self._numbers = itertools.count()
        self.stores: dict[_Identity, CachedStore] = {}
        self.open: OrderedDict[CachedStore, None] = OrderedDict()
        """Those whose files may be open, least recently used first."""
        shutil.rmtree(self._dir, ignore_errors=True)
        self._dir.mkdir(mode=0o700, parents=True)

    async def aclose(self) -> None:
        """Close all files and remove the folder."""
        for cached in self.open:
            cached.store.close()
        self.stores.clear()
        await asyncio.to_thread(shutil.rmtree, self._dir, ignore_errors=True)

    def close_others(self, cached: CachedStore) -> None:
        """Close the files of stores not used lately: each store holds up to two for every pack."""
        self.open[cached] = None
        self.open.move_to_end(cached)
        for other in [c for c in self.open if c.users == 0][: max(0, len(self.open) - MAX_OPEN_STORES)]:
            del self.open[other]
            other.store.close()

    def of(self, remote: Remote) -> CachedStore:
        """Return the store of a remote, as its tenant and identity see it; a new one where there is none."""
        identity: _Identity = (
            remote.tenant,
            remote.url,
            remote.user,
            remote.principal or remote.credentials,
            remote.tls,
        )
        cached = self.stores.get(identity)
        if cached is None:
            cached = self.stores[identity] = CachedStore(ObjectStore(self._dir / str(next(self._numbers))))
        return cached

    def keep(self, remote: Remote, new: NewCommit) -> bool:
        """Keep a small pushed commit, unless a thread is at work on the store; return whether it is kept."""
        cached = self.of(remote)
        if cached.lock.locked() or not cached.store.has(new.parent) or not cached.store.has_room(new.objects):
            return False
        if not cached.store.has(new.id):
            cached.store.add_commit(new.id, new.objects)
        cached.used_at = self._monotonic()
        return True

    def _droppable(self) -> list[_Identity]:
        """Return the stores that nobody uses but for the one used last, least recently used first."""
        oldest_first = sorted(self.stores.items(), key=lambda item: item[1].used_at)
        return [identity for identity, cached in oldest_first[:-1] if cached.users == 0]

    def _next_to_drop(self) -> _Identity | None:
        """Return a store of the tenant whose stores are largest together; None while nobody has more than their part.

        So it is not the others who pay for one that uses all its stores at a time.
        """
        sizes: Counter[str] = Counter()
        for identity, cached in self.stores.items():
            sizes[identity[0]] += cached.size_bytes
        if sizes.total() <= self._max_bytes:
            return None
        part = self._max_bytes / len(sizes)
        droppable = [identity for identity in self._droppable() if sizes[identity[0]] > part]
        return max(droppable, key=lambda identity: sizes[identity[0]], default=None)

    def _drop(self, identity: _Identity) -> ObjectStore:
        cached = self.stores.pop(identity)
        self.open.pop(cached, None)
        return cached.store

    async def evict(self) -> None:
        """Drop stores not used for long, and while all together are too large, those of the tenant with most bytes."""
        latest = self._monotonic() - self._max_age.total_seconds()
        old = [identity for identity in self._droppable() if self.stores[identity].used_at < latest]
        dropped = [self._drop(identity) for identity in old]
        while identity := self._next_to_drop():
            dropped.append(self._drop(identity))
        if dropped:
            await asyncio.to_thread(_remove, dropped)


def _remove(stores: Sequence[ObjectStore]) -> None:
    for store in stores:
        store.remove()
