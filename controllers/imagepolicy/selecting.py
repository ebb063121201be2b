"""Asks the pure core for the choice, and reads the images that it wants to know of."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime

from controllers.imagepolicy.tags import INLINE_TAGS
from controllers.policy.index import TagIndex
from controllers.policy.rules import ImageFacts, Rules, Selection, select

ReadImages = Callable[[Sequence[str]], Awaitable[Mapping[str, ImageFacts]]]
"""What the images behind some tags tell; has every tag that was asked for."""


async def selected(index: TagIndex, rules: Rules, read: ReadImages, *, now: datetime, current: str) -> Selection:
    """The choice; see `controllers.policy.rules.select`, whose errors it raises, and those of `read`."""
    images: dict[str, ImageFacts] = {}
    while True:
        if len(index.tags) <= INLINE_TAGS:
            found = select(index, rules, now=now, current=current, images=images)
        else:
            found = await asyncio.to_thread(select, index, rules, now=now, current=current, images=images)
        if isinstance(found, Selection):
            return found
        images |= await read(found.tags)
