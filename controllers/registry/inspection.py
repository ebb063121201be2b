"""What an image says about itself: its platforms, when it was built, and from which sources.

Follows https://github.com/opencontainers/image-spec (image index, manifest, config). Content is addressed by digest, so
what was read once stays valid and is cached, within bounds, for those who read it; a rebuilt tag has another digest.
Entries of an index without a platform, or with an unknown one (signatures, attestations), do not count.
"""

import hashlib
from collections.abc import Awaitable
from datetime import UTC, datetime, timedelta
from typing import Final, TypeVar

import msgspec

from controllers.faircache import FairCache
from controllers.image.reference import Image
from controllers.registry.access import Access
from controllers.registry.client import DIGEST, MANIFEST_TYPES, RegistryClient
from controllers.registry.errors import BadResponse
from controllers.registry.messages import RegistryRequest
from controllers.registry.provenance import Provenance, read_provenance
from controllers.registry.session import Session

MAX_CACHED: Final = 4096
MAX_DOCUMENT_BYTES: Final = 4 << 20

_CREATED: Final = "org.opencontainers.image.created"


class Platform(msgspec.Struct, frozen=True):
    os: str = ""
    architecture: str = ""
    variant: str = ""

    def __str__(self) -> str:
        return "/".join(filter(None, (self.os, self.architecture, self.variant)))

    @property
    def is_known(self) -> bool:
        return bool(self.os and self.architecture) and self.os != "unknown"


class Descriptor(msgspec.Struct, frozen=True):
    digest: str = ""
    platform: Platform | None = None


class Document(msgspec.Struct, frozen=True):
    """An index, which has manifests, or a manifest, which has a config."""

    manifests: tuple[Descriptor, ...] | None = None
    config: Descriptor | None = None
    annotations: dict[str, str] | None = None


class ImageConfig(Platform, frozen=True):
    created: str = ""
    config: msgspec.Raw = msgspec.Raw(b"null")
    """What a container is run with. Undecoded, so that a fault in it stops only those who read it."""

    @property
    def labels(self) -> dict[str, str]:
        """The image's labels; none where they are not what they should be."""
        try:
            return msgspec.json.decode(self.config, type=ContainerConfig).labels or {}
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return {}


class ContainerConfig(msgspec.Struct, frozen=True):
    labels: dict[str, str] | None = msgspec.field(name="Labels", default=None)


class Inspection(msgspec.Struct, frozen=True):
    """What an image says about itself."""

    platforms: frozenset[str]
    """`os/architecture` or `os/architecture/variant`."""
    built_at: datetime | None
    """UTC; None where the image does not say."""


class _CachedInspection(msgspec.Struct, frozen=True):
    inspection: Inspection
    provenance: Provenance | None
    """None: not every part that may name it has been read."""


T = TypeVar("T", Document, ImageConfig)


class Inspector:
    """Reads images through a client; used from one event loop, by any number of tasks."""

    def __init__(self, client: RegistryClient) -> None:
        self._client = client
        self._cache: FairCache[tuple[Image, str], _CachedInspection] = FairCache(MAX_CACHED)

    async def inspect(self, image: Image, tag: str, access: Access, *, timeout: timedelta) -> Inspection:
        """Return what the image behind `tag` says about itself now.

        What one owner of an access has read is not shown to another, who may have no access but a proxy that names the
        digest.
        One HEAD where the image is cached; else up to three GETs besides: the date of an index is its first image's.
        Raises RegistryError; ImageNotFound when the tag has no image any more.
        """
        digest = await self._client.resolve_digest(image, tag, access, timeout=timeout)
        cached = self._cache.get(access.owner, (image, digest))
        return (cached or await self._read(image, digest, access, timeout, provenance=False)).inspection

    async def read_provenance(
        self, image: Image, tag: str, digest: str, access: Access, *, timeout: timedelta
    ) -> Provenance:
        """Return where the image `digest` was built from, or the one behind `tag` now where that is empty.

        No request where it is cached and `digest` is given. Else at most a HEAD and three GETs: an index, its first
        image and that one's configuration, each only where those before do not say. Raises RegistryError, as `inspect`.
        """
        digest = digest or await self._client.resolve_digest(image, tag, access, timeout=timeout)
        cached = self._cache.get(access.owner, (image, digest))
        if cached is None or cached.provenance is None:
            cached = await self._read(image, digest, access, timeout, provenance=True)
        assert cached.provenance is not None
        return cached.provenance

    async def _read(
        self, image: Image, digest: str, access: Access, timeout: timedelta, *, provenance: bool
    ) -> _CachedInspection:
        def read(session: Session) -> Awaitable[_CachedInspection]:
            return _read(session, image, digest, provenance=provenance)

        with access.explain_refusals():
            cached = await self._client.run_session(image, access, timeout, read)
        self._cache.put(access.owner, (image, digest), cached)
        return cached


async def _read(session: Session, image: Image, digest: str, *, provenance: bool) -> _CachedInspection:
    """Read what an image says about itself. provenance: read also the documents that only it needs."""
    document = await _manifest(session, image, digest)
    created, notes = _created_annotation(document), [document.annotations or {}]
    if document.manifests is None:
        config = await _config(session, image, document)
        inspection = Inspection(_platforms([config]), _date(created or config.created))
        return _CachedInspection(inspection, read_provenance([*notes, config.labels]))
    images = [entry for entry in document.manifests if entry.platform and entry.platform.is_known]
    whole = not images or read_provenance(notes).is_complete
    if images and (not created or (provenance and not whole)):
        first = await _manifest(session, image, images[0].digest)
        config = await _config(session, image, first)
        created, whole = created or config.created, True
        notes += [first.annotations or {}, config.labels]
    inspection = Inspection(_platforms([entry.platform for entry in images if entry.platform]), _date(created))
    return _CachedInspection(inspection, read_provenance(notes) if whole else None)


def _platforms(platforms: list[Platform] | list[ImageConfig]) -> frozenset[str]:
    return frozenset(str(platform) for platform in platforms if platform.is_known)


def _created_annotation(document: Document) -> str:
    return (document.annotations or {}).get(_CREATED, "")


def _date(text: str) -> datetime | None:
    """Read RFC 3339, the form of both the config and the annotation; return None without one."""
    try:
        date = msgspec.convert(text, datetime)
        if date.tzinfo is None or date.year <= 1970:  # reproducible builds write the epoch
            return None
        return date.astimezone(UTC)
    except (msgspec.ValidationError, OverflowError):  # the year 9999 ends earlier in UTC than west of it
        return None


async def _manifest(session: Session, image: Image, digest: str) -> Document:
    return await _document(session, image, "manifests", digest, Document)


async def _config(session: Session, image: Image, manifest: Document) -> ImageConfig:
    if manifest.config is None:
        return ImageConfig()
    return await _document(session, image, "blobs", manifest.config.digest, ImageConfig)


async def _document(session: Session, image: Image, kind: str, digest: str, into: type[T]) -> T:
    where = f"{image.registry}/v2/{image.repository}/{kind}"
    if not DIGEST.fullmatch(digest):
        raise BadResponse(f"{where}: an image refers to what is not a digest")
    url = await session.url(f"{kind}/{digest}")
    accept = ",".join(MANIFEST_TYPES) if kind == "manifests" else "*/*"
    answer = await session.send(RegistryRequest("GET", url, {"Accept": accept}), max_bytes=MAX_DOCUMENT_BYTES)
    algorithm, _, wanted = digest.partition(":")
    if hashlib.new(algorithm, answer.body).hexdigest() != wanted:
        raise BadResponse(f"GET {url}: content is not that of its digest")
    try:
        return msgspec.json.decode(answer.body, type=into)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise BadResponse(f"GET {url}: not the JSON of an image") from None
