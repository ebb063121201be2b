"""Stored tag lists in tests, without an API."""

from collections.abc import Mapping

from controllers.runtime.key import Key
from controllers.runtime.kube.errors import ApiError
from controllers.taglist import codec
from controllers.taglist.reader import TagListNotFound, TagListReader
from controllers.taglist.scan import build_tag_set
from testing.clock import VirtualClock
from testing.kube import FakeKube


class FakeTagListReader(TagListReader):
    """Tag lists by repository."""

    def __init__(self) -> None:
        super().__init__(FakeKube(), VirtualClock())
        self.failure: ApiError | None = None
        self.reads: list[tuple[Key, str]] = []
        self._lists: dict[Key, codec.TagList] = {}

    def put(self, key: Key, *tags: str, first_seen: Mapping[str, int] | None = None) -> str:
        """Store tags; returns their revision."""
        scan = build_tag_set(tags, None)
        times = dict.fromkeys(scan.tags) | dict(first_seen or {})
        self._lists[key] = codec.TagList(scan.tags, times, scan.revision, scan.excluded_count)
        return scan.revision

    async def read(self, repository: Key, revision: str) -> codec.TagList:
        self.reads.append((repository, revision))
        if self.failure:
            raise self.failure
        if repository not in self._lists:
            raise TagListNotFound(f"no whole tag list is stored for ImageRepository {repository}")
        return self._lists[repository]
