"""The objects that hold tag lists, and the part of a chunk that is kept in memory."""

import msgspec
from msgspec.structs import replace

from api import imagetaglist
from api.meta import ObjectMeta
from controllers.runtime.key import Key

BY_REPOSITORY = "repository"
"""Index of headers: `namespace/name` of the ImageRepository."""


MAX_KEPT_BYTES = 4 << 10
"""Of data in memory, a chunk: enough for some thousand versions, or three hundred tags with hashes."""


class ChunkStatus(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A chunk's place in its list, and its data where that is short; `data` is empty where it was dropped."""

    revision: str = ""
    chunk: int = 0
    chunks: int = 0
    tag_count: int = 0
    data: str = ""
    first_seen: str = ""
    excluded_count: int = 0


class ChunkHeader(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """An ImageTagList as the scanner's informer keeps it: of 100,000 tags there are 200 bytes, short lists are whole.

    The next scan with something new compares it with the list before, which so takes no request.
    """

    metadata: ObjectMeta
    spec: imagetaglist.ImageTagListSpec = imagetaglist.ImageTagListSpec()
    status: ChunkStatus = ChunkStatus()


def drop_long_data(header: ChunkHeader) -> ChunkHeader:
    """Return the header without data that is too long to be kept."""
    if len(header.status.data) + len(header.status.first_seen) <= MAX_KEPT_BYTES:
        return header
    return replace(header, status=replace(header.status, data="", first_seen=""))


def repository_key(header: ChunkHeader) -> Key:
    """Return the ImageRepository whose tags a chunk holds."""
    return Key(header.metadata.namespace, header.spec.image_repository_ref.name)


def owner_uid(header: ChunkHeader) -> str:
    """Return the uid of the ImageRepository that owns the chunk; empty without one."""
    return next((owner.uid for owner in header.metadata.owner_references), "")
