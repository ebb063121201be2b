"""Where the tags of a scan are filtered: on the event loop while that is cheap, else in a thread."""

import asyncio
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final, TypeVar

from controllers.golang import regexp
from controllers.registry.tags import KeepTags, ListedTags, UnreadTags
from controllers.selection.threads import NamespaceThreads
from controllers.taglist.scan import INLINE_SCANNED_TAGS, Exclusion, TagSet, arrange, build_tag_set

T = TypeVar("T")

SHARED_THREAD_WORK: Final = 40 * regexp.CHEAP_WORK
"""In one of the threads of the process: a second at worst, 20 ms for 100,000 tags and what users write."""


@dataclass(frozen=True, slots=True)
class TagExclusion:
    """An exclusion list as a `registry.tags.TagSieve`. Lists of one image with the same patterns share a scan."""

    exclusion: Exclusion
    namespace: str = field(compare=False)
    threads: NamespaceThreads = field(compare=False, repr=False)

    def begin(self) -> KeepTags:
        """Return the filter for the parts of one list, which have one budget of CPU time together.

        It raises BadExclusionPattern, also once that is spent.
        """
        budget = regexp.Budget()

        async def keep(tags: Sequence[str]) -> list[str]:
            return await self._run(tags, partial(self.exclusion.keep, tags, budget))

        return keep

    async def build(self, listed: ListedTags) -> TagSet:
        """Return the list to store. Raises BadExclusionPattern."""
        if not listed.is_filtered:
            tags = await _read(listed.tags)
            return await self._run(tags, partial(build_tag_set, tags, self.exclusion.patterns))

        def build() -> TagSet:
            return arrange(set(listed.tags), excluded_count=listed.excluded_count)

        return build() if len(listed.tags) <= INLINE_SCANNED_TAGS else await asyncio.to_thread(build)

    async def _run(self, tags: Collection[str], work: Callable[[], T]) -> T:
        """Return what `work` on the tags returns: at once, in a thread, or in the namespace's where it may be long.

        100,000 tags would hold the event loop for longer than its 50 ms.
        """
        patterns, chars = self.exclusion.patterns, len("".join(tags))
        if len(tags) <= INLINE_SCANNED_TAGS and regexp.are_cheap(patterns, chars=chars):
            return work()
        if regexp.are_cheap(patterns, chars=chars, work=SHARED_THREAD_WORK):
            return await asyncio.to_thread(work)
        return await self.threads.run(self.namespace, work)


async def _read(tags: Sequence[str]) -> Sequence[str]:
    """Return tags that are decoded, beside the event loop where they are many."""
    if isinstance(tags, UnreadTags):
        return tags.read() if len(tags) <= INLINE_SCANNED_TAGS else await asyncio.to_thread(tags.read)
    return tags
