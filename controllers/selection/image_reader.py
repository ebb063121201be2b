"""What a policy asks registries about images."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Protocol

from api.imagerepository import ImageRepository
from controllers.image.ref import ImageRef
from controllers.image.reference import Image
from controllers.imageaccess.errors import AccessFailed
from controllers.imageaccess.reader import AccessReader, request_timeout
from controllers.policy.rules import ImageMetadata
from controllers.registry.access import Access
from controllers.registry.errors import ImageNotFound, RegistryError, Throttled, Unavailable
from controllers.registry.inspection import Inspection
from controllers.registry.provenance import Provenance
from controllers.selection.errors import AccessNotRead, ImageNotRead

PROVENANCE_TIMEOUT = timedelta(seconds=10)
"""How long a choice waits for the provenance of its image, logins included."""


class DigestReader(Protocol):
    """What is needed of `registry.client.RegistryClient`."""

    async def resolve_digest(self, image: Image, tag: str, access: Access, *, timeout: timedelta) -> str: ...


class ImageInspector(Protocol):
    """What is needed of `registry.inspection.Inspector`."""

    async def inspect(self, image: Image, tag: str, access: Access, *, timeout: timedelta) -> Inspection: ...

    async def read_provenance(
        self, image: Image, tag: str, digest: str, access: Access, *, timeout: timedelta
    ) -> Provenance: ...


class ImageReader:
    """Reads with the credentials of the ImageRepository, within its timeout. Safe to call from many tasks."""

    def __init__(self, registry: DigestReader, inspector: ImageInspector, access: AccessReader) -> None:
        self._registry = registry
        self._inspector = inspector
        self._access = access

    async def digest(self, repository: ImageRepository, image: Image, chosen: ImageRef) -> str:
        """Return the digest that the chosen tag has now. Raises ImageNotRead."""
        tried = f"failed fetching digest of {chosen.name}:{chosen.tag}: "
        with _translate_errors(tried, f'{tried}failed fetching descriptor for "{image.name}:{chosen.tag}": '):
            access = await self._access.read(repository, image)
            return await self._registry.resolve_digest(
                image, chosen.tag, access, timeout=request_timeout(repository.spec)
            )

    async def read_metadata(
        self, repository: ImageRepository, image: Image, tags: Sequence[str]
    ) -> dict[str, ImageMetadata]:
        """Return the metadata of the images behind `tags`; an image that is gone has none. Raises ImageNotRead.

        They are read at the same time, within the registry's budget.
        """
        tried = f"failed reading images of {image.name}: "
        with _translate_errors(tried, tried):
            access = await self._access.read(repository, image)
            metadata = await asyncio.gather(*(self._inspect(repository, image, tag, access) for tag in tags))
            return dict(zip(tags, metadata, strict=True))

    async def read_provenance(self, repository: ImageRepository, image: Image, ref: ImageRef) -> Provenance:
        """Return where the image of `ref` was built from; empty when the image does not say so, or is gone.

        Takes PROVENANCE_TIMEOUT at most. Raises AccessFailed and RegistryError.
        """
        timeout = min(request_timeout(repository.spec), PROVENANCE_TIMEOUT)
        try:
            async with asyncio.timeout(PROVENANCE_TIMEOUT.total_seconds()):
                access = await self._access.read(repository, image)
                return await self._inspector.read_provenance(image, ref.tag, ref.digest, access, timeout=timeout)
        except ImageNotFound:  # deleted since it was chosen
            return Provenance()
        except TimeoutError:
            raise Unavailable(f"no answer within {PROVENANCE_TIMEOUT.total_seconds():g} s") from None

    async def _inspect(self, repository: ImageRepository, image: Image, tag: str, access: Access) -> ImageMetadata:
        try:
            inspection = await self._inspector.inspect(image, tag, access, timeout=request_timeout(repository.spec))
        except ImageNotFound:  # deleted since the scan
            return ImageMetadata()
        built_at = inspection.built_at
        return ImageMetadata(inspection.platforms, int(built_at.timestamp()) if built_at else None)


@contextmanager
def _translate_errors(access: str, registry: str) -> Iterator[None]:
    """Raise what goes wrong as ImageNotRead, behind one text or the other."""
    try:
        yield
    except AccessFailed as error:
        raise AccessNotRead(f"{access}failed to configure authentication options: {error}") from error
    except RegistryError as error:
        retry_after = error.retry_after if isinstance(error, Throttled) else None
        left_alone = error.left_alone if isinstance(error, Unavailable) else timedelta()
        raise ImageNotRead(f"{registry}{error}", retry_after=retry_after, left_alone=left_alone) from error
