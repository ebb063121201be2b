"""ImageTagList: one chunk of an image's tags, handed from the scanner to the policies. Not for users.

A status that everybody watches cannot hold 100,000 tags, and one object cannot hold every list either, so a list is
cut into chunks, one object each, owned by the ImageRepository and deleted with it. The kind has no status
subresource: it has no spec that a user writes and a status that we answer with, and with one a chunk would take two
requests (create, then status), between which a reader sees an empty chunk.
A list is whole when every chunk from 0 to chunks-1 has the same revision.
"""

from __future__ import annotations

import hashlib
from typing import Annotated, Final

import msgspec

from api.meta import LocalObjectReference, ObjectMeta
from api.names import IMAGE_TAG_LISTS
from api.schema import AGE, Column, Definition, Required

REPOSITORY_LABEL: Final = "image.toolkit.fluxcd.io/repository"
"""Label of every chunk: its ImageRepository, as `repository_label` writes it."""

_MAX_NAME: Final = 253
_MAX_LABEL_VALUE: Final = 63


class ImageTagListSpec(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """Whose tags these are."""

    image_repository_ref: Annotated[LocalObjectReference, Required] = LocalObjectReference()
    """ImageRepository that was scanned, in the same namespace."""


class ImageTagListStatus(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """One chunk, and what is needed to put the list together."""

    revision: Annotated[str, Required]
    """The ImageRepository's status.lastScanResult.revision of the whole list."""
    chunk: Annotated[int, Required]
    """Number of this chunk, from 0."""
    chunks: Annotated[int, Required]
    """Number of chunks of the list."""
    tag_count: Annotated[int, Required]
    """Number of tags of the whole list."""
    data: Annotated[str, Required]
    """The tags of this chunk, compressed, in base64."""
    excluded_count: int = 0
    """Number of tags that the scan which stored the list found besides, and dropped for spec.exclusionList."""
    first_seen: str = ""
    """When the tags of this chunk were first seen, compressed, in base64; may be unset."""


class ImageTagList(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """Internal to tagline, not for users: a part of the tags of an ImageRepository, in a format that may change."""

    api_version: str = msgspec.field(default_factory=lambda: IMAGE_TAG_LISTS.api_version)
    kind: str = msgspec.field(default_factory=lambda: IMAGE_TAG_LISTS.kind)
    metadata: ObjectMeta
    spec: ImageTagListSpec = msgspec.field(default_factory=ImageTagListSpec)
    status: ImageTagListStatus | None = None


def chunk_name(repository_name: str, index: int) -> str:
    """Return the name of chunk `index` (from 0) of the ImageRepository called `repository_name`: `<name>-tags-<index>`.

    At most 253 characters. No two repositories of a namespace share one: a shortened name carries a hash of the
    full one, and its ending keeps it apart from full names.
    """
    name = f"{repository_name}-tags-{index}"
    if len(name) <= _MAX_NAME:
        return name
    ending = f"-{hashlib.sha256(repository_name.encode()).hexdigest()}-long-{index}"
    # A label of a DNS name must not end in a dash before the next dot, nor be empty.
    return repository_name[: _MAX_NAME - len(ending)].rstrip("-.") + ending


def repository_label(repository_name: str) -> str:
    """Return the value of REPOSITORY_LABEL for an ImageRepository: its name, or a hash of a long one.

    At most 63 characters. The underscore, which no object name may have, keeps hashes and names apart.
    """
    if len(repository_name) <= _MAX_LABEL_VALUE:
        return repository_name
    return f"sha256_{hashlib.sha256(repository_name.encode()).hexdigest()}"[:_MAX_LABEL_VALUE]


DEFINITION: Final = Definition(
    resource=IMAGE_TAG_LISTS,
    columns={
        IMAGE_TAG_LISTS.version: (
            Column(name="Repository", path=".spec.imageRepositoryRef.name"),
            Column(name="Chunk", type="integer", path=".status.chunk"),
            Column(name="Chunks", type="integer", path=".status.chunks"),
            Column(name="Tags", type="integer", path=".status.tagCount"),
            Column(name="Revision", path=".status.revision"),
            AGE,
        )
    },
    status_subresource=False,
)
