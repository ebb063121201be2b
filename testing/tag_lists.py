"""Tags without a registry, stored lists of them without an API, headers of their chunks without an informer."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from api.names import IMAGE_TAG_LISTS
from controllers.image.reference import Image
from controllers.registry.access import Access
from controllers.registry.errors import ImageNotFound
from controllers.registry.tags import ListedTags, TagSieve, fingerprint
from controllers.runtime.key import Key, key_of
from controllers.runtime.kube.errors import ApiError
from controllers.taglist import codec
from controllers.taglist.reader import TagListNotFound
from controllers.taglist.resources import BY_REPOSITORY, ChunkHeader, drop_long_data, repository_key
from controllers.taglist.scan import build_tag_set
from testing.kube import FakeKube


@dataclass
class FakeTagLister:
    """A registry that answers with tags, or fails."""

    tags: list[str] = field(default_factory=lambda: ["1.0", "2.0", "2.0.sig"])
    failure: Exception | None = None
    asked: list[tuple[str, Access, timedelta]] = field(default_factory=list)
    max_tags: int = 1000
    """Above it the filter is asked, as a registry's client does."""
    head_failure: Exception | None = None
    heads: list[str] = field(default_factory=list)
    """Tags that were asked for one by one."""

    async def list_tags(
        self, image: Image, access: Access, *, timeout: timedelta, tag_filter: TagSieve | None = None
    ) -> ListedTags:
        self.asked.append((image.name, access, timeout))
        if self.failure:
            raise self.failure
        if tag_filter and len(self.tags) > self.max_tags:
            kept = await tag_filter.begin()(self.tags)
            return ListedTags(kept, is_filtered=True, excluded_count=len(self.tags) - len(kept))
        return ListedTags(self.tags, fingerprint=fingerprint(tag.encode() + b" " for tag in self.tags))

    async def resolve_digest(self, image: Image, tag: str, access: Access, *, timeout: timedelta) -> str:
        self.heads.append(tag)
        if self.head_failure:
            raise self.head_failure
        if tag not in self.tags:
            raise ImageNotFound(f"HEAD {image.name}:{tag}: 404")
        return f"sha256:{0:064}"


class FakeTagListReader:
    """Tag lists by repository."""

    def __init__(self) -> None:
        self.failure: ApiError | None = None
        self.reads: list[tuple[Key, str]] = []
        self._lists: dict[Key, codec.TagList] = {}

    def put(self, key: Key, *tags: str, first_seen: Mapping[str, int | None] | None = None) -> str:
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


class FakeHeaders:
    """Headers of the chunks in a FakeKube: own writes enter at once, those of others with `catch_up`."""

    def __init__(self, kube: FakeKube) -> None:
        self._kube = kube
        self.catch_up()

    def catch_up(self) -> None:
        """Become equal to the server, as after a list."""
        headers = self._kube.all(IMAGE_TAG_LISTS.plural, ChunkHeader)
        self._headers = {key_of(header): drop_long_data(header) for header in headers}

    def by_index(self, index: str, value: str) -> list[ChunkHeader]:
        assert index == BY_REPOSITORY
        return [header for header in self._headers.values() if str(repository_key(header)) == value]

    def record_write(self, obj: ChunkHeader) -> None:
        self._headers[key_of(obj)] = drop_long_data(obj)
