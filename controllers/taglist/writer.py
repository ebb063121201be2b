"""The scanner's side: keep the ImageTagLists of a repository equal to its last scan.

Chunks are written before the ImageRepository's status names their revision. A crash in between leaves a list that no
status refers to; `stored_revision` shows it, and the repository is scanned again.
"""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import msgspec

from api import imagetaglist
from api.imagerepository import ImageRepository
from api.meta import LocalObjectReference, ObjectMeta, OwnerReference
from api.names import IMAGE_TAG_LISTS
from controllers.runtime.key import Key, key_of
from controllers.runtime.kube.errors import AlreadyExists, NotFound
from controllers.runtime.kube.protocols import Client
from controllers.taglist import codec
from controllers.taglist.reader import fetch_first_seen, fetch_list, read_kept
from controllers.taglist.resources import BY_REPOSITORY, ChunkHeader, owner_uid
from controllers.taglist.scan import INLINE_SCANNED_TAGS, TagSet

Check = Callable[[], None]


@dataclass(frozen=True, slots=True)
class _FirstSeen:
    """When tags were first seen. whole: tags that are missing here were not in the list, so they are new."""

    times: Mapping[str, int | None]
    whole: bool


class _Overlooked(Exception):
    """Memory lacks chunks of the repository's own list: it was filled by a server that lagged behind."""

    def __init__(self, header: ChunkHeader) -> None:
        super().__init__(header.metadata.name)
        self.header = header


class ChunkHeaders(Protocol):
    """The stored chunks in memory, without data that is long: an informer of them."""

    def by_index(self, index: str, value: str) -> list[ChunkHeader]: ...

    def record_write(self, obj: ChunkHeader) -> None: ...


class TagListWriter:
    """Writes tag lists. Never called twice at once for one repository (the workqueue sees to it)."""

    def __init__(self, client: Client, headers: ChunkHeaders, *, field_manager: str) -> None:
        self._client = client
        self._headers = headers
        self._field_manager = field_manager

    def stored_revision(self, repository: ImageRepository) -> str | None:
        """Return the revision of the whole list that is stored for this very object; None when there is none.

        From memory, no request. A list of an earlier object of the same name does not count.
        """
        headers = self._own(repository)
        lists = {(h.status.revision, h.status.chunks) for h in headers}
        if len(lists) != 1:
            return None
        ((revision, count),) = lists
        return revision if sorted(h.status.chunk for h in headers) == list(range(count)) else None

    async def write(
        self, repository: ImageRepository, scan: TagSet, *, now: datetime, check: Check
    ) -> Mapping[str, int | None]:
        """Store the tags of a scan: one request a chunk, and one a chunk that is no longer needed.

        Tags that were not in the previous list are marked as first seen `now`; those of a first scan are of unknown
        age. A time in the future, by a clock that was wrong, becomes `now`. Returns when each was first seen, in Unix
        seconds, nothing of a first scan. Raises ApiError; writing again repairs whatever was left half done.

        check: called before each write, since a process may be stopped for long at any request before it; what
        it raises goes to the caller
        """
        overlooked = set[str]()
        while True:
            try:
                return await self._write(repository, scan, now, check)
            except _Overlooked as error:  # again, with the list's times, which a new one would not have
                name = error.header.metadata.name
                if name in overlooked:  # memory does not take it
                    check()
                    await self._client.delete(IMAGE_TAG_LISTS, repository.metadata.namespace, name)
                else:
                    await self._look_again(repository, error.header)
                overlooked.add(name)

    async def _write(
        self, repository: ImageRepository, scan: TagSet, now: datetime, check: Check
    ) -> Mapping[str, int | None]:
        previous, latest = await self._read_first_seen(repository), int(now.timestamp())
        if len(scan.tags) <= INLINE_SCANNED_TAGS:
            first_seen, parts = _encode(scan, previous, latest)
        else:  # in a thread: 100,000 tags would hold the event loop for longer than its 50 ms
            first_seen, parts = await asyncio.to_thread(_encode, scan, previous, latest)
        existing = {h.metadata.name: h for h in self._of(key_of(repository))}
        for part in parts:
            chunk = _object(repository, part)
            await self._store(chunk, existing.pop(chunk.metadata.name, None), check)
        for left_over in existing.values():
            check()
            await self._client.delete(IMAGE_TAG_LISTS, repository.metadata.namespace, left_over.metadata.name)
        return first_seen

    async def _look_again(self, repository: ImageRepository, header: ChunkHeader) -> None:
        """Have in memory what the server has of a list, as far as it goes. header: one of its chunks."""
        meta = repository.metadata
        self._headers.record_write(header)
        for index in range(header.status.chunks):
            name = imagetaglist.chunk_name(meta.name, index)
            try:
                found = await self._client.get(IMAGE_TAG_LISTS, meta.namespace, name, into=ChunkHeader)
            except NotFound:  # what a chunk says about their number may be wrong
                return
            if owner_uid(found) == meta.uid:
                self._headers.record_write(found)

    async def read(self, repository: ImageRepository) -> codec.TagList | None:
        """Return the list that is stored for this very object, None without a whole one. Raises ApiError.

        Sends no request for a short list, else one a chunk.
        """
        revision = self.stored_revision(repository)
        found = await self._read_list(repository) if revision is not None else None
        return found if found is not None and found.revision == revision else None

    async def first_seen(self, repository: ImageRepository) -> Mapping[str, int | None] | None:
        """Return when each stored tag was first seen; None without a list. Requests as `read`. Raises ApiError."""
        stored = await self._read_first_seen(repository)
        return stored.times if stored.whole else None

    async def _read_first_seen(self, repository: ImageRepository) -> _FirstSeen:
        """Return when the tags of the last list were first seen, also of one that was being replaced."""
        headers = self._own(repository)
        if self.stored_revision(repository) is not None:
            stored = await self._read_list(repository)
            if stored is not None:
                return _FirstSeen(stored.first_seen, whole=True)
        names = [header.metadata.name for header in headers]
        times = await fetch_first_seen(self._client, repository.metadata.namespace, names)
        # In a first list, or one with a chunk missing, nothing shows which tags are new.
        return _FirstSeen(times, whole=bool(times) and len({header.status.revision for header in headers}) > 1)

    async def _read_list(self, repository: ImageRepository) -> codec.TagList | None:
        """Return the list of a repository that has a whole one: from memory, or else from the server."""
        return read_kept(self._own(repository)) or await fetch_list(self._client, key_of(repository))

    async def _store(self, chunk: imagetaglist.ImageTagList, existing: ChunkHeader | None, check: Check) -> None:
        check()
        namespace, name = chunk.metadata.namespace, chunk.metadata.name
        if existing and owner_uid(existing) == chunk.metadata.owner_references[0].uid:
            # Absent fields are not removed by a merge patch, and times of other tags make a list unreadable.
            body = {"status": {"firstSeen": None, "excludedCount": None} | msgspec.to_builtins(chunk.status)}
            written = await self._client.patch(
                IMAGE_TAG_LISTS, namespace, name, body, into=ChunkHeader, field_manager=self._field_manager
            )
        else:
            written = await self._replace(chunk, check)
        self._headers.record_write(written)

    async def _replace(self, chunk: imagetaglist.ImageTagList, check: Check) -> ChunkHeader:
        """Create the chunk; one of the same name that belongs to an object that is gone goes with it.

        Raises _Overlooked where it belongs to this very object.
        """
        namespace, name = chunk.metadata.namespace, chunk.metadata.name
        try:
            return await self._client.create(IMAGE_TAG_LISTS, namespace, chunk, into=ChunkHeader)
        except AlreadyExists:
            with suppress(NotFound):
                found = await self._client.get(IMAGE_TAG_LISTS, namespace, name, into=ChunkHeader)
                if owner_uid(found) == chunk.metadata.owner_references[0].uid:
                    raise _Overlooked(found) from None
                check()
                await self._client.delete(IMAGE_TAG_LISTS, namespace, name)
            check()
            return await self._client.create(IMAGE_TAG_LISTS, namespace, chunk, into=ChunkHeader)

    def _own(self, repository: ImageRepository) -> list[ChunkHeader]:
        return [h for h in self._of(key_of(repository)) if owner_uid(h) == repository.metadata.uid]

    def _of(self, key: Key) -> list[ChunkHeader]:
        return self._headers.by_index(BY_REPOSITORY, str(key))


def _encode(scan: TagSet, previous: _FirstSeen, latest: int) -> tuple[dict[str, int | None], list[codec.Chunk]]:
    """Return when each tag was first seen, `latest` for new ones, and the chunks that say so. Pure."""
    unknown, times = latest if previous.whole else None, previous.times
    first_seen: dict[str, int | None] = {}
    if times:
        first_seen = {tag: times.get(tag, unknown) for tag in scan.tags}
        ahead = {tag: latest for tag, time in first_seen.items() if time is not None and time > latest}
        first_seen |= ahead
    elif unknown is not None:
        first_seen = dict.fromkeys(scan.tags, unknown)
    parts = codec.encode(scan.tags, first_seen, revision=scan.revision, excluded_count=scan.excluded_count)
    return first_seen, parts


def _object(repository: ImageRepository, part: codec.Chunk) -> imagetaglist.ImageTagList:
    meta = repository.metadata
    owner = OwnerReference(
        api_version=repository.api_version, kind=repository.kind, name=meta.name, uid=meta.uid, controller=True
    )
    return imagetaglist.ImageTagList(
        metadata=ObjectMeta(
            name=imagetaglist.chunk_name(meta.name, part.index),
            namespace=meta.namespace,
            labels={imagetaglist.REPOSITORY_LABEL: imagetaglist.repository_label(meta.name)},
            owner_references=(owner,),
        ),
        spec=imagetaglist.ImageTagListSpec(image_repository_ref=LocalObjectReference(name=meta.name)),
        status=imagetaglist.ImageTagListStatus(
            revision=part.revision,
            chunk=part.index,
            chunks=part.chunks,
            tag_count=part.count,
            data=part.data,
            excluded_count=part.excluded_count,
            first_seen=part.first_seen,
        ),
    )
