"""A list of tags in pages: where it begins, what a page has, where the next one is. Decisions only.

Follows https://github.com/opencontainers/distribution-spec/blob/main/spec.md#listing-tags. Registries are not trusted:
pages, tags and bytes are counted, a next page on another origin or visited before is refused.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from urllib.parse import urljoin, urlsplit

import msgspec

from controllers.image.reference import Image
from controllers.net.foreign_text import sanitize
from controllers.net.url import origin, redact_text
from controllers.registry.errors import BadResponse, ResponseTooLarge
from controllers.registry.links import BadLink, parse_links

PAGE_SIZE = 1000
MAX_PAGES = 2_000
MAX_TAGS = 250_000
MAX_TAG_CHARS = 512
"""The specification allows 128; a little more is taken, since Flux takes everything."""
MAX_PAGE_BYTES = 32 << 20
MAX_LIST_BYTES = 64 << 20


class TagPage(msgspec.Struct):
    """A page as the specification defines it. A registry may leave out `tags` where there are none, but not both."""

    name: object = msgspec.UNSET
    tags: list[str] | msgspec.UnsetType | None = msgspec.UNSET
    errors: object = None

    def is_tag_list(self) -> bool:
        """Return whether this is a list of tags; an object with errors, or with neither name nor tags, is not."""
        return not self.errors and not (self.tags is msgspec.UNSET and self.name is msgspec.UNSET)


def build_list_url(scheme: str, image: Image) -> str:
    return f"{scheme}://{image.registry}/v2/{image.repository}/tags/list?n={PAGE_SIZE}"


def decode_page(url: str, content_type: str, body: bytes) -> list[str]:
    """Return the tags of a page. Raises BadResponse for anything that is not one, and says what it looks like.

    A page of 1 MB costs about 2 ms.
    """
    try:
        page = msgspec.json.decode(body, type=TagPage)
    except (msgspec.DecodeError, UnicodeDecodeError):
        page = None
    if page is None or not page.is_tag_list():
        kind = sanitize(content_type) or "no content type"
        start = sanitize(body[:80].decode("utf-8", "replace"))
        raise BadResponse(f"GET {url}: expected a list of tags in JSON, got {kind}: {start}")
    tags = page.tags or []
    if any(len(tag) > MAX_TAG_CHARS for tag in tags):
        raise ResponseTooLarge(f"GET {url}: a tag has more than {MAX_TAG_CHARS} characters")
    return tags


def find_next_page(url: str, links: Iterable[str]) -> str | None:
    """Return the URL of the page after `url`, None after the last. Raises BadResponse when it is on another origin."""
    try:
        parsed = [link for header in links for link in parse_links(header)]
    except BadLink as error:
        # An unread link is never the end of the list: an old tag would be chosen.
        raise BadResponse(f"GET {url}: failed to parse link header: {sanitize(redact_text(str(error)))}") from None
    target = next((link.target for link in parsed if not link.relations or "next" in link.relations), None)
    if target is None:
        return None
    try:
        here, there = urlsplit(url), urlsplit(urljoin(url, target))
        same_host = origin(here)[1:] == origin(there)[1:]
    except ValueError:
        raise BadResponse(f"GET {url}: failed to parse link header: {sanitize(redact_text(target))}") from None
    if there.scheme not in {"http", "https"} or not same_host:
        host = sanitize(there.netloc.rpartition("@")[2])
        raise BadResponse(f"GET {url}: next page is on another origin, {host}; not followed")
    # A registry behind a proxy may not know that it is asked by HTTPS: the scheme that works is kept.
    return there._replace(scheme=here.scheme, netloc=here.netloc, fragment="").geturl()


@dataclass(slots=True)
class Listing:
    """The pages read so far; says when it is enough."""

    tags: list[str] = field(default_factory=list)
    bytes_read: int = 0
    visited: set[str] = field(default_factory=set)

    def add(self, url: str, page: list[str], size: int) -> None:
        """Take a page of `size` bytes. Raises ResponseTooLarge beyond the bounds of this module."""
        self.visited.add(url)
        self.tags += page
        self.bytes_read += size
        if len(self.tags) > MAX_TAGS:
            raise ResponseTooLarge(f"GET {url}: registry lists more than {MAX_TAGS} tags")
        if self.bytes_read > MAX_LIST_BYTES:
            raise ResponseTooLarge(f"GET {url}: list of tags has more than {MAX_LIST_BYTES} bytes")

    def follow(self, url: str, target: str | None) -> str | None:
        """Return the page after `url`. Raises BadResponse for one read already, ResponseTooLarge after too many."""
        if target is None:
            return None
        if target in self.visited:
            raise BadResponse(
                f"GET {url}: next page {sanitize(redact_text(target))} was read before; the list goes round in a circle"
            )
        if len(self.visited) >= MAX_PAGES:
            raise ResponseTooLarge(f"GET {url}: list of tags has more than {MAX_PAGES} pages")
        return target
