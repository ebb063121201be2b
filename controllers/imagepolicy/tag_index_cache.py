"""The tags of repositories, prepared for choices and shared by all policies of a repository.

One fetch and one index a revision, whoever asks first; the index of the revision before passes on what it knows.
"""

import asyncio
from collections import OrderedDict
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from controllers.policy.index import TagIndex
from controllers.runtime.key import Key
from controllers.taglist.codec import TagList

MAX_TAGS = 400_000
"""Over all repositories: about 40 MB of text. The last index is kept whatever its size."""
INLINE_TAGS = 2_000
"""Up to so many tags an index takes a few milliseconds, less than a thread is worth."""


class StoredTagLists(Protocol):
    """What is needed of `taglist.reader.TagListReader`."""

    async def read(self, repository: Key, revision: str) -> TagList: ...


@dataclass(frozen=True, slots=True)
class _CachedIndex:
    revision: str
    index: TagIndex


class Tags:
    """Indexes by repository. Safe to call from many tasks: each revision is read once."""

    def __init__(self, lists: StoredTagLists, *, max_tags: int = MAX_TAGS) -> None:
        self._lists = lists
        self._max_tags = max_tags
        self._cached: OrderedDict[Key, _CachedIndex] = OrderedDict()
        self._locks: dict[Key, asyncio.Lock] = {}

    async def index(self, repository: Key, revision: str) -> TagIndex:
        """The tags of that revision, or of the one that has replaced it since; raises TagListNotFound or ApiError."""
        async with self._locks.setdefault(repository, asyncio.Lock()):
            known = self._cached.get(repository)
            if known is None or known.revision != revision:
                known = await self._read(repository, revision, known)
                self._cached[repository] = known
            self._cached.move_to_end(repository)
            self._evict()
            return known.index

    def forget(self, repository: Key) -> None:
        """Drops what is known of a repository that is gone."""
        self._cached.pop(repository, None)
        lock = self._locks.get(repository)
        if lock is not None and not lock.locked():
            del self._locks[repository]

    async def _read(self, repository: Key, revision: str, before: _CachedIndex | None) -> _CachedIndex:
        found = await self._lists.read(repository, revision)
        previous = before.index if before else None
        make = partial(TagIndex, found.tags, previous, first_seen=found.first_seen, excluded_count=found.excluded_count)
        index = make() if len(found.tags) <= INLINE_TAGS else await asyncio.to_thread(make)
        return _CachedIndex(found.revision, index)

    def _evict(self) -> None:
        while len(self._cached) > 1 and sum(len(x.index.tags) for x in self._cached.values()) > self._max_tags:
            self._cached.popitem(last=False)
