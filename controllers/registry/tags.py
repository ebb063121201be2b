"""A list of tags in pages: where it begins, what a page has, where the next one is. Decisions only.

Follows https://github.com/opencontainers/distribution-spec/blob/main/spec.md#listing-tags. Registries are not trusted:
pages, tags and bytes are counted, and all pages are asked of the URL that the first was asked of. There is one limit,
the number of tags that the exclusion list leaves; how many bytes may be read for them follows from it.
"""

import hashlib
import re
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Final, NamedTuple, Protocol, overload
from urllib.parse import urljoin, urlsplit

import msgspec

from controllers.net.foreign_text import sanitize
from controllers.net.url import DEFAULT_PORTS, origin, redact_text
from controllers.registry.errors import BadResponse, ResponseTooLarge
from controllers.registry.links import BadLink, parse_links
from controllers.registry.locations import Location

PAGE_SIZE: Final = 1000
MAX_PAGES: Final = 2_000
MAX_TAGS: Final = 250_000
"""The default of the limit."""
MAX_TAG_CHARS: Final = 512
"""The specification allows 128; a little more is taken, since Flux takes everything."""
KEPT_PAGE_BYTES: Final = 1 << 20
"""A longer page is parsed as it comes."""
BYTES_PER_TAG: Final = 1 << 10
"""Read at most for each tag of the limit; some registries write 300 bytes about each image besides its tags."""
_PLAIN_LINK: Final = re.compile(r"""</[A-Za-z0-9._-][A-Za-z0-9._/-]*+\?([A-Za-z0-9._~=&%:/+-]++)>; ?rel="?next"?""")
"""A query on this host, which stays as it is."""
CHARS_PER_TAG: Final = 128
"""Kept at most for each tag of the limit; the specification's longest tag."""


Tag = Annotated[str, msgspec.Meta(max_length=MAX_TAG_CHARS)]


class TagPage(msgspec.Struct):
    """A page as the specification defines it. A registry may leave out `tags` where there are none, but not both."""

    name: object = msgspec.UNSET
    tags: list[str] | msgspec.UnsetType | None = msgspec.UNSET
    errors: object = None

    def is_tag_list(self) -> bool:
        """Return whether this is a list of tags; an object with errors, or with neither name nor tags, is not."""
        return not self.errors and not (self.tags is msgspec.UNSET and self.name is msgspec.UNSET)


class BoundedTagPage(TagPage):
    """One without a tag that no registry can have."""

    tags: list[Tag] | msgspec.UnsetType | None = msgspec.UNSET


KeepTags = Callable[[Sequence[str]], Awaitable[list[str]]]
"""Return the tags that count, in the same order; about 1 µs a tag, and more where it is done beside the event loop."""


class TagSieve(Protocol):
    """Which tags count; hashable, since those who list with the same one share an answer."""

    def begin(self) -> KeepTags:
        """Return what is called for one part of a list after the other, which may bound what the whole costs."""


@dataclass(frozen=True, slots=True)
class ListedTags:
    """The answer to a list of tags."""

    tags: Sequence[str]
    """In the registry's order; may repeat. Of pages that were read before perhaps `UnreadTags`."""
    is_filtered: bool = False
    """Whether the filter was needed; then it was asked about each tag, else about none."""
    excluded_count: int = 0
    """How many it dropped."""
    fingerprint: bytes = field(default=b"", compare=False)
    """Of the answers without a filter: equal ones have the same tags. Empty where it is not known."""


class UnreadTags(Sequence[str]):
    """The tags of pages that are byte for byte those of an earlier list: decoded when somebody asks for one."""

    def __init__(self, bodies: Sequence[bytes], count: int) -> None:
        self._bodies = bodies
        self._count = count
        self._tags: list[str] | None = None

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> list[str]: ...
    def __getitem__(self, index: int | slice) -> str | list[str]:
        return self.read()[index]

    def __iter__(self) -> Iterator[str]:
        return iter(self.read())

    def __eq__(self, other: object) -> bool:
        return self.read() == other

    __hash__ = None  # type: ignore[assignment]  # as lists

    def read(self) -> list[str]:
        """Return the tags; some 2 ms a megabyte the first time."""
        if self._tags is None:
            self._tags = [tag for body in self._bodies for tag in _known_tags(body)]
        return self._tags


def _known_tags(body: bytes) -> list[str]:
    return msgspec.json.decode(body, type=TagPage).tags or []


def fingerprint(parts: Iterable[bytes]) -> bytes:
    """Return what stands for bytes that a registry sent; nobody can make two of them alike (BLAKE2b, 128 bits)."""
    found = hashlib.blake2b(digest_size=16)
    for part in parts:
        found.update(part)
    return found.digest()


def build_list_url(scheme: str, location: Location, *, page_size: int | None = PAGE_SIZE) -> str:
    """Return the URL of the first page. page_size: None leaves it to the registry."""
    size = f"?n={page_size}" if page_size else ""
    return f"{scheme}://{location.base}/v2/{location.repository}/tags/list{size}"


def decode_page(url: str, content_type: str, body: bytes, *, is_quotable: bool = True) -> list[str]:
    """Return the tags of a page. Raises BadResponse for anything that is not one, and says what it looks like.

    is_quotable: the host that answered is the image's own. A page of 1 MB costs about 2 ms.
    """
    page = _decode(body, BoundedTagPage)
    if page is None and (unbounded := _decode(body, TagPage)):
        check_tags(url, unbounded.tags or [])
    if page is None or not page.is_tag_list():
        raise no_page_error(url, content_type, body, is_quotable=is_quotable)
    return page.tags or []


def _decode(body: bytes, into: type[TagPage]) -> TagPage | None:
    try:
        return msgspec.json.decode(body, type=into)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def no_page_error(url: str, content_type: str, start: bytes, *, is_quotable: bool = True) -> BadResponse:
    """Return the error for an answer that is no page; start: of its body."""
    if not is_quotable:
        return BadResponse(
            f"{describe_request(url)}: expected a list of tags in JSON, got something else by way of another host"
        )
    kind = sanitize(content_type) or "no content type"
    text = sanitize(start[:80].decode("utf-8", "replace"))
    return BadResponse(f"{describe_request(url)}: expected a list of tags in JSON, got {kind}: {text}")


def describe_request(url: str) -> str:
    """Return method and URL for a message: a registry's link has settled the query of any page but the first."""
    return f"GET {redact_text(url)}"


def check_tags(url: str, tags: Iterable[str]) -> None:
    """Raise ResponseTooLarge for a tag that no registry can have."""
    if max(map(len, tags), default=0) > MAX_TAG_CHARS:
        raise ResponseTooLarge(f"{describe_request(url)}: a tag has more than {MAX_TAG_CHARS} characters")


def find_next_page(url: str, links: Sequence[str]) -> str | None:
    """Return the URL of the page after `url`, None after the last.

    Of a link with a query only that counts: registries behind proxies write a scheme, host, port or path that are
    theirs and not ours. A link without one is followed on the same host. Raises BadResponse for a link that is not
    understood.
    """
    if (plain := _plain_next_page(url, links)) is not None:
        return plain
    try:
        parsed = [link for header in links for link in parse_links(header)]
    except BadLink as error:
        # An unread link is never the end of the list: an old tag would be chosen.
        raise BadResponse(
            f"{describe_request(url)}: failed to parse link header: {sanitize(redact_text(str(error)))}"
        ) from None
    target = next((link.target for link in parsed if not link.relations or "next" in link.relations), None)
    if target is None:
        return None
    here = urlsplit(url)
    try:
        there = urlsplit(urljoin(url, target))
        same_host = there.scheme in DEFAULT_PORTS and origin(here)[1:] == origin(there)[1:]
    except ValueError:
        raise BadResponse(
            f"{describe_request(url)}: failed to parse link header: {sanitize(redact_text(target))}"
        ) from None
    if there.query:
        return here._replace(query=there.query, fragment="").geturl()
    if not same_host:
        host = sanitize(there.netloc.rpartition("@")[2])
        raise BadResponse(
            f"{describe_request(url)}: next page is on another origin, {host}, and has no query to ask for it here"
        )
    # A registry behind a proxy may not know that it is asked by HTTPS: the scheme that works is kept.
    return there._replace(scheme=here.scheme, netloc=here.netloc, fragment="").geturl()


def _plain_next_page(url: str, links: Sequence[str]) -> str | None:
    """Return the page after `url` by the one link that registries usually write; None where it is another one."""
    match = _PLAIN_LINK.fullmatch(links[0]) if len(links) == 1 else None
    return f"{url.partition('?')[0]}?{match[1]}" if match and "#" not in url else None


class Mark(NamedTuple):
    """How far a listing was."""

    length: int
    excluded_count: int
    filtered: int
    chars: int


@dataclass(slots=True)
class Listing:
    """The pages read so far; says when it is enough."""

    max_tags: int = MAX_TAGS
    keep: KeepTags | None = None
    tags: list[str] = field(default_factory=list)
    is_filtered: bool = False
    """Whether the filter was asked."""
    excluded_count: int = 0
    bytes_read: int = 0
    visited: set[str] = field(default_factory=set)
    _unread: list[bytes] = field(default_factory=list)
    """Pages that follow `tags`, as they came."""
    _unread_count: int = 0
    """Of their tags."""
    _fingerprints: list[bytes] | None = field(default_factory=list)
    """Of the pages, while all are kept whole."""
    _filtered: int = 0
    """So many tags have passed the filter."""
    _chars: int = 0
    """Of the tags that have."""

    def begin_page(self, url: str) -> None:
        """Take note that a page is read."""
        self.visited.add(url)

    def add_bytes(self, url: str, size: int) -> None:
        """Take note of bytes that were read. Raises ResponseTooLarge."""
        self.bytes_read += size
        if self.bytes_read > self.max_tags * BYTES_PER_TAG:
            raise ResponseTooLarge(
                f"{describe_request(url)}: list of tags has more than {self.max_tags * BYTES_PER_TAG} bytes, "
                f"{BYTES_PER_TAG} for each of {self.max_tags} tags; raise --registry-max-tags"
            )

    def add(self, tags: Sequence[str], *, page: bytes = b"") -> None:
        """Take tags; see `is_full`. page: fingerprint of the page that they are all of."""
        self.read()
        self.tags += tags
        self._add_fingerprint(page)

    def add_unread(self, body: bytes, count: int, *, page: bytes) -> None:
        """Take a page that is known to be one and to have so many tags; see `is_full` and `unread_bytes`."""
        self._unread.append(body)
        self._unread_count += count
        self._add_fingerprint(page)

    def _add_fingerprint(self, page: bytes) -> None:
        if not page:
            self._fingerprints = None
        elif self._fingerprints is not None:
            self._fingerprints.append(page)

    @property
    def unread_bytes(self) -> int:
        """How much `read`, and whatever adds, filters or rolls back, has to decode first."""
        return sum(map(len, self._unread))

    def read(self) -> None:
        """Decode the pages that were not."""
        if self._unread:
            unread, self._unread, self._unread_count = self._unread, [], 0
            for body in unread:
                self.tags += _known_tags(body)

    @property
    def is_full(self) -> bool:
        """Whether `apply_filter` is needed before more is added."""
        return len(self.tags) + self._unread_count > self.max_tags

    async def apply_filter(self, url: str) -> None:
        """Drop the tags that do not count. Raises ResponseTooLarge when too many do, and what `keep` raises."""
        self.read()
        added = self.tags[self._filtered :]
        self.is_filtered = self.keep is not None
        kept = await self.keep(added) if self.keep else added
        self.excluded_count += len(added) - len(kept)
        self.tags[self._filtered :] = kept
        self._filtered = len(self.tags)
        self._chars += sum(map(len, kept))
        if self._filtered > self.max_tags or self._chars > self.max_tags * CHARS_PER_TAG:
            raise ResponseTooLarge(
                f"{describe_request(url)}: registry lists more than {self.max_tags} tags besides those that "
                "spec.exclusionList leaves out; leave out more there, or raise --registry-max-tags"
            )

    async def finish(self, url: str) -> ListedTags:
        """Return all tags. Once some had to be filtered the rest are as well. Raises as `apply_filter`."""
        if self.is_filtered and len(self.tags) + self._unread_count > self._filtered:
            await self.apply_filter(url)
        whole = b"" if self._fingerprints is None or self.is_filtered else fingerprint(self._fingerprints)
        if self._unread and not self.tags and not self.is_filtered:
            return ListedTags(UnreadTags(self._unread, self._unread_count), fingerprint=whole)
        self.read()
        return ListedTags(self.tags, self.is_filtered, self.excluded_count, whole)

    def mark(self) -> "Mark":
        """Return what `roll_back` comes back to, if nothing before it is filtered in between."""
        self.read()
        return Mark(len(self.tags), self.excluded_count, self._filtered, self._chars)

    def roll_back(self, mark: "Mark") -> None:
        """Drop what was added since. Bytes that were read stay read."""
        self.read()
        del self.tags[mark.length :]
        self.excluded_count, self._filtered, self._chars = mark.excluded_count, mark.filtered, mark.chars

    def follow(self, url: str, target: str | None) -> str | None:
        """Return the page after `url`. Raises BadResponse for one read already, ResponseTooLarge after too many."""
        if target is None:
            return None
        if target in self.visited:
            seen = sanitize(redact_text(target))
            raise BadResponse(
                f"{describe_request(url)}: next page {seen} was read before; the list goes round in a circle"
            )
        if len(self.visited) >= MAX_PAGES:
            raise ResponseTooLarge(f"{describe_request(url)}: list of tags has more than {MAX_PAGES} pages")
        return target
