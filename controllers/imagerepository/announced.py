"""Tags that the registry has announced, by way of a receiver: asked for one by one instead of listing all.

What a receiver writes is only a hint, and whoever may patch the object can write the same. So nothing enters the list
that the registry does not have, and what is not found is left out. Whatever does not fit makes a scan of all.
"""

import asyncio
import re
from collections.abc import Sequence
from datetime import timedelta
from typing import Final, Protocol

from api.imagerepository import ImageRepository
from api.names import PUSHED_TAGS, REQUESTED_AT
from api.pushedtags import decode_pushed_tags, requested_tags
from controllers.image.reference import Image
from controllers.registry.access import Access
from controllers.registry.errors import ImageNotFound
from controllers.registry.tags import KeepTags
from controllers.taglist.codec import TagList
from controllers.taglist.scan import INLINE_TAGS, TagSet, arrange

_TAG: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}", re.ASCII)
"""https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pulling-manifests"""
_QUOTED_TAGS: Final = 3


class DigestResolver(Protocol):
    """What is needed of `registry.client.RegistryClient`."""

    async def resolve_digest(self, image: Image, tag: str, access: Access, *, timeout: timedelta) -> str: ...


def pending_tags(repository: ImageRepository) -> tuple[str, ...]:
    """Return the tags that a request is about which no run has handled yet, each once; none: all tags are asked for."""
    annotations, handled = repository.metadata.annotations, repository.status.last_handled_reconcile_at
    if annotations.get(REQUESTED_AT, "") == handled:
        return ()
    pushed = requested_tags(annotations)
    done = max((index for index, tag in enumerate(pushed, 1) if tag.at == handled), default=0)
    return tuple(dict.fromkeys(tag.tag for tag in pushed[done:] if _TAG.fullmatch(tag.tag)))


def pending_trace(repository: ImageRepository) -> str:
    """Return the trace context of what announced the pending tags last; empty where there is none."""
    pushed = requested_tags(repository.metadata.annotations)
    return pushed[-1].trace if pushed else ""


def is_announced(repository: ImageRepository) -> bool:
    """Return whether a receiver has ever announced a tag of this repository."""
    return bool(_announced(repository))


def missed_tags(repository: ImageRepository, new: Sequence[str]) -> list[str]:
    """Return which of the tags that a scan has found were never announced, of a repository whose others were."""
    announced = _announced(repository)
    return [tag for tag in new if tag not in announced] if announced else []


def _announced(repository: ImageRepository) -> set[str]:
    return {tag.tag for tag in decode_pushed_tags(repository.metadata.annotations.get(PUSHED_TAGS, ""))}


async def find_tags(
    registry: DigestResolver,
    image: Image,
    access: Access,
    wanted: Sequence[str],
    *,
    stored: TagList,
    keep: KeepTags,
    timeout: timedelta,
) -> list[str]:
    """Return those of the tags that the registry has, beside the stored ones: one HEAD for each.

    keep: the exclusion list; what it drops is not asked for. Raises RegistryError, TimeoutError, BadExclusionPattern.
    """
    found = []
    async with asyncio.timeout(timeout.total_seconds()):
        for tag in await keep([tag for tag in wanted if tag not in stored.first_seen]):
            try:
                await registry.resolve_digest(image, tag, access, timeout=timeout)
            except ImageNotFound:
                continue
            found.append(tag)
    return found


async def add_tags(stored: TagList, found: Sequence[str]) -> TagSet:
    """Return the stored list with further tags."""
    tags, excluded_count = {*stored.tags, *found}, stored.excluded_count
    if len(tags) <= INLINE_TAGS:
        return arrange(tags, excluded_count=excluded_count)
    return await asyncio.to_thread(arrange, tags, excluded_count=excluded_count)


def describe(found: Sequence[str]) -> str:
    """Return the announced tags in words."""
    further = len(found) - _QUOTED_TAGS
    return ", ".join(found[:_QUOTED_TAGS]) + (f" and {further} more" if further > 0 else "")
