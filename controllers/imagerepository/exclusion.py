"""Where the tags of a scan are filtered: on the event loop while that is cheap, else in a thread."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

from controllers.golang import regexp
from controllers.registry.tags import KeepTags
from controllers.selection.threads import NamespaceThreads
from controllers.taglist.scan import Exclusion

T = TypeVar("T")


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
            return await self.run(len(tags), partial(self.exclusion.keep, tags, budget))

        return keep

    async def run(self, count: int, work: Callable[[], T]) -> T:
        """Return what `work` on so many tags returns: at once, in a thread, or in the namespace's where it may be long.

        100,000 tags would hold the event loop for longer than its 50 ms.
        """
        if self.exclusion.is_cheap(count):
            return work()
        if self.exclusion.is_cheap(0):
            return await asyncio.to_thread(work)
        return await self.threads.run(self.namespace, work)
