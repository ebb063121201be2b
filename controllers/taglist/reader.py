"""The policies' side: reads whole tag lists. Keeps nothing; caching what is made of a list is up to the caller."""

import asyncio
from collections.abc import Iterable, Sequence
from contextlib import suppress

from api import imagetaglist
from api.names import IMAGE_TAG_LISTS
from controllers.clock import Clock
from controllers.runtime.key import Key
from controllers.runtime.kube.errors import NotFound
from controllers.runtime.kube.protocols import Reader
from controllers.taglist import codec
from controllers.taglist.resources import ChunkHeader, ChunkStatus

ATTEMPTS = 4
INLINE_BYTES = 16 << 10
"""Up to this size a list has some thousand tags, decoded in a few milliseconds: not worth a thread."""
PAUSE_SECONDS = 0.25
"""Between attempts to read a list that is being rewritten: a chunk takes some 20 ms to write."""


class TagListNotFound(Exception):
    """No whole list is stored; the ImageRepository's next status change says when to look again."""


class TagListReader:
    """Reads tag lists with a few attempts. Safe to call from several tasks."""

    def __init__(self, client: Reader, clock: Clock) -> None:
        self._client = client
        self._clock = clock

    async def read(self, repository: Key, revision: str) -> codec.TagList:
        """Return the list of that revision, or the one that has replaced it since; one request a chunk.

        Raises TagListNotFound or ApiError.
        """
        for attempt in range(ATTEMPTS):
            if attempt:
                await self._clock.sleep(PAUSE_SECONDS)
            stored = await fetch_list(self._client, repository)
            # A whole list of another revision is newer than the status, which will name it soon.
            if stored and (stored.revision == revision or attempt):
                return stored
        raise TagListNotFound(f"no whole tag list is stored for ImageRepository {repository}")


async def fetch_list(client: Reader, repository: Key) -> codec.TagList | None:
    """Return the stored list, one request a chunk; None while none is complete."""
    parts: list[codec.Chunk] = []
    count = 1
    while len(parts) < count:
        name = imagetaglist.chunk_name(repository.name, len(parts))
        try:
            chunk = await client.get(IMAGE_TAG_LISTS, repository.namespace, name, into=imagetaglist.ImageTagList)
        except NotFound:
            return None
        if chunk.status is None:
            return None
        parts.append(_chunk(chunk.status))
        count = chunk.status.chunks
    try:
        # What a chunk says about itself may be wrong; its size is not.
        if sum(len(part.data) + len(part.first_seen) for part in parts) <= INLINE_BYTES:
            return codec.decode(parts)
        return await asyncio.to_thread(codec.decode, parts)
    except codec.IncompleteTagList:
        return None


def read_kept(headers: Sequence[ChunkHeader]) -> codec.TagList | None:
    """Return the list that is in memory as a whole; None where data was dropped, or chunks make no list."""
    if not all(header.status.data for header in headers):
        return None
    try:
        return codec.decode([_chunk(header.status) for header in headers])
    except codec.IncompleteTagList:
        return None


async def fetch_first_seen(client: Reader, namespace: str, names: Iterable[str]) -> dict[str, int | None]:
    """Return when the tags of some chunks were first seen, whatever their list; what cannot be read is left out."""
    first_seen: dict[str, int | None] = {}
    for name in names:
        with suppress(NotFound, codec.IncompleteTagList):
            part = await client.get(IMAGE_TAG_LISTS, namespace, name, into=imagetaglist.ImageTagList)
            if part.status is not None:
                first_seen |= await asyncio.to_thread(codec.decode_first_seen, _chunk(part.status))
    return first_seen


def _chunk(status: imagetaglist.ImageTagListStatus | ChunkStatus) -> codec.Chunk:
    return codec.Chunk(
        revision=status.revision,
        index=status.chunk,
        chunks=status.chunks,
        count=status.tag_count,
        data=status.data,
        first_seen=status.first_seen,
        excluded_count=status.excluded_count,
    )
