"""The objects that hold tag lists, and the part of a chunk that is kept in memory."""

import msgspec

from api import imagetaglist
from api.meta import ObjectMeta
from controllers.runtime.key import Key

BY_REPOSITORY = "repository"
"""Index of headers: `namespace/name` of the ImageRepository."""


class ChunkStatus(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A chunk's place in its list, without the data."""

    revision: str = ""
    chunk: int = 0
    chunks: int = 0


class ChunkHeader(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """An ImageTagList without its data: the scanner's informer keeps 200 bytes of 100,000 tags."""

    metadata: ObjectMeta
    spec: imagetaglist.ImageTagListSpec = imagetaglist.ImageTagListSpec()
    status: ChunkStatus = ChunkStatus()


def repository_key(header: ChunkHeader) -> Key:
    """Return the ImageRepository whose tags a chunk holds."""
    return Key(header.metadata.namespace, header.spec.image_repository_ref.name)


def owner_uid(header: ChunkHeader) -> str:
    """Return the uid of the ImageRepository that owns the chunk; empty without one."""
    return next((owner.uid for owner in header.metadata.owner_references), "")
