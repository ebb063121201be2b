"""Asks the pure core for the choice, and reads the images that it wants to know of."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime

from controllers.imagepolicy.tag_index_cache import INLINE_TAGS
from controllers.policy.index import TagIndex
from controllers.policy.rules import ImageMetadata, Rules, Selection, select

ReadImages = Callable[[Sequence[str]], Awaitable[Mapping[str, ImageMetadata]]]
"""What the images behind some tags tell; has every tag that was asked for."""


async def select_tag(index: TagIndex, rules: Rules, read: ReadImages, *, now: datetime, current: str) -> Selection:
    """The choice; see `controllers.policy.rules.select`, whose errors it raises, and those of `read`."""
    images: dict[str, ImageMetadata] = {}
    while True:
        if len(index.tags) <= INLINE_TAGS:
            found = select(index, rules, now=now, current=current, images=images)
        else:
            found = await asyncio.to_thread(select, index, rules, now=now, current=current, images=images)
        if isinstance(found, Selection):
            return found
        images |= await read(found.tags)
