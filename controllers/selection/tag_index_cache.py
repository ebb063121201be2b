"""The tags of repositories, prepared for choices and shared by all policies of a repository.

Each revision is fetched and indexed once; its index takes over the results of the previous one.
"""

import asyncio
from collections import OrderedDict
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from controllers.policy.index import TagIndex
from controllers.runtime.key import Key
from controllers.taglist.codec import TagList
from controllers.taglist.scan import INLINE_TAGS

MAX_TAGS = 400_000
"""Over all repositories: about 40 MB of text. The last index is kept whatever its size."""
MAX_SHORT_LISTS = 512
"""Of up to INLINE_TAGS tags, each of which is read and indexed again in milliseconds. A hundred tags take 35 KiB when a
policy has chosen among them, so those of thousands of images would take hundreds of MiB."""


class StoredTagLists(Protocol):
    """What is needed of `taglist.reader.TagListReader`."""

    async def read(self, repository: Key, revision: str) -> TagList: ...


@dataclass(frozen=True, slots=True)
class _CachedIndex:
    revision: str
    index: TagIndex


def build_index(stored: TagList, previous: TagIndex | None = None) -> TagIndex:
    """Return the index of a stored list; `previous`, of an older revision, saves work."""
    return TagIndex(stored.tags, previous, first_seen=stored.first_seen, excluded_count=stored.excluded_count)


class TagIndexCache:
    """Indexes by repository. Safe to call from many tasks: each revision is read once."""

    def __init__(self, lists: StoredTagLists, *, max_tags: int = MAX_TAGS) -> None:
        self._lists = lists
        self._max_tags = max_tags
        self._cached: OrderedDict[Key, _CachedIndex] = OrderedDict()
        self._short: OrderedDict[Key, None] = OrderedDict()
        """Those of short lists, in the same order."""
        self._tag_count = 0
        """Of all that is cached: not added up at each choice, of which a start makes thousands."""
        self._locks: dict[Key, asyncio.Lock] = {}

    async def index(self, repository: Key, revision: str) -> TagIndex:
        """Return the tags of that revision, or of its successor. Raises TagListNotFound or ApiError."""
        async with self._locks.setdefault(repository, asyncio.Lock()):
            cached = self._cached.get(repository)
            if cached is None or cached.revision != revision:
                cached = await self._read(repository, revision, cached)
                self._keep(repository, cached)
            self._cached.move_to_end(repository)
            if repository in self._short:
                self._short.move_to_end(repository)
            self._evict()
            return cached.index

    def forget(self, repository: Key) -> None:
        """Drop what is cached for a repository that is gone."""
        self._drop(repository)
        lock = self._locks.get(repository)
        if lock is not None and not lock.locked():
            del self._locks[repository]

    async def _read(self, repository: Key, revision: str, before: _CachedIndex | None) -> _CachedIndex:
        stored = await self._lists.read(repository, revision)
        previous = before.index if before else None
        build = partial(build_index, stored, previous)
        count = max(len(stored.tags), len(previous.tags) if previous else 0)  # they are compared
        index = build() if count <= INLINE_TAGS else await asyncio.to_thread(build)
        return _CachedIndex(stored.revision, index)

    def _evict(self) -> None:
        while len(self._cached) > 1 and self._tag_count > self._max_tags:
            self._drop(next(iter(self._cached)))
        while len(self._short) > MAX_SHORT_LISTS:
            self._drop(next(iter(self._short)))

    def _keep(self, repository: Key, index: _CachedIndex) -> None:
        self._drop(repository)
        self._cached[repository] = index
        count = len(index.index.tags)
        self._tag_count += count
        if count <= INLINE_TAGS:
            self._short[repository] = None

    def _drop(self, repository: Key) -> None:
        self._short.pop(repository, None)
        if dropped := self._cached.pop(repository, None):
            self._tag_count -= len(dropped.index.tags)
