"""What a policy asks registries about images, and what it means for the run when they do not answer."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Protocol

from api.imagepolicy import ImageRef
from api.imagerepository import ImageRepository
from api.meta import FAILED
from controllers.golang.duration import parse_duration
from controllers.image.reference import Image
from controllers.imageaccess.reader import SECRET_RETRY, AccessFailed, AccessReader
from controllers.policy.rules import ImageMetadata
from controllers.registry.access import Access
from controllers.registry.errors import ImageNotFound, RegistryError, Throttled, Unavailable
from controllers.registry.inspection import Inspection
from controllers.registry.provenance import Provenance
from controllers.runtime.reconcile.run import NotReady

ORIGIN_TIMEOUT = timedelta(seconds=10)
"""How long a choice waits for where its image was built from, logins included."""


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
        """The digest that the chosen tag has now. Raises NotReady."""
        tried = f"failed fetching digest of {chosen.name}:{chosen.tag}: "
        with _translate_errors(tried, f'{tried}failed fetching descriptor for "{image.name}:{chosen.tag}": '):
            access = await self._access.read(repository, image)
            return await self._registry.resolve_digest(image, chosen.tag, access, timeout=_timeout(repository))

    async def read_image_facts(
        self, repository: ImageRepository, image: Image, tags: Sequence[str]
    ) -> dict[str, ImageMetadata]:
        """What the images behind `tags` tell: read at the same time, within the registry's budget. Raises NotReady."""
        tried = f"failed reading images of {image.name}: "
        with _translate_errors(tried, tried):
            access = await self._access.read(repository, image)
            found = await asyncio.gather(*(self._facts(image, tag, access, _timeout(repository)) for tag in tags))
            return dict(zip(tags, found, strict=True))

    async def origin(self, repository: ImageRepository, image: Image, ref: ImageRef) -> Provenance:
        """Where the image of `ref` was built from; it tells nothing when it is gone.

        Takes ORIGIN_TIMEOUT at most. Raises AccessFailed and RegistryError.
        """
        limit = min(_timeout(repository), ORIGIN_TIMEOUT)
        try:
            async with asyncio.timeout(ORIGIN_TIMEOUT.total_seconds()):
                access = await self._access.read(repository, image)
                return await self._inspector.read_provenance(image, ref.tag, ref.digest, access, timeout=limit)
        except ImageNotFound:  # deleted since it was chosen
            return Provenance()
        except TimeoutError:
            raise Unavailable(f"no answer within {ORIGIN_TIMEOUT.total_seconds():g} s") from None

    async def _facts(self, image: Image, tag: str, access: Access, limit: timedelta) -> ImageMetadata:
        try:
            found = await self._inspector.inspect(image, tag, access, timeout=limit)
        except ImageNotFound:  # deleted since the scan
            return ImageMetadata()
        return ImageMetadata(found.platforms, int(found.built_at.timestamp()) if found.built_at else None)


def image_text(ref: ImageRef) -> str:
    """`name:tag` or `name:tag@digest`: the form of v1beta1's `latestImage`."""
    return f"{ref.name}:{ref.tag}" + (f"@{ref.digest}" if ref.digest else "")


def _timeout(repository: ImageRepository) -> timedelta:
    return max(parse_duration(repository.spec.timeout or repository.spec.interval), timedelta(seconds=1))


@contextmanager
def _translate_errors(access: str, registry: str) -> Iterator[None]:
    """Turns what goes wrong into NotReady, behind one text or the other."""
    try:
        yield
    except AccessFailed as error:
        text = f"{access}failed to configure authentication options: {error}"
        raise NotReady(FAILED, text, max_delay=SECRET_RETRY) from error
    except RegistryError as error:
        after = error.retry_after if isinstance(error, Throttled) else None
        raise NotReady(FAILED, f"{registry}{error}", retry_after=after) from error
