"""A registry client that answers from lists of tags, for work without a registry."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import timedelta
from typing import TypeVar

from controllers.clock import Clock
from controllers.image.reference import BadReference, Image, parse_image
from controllers.registry.access import Access
from controllers.registry.client import RegistryClient
from controllers.registry.errors import Unavailable
from controllers.registry.session import Session
from controllers.registry.tags import ListedTags, TagSieve

T = TypeVar("T")


class OfflineRegistry(RegistryClient):
    """Knows the tags of some images. offline: no registry is asked for the others."""

    def __init__(self, tags: Mapping[str, Sequence[str]], *, clock: Clock, user_agent: str, offline: bool) -> None:
        super().__init__(clock=clock, user_agent=user_agent)
        self._tags = {_canonical(name): list(of_image) for name, of_image in tags.items()}
        self._offline = offline

    async def list_tags(
        self, image: Image, access: Access, *, timeout: timedelta, tag_filter: TagSieve | None = None
    ) -> ListedTags:
        """Return the tags that were given, else those of the registry. Raises RegistryError."""
        if (known := self._tags.get(image.name)) is not None:
            return ListedTags(known)
        return await super().list_tags(image, access, timeout=timeout, tag_filter=tag_filter)

    async def run_session(
        self, image: Image, access: Access, timeout: timedelta, operation: Callable[[Session], Awaitable[T]]
    ) -> T:
        """Do what needs the registry. Raises RegistryError."""
        if self._offline:
            raise Unavailable(f"offline: {image.name} would have to be asked; its tags can be given with --tags")
        return await super().run_session(image, access, timeout, operation)


def _canonical(name: str) -> str:
    try:
        return parse_image(name).name
    except BadReference:
        return name
