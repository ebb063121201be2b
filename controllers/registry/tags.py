"""A list of tags in pages: where it begins, what a page has, where the next one is. Decisions only.

Follows https://github.com/opencontainers/distribution-spec/blob/main/spec.md#listing-tags. Registries are not believed:
pages, tags and bytes are counted, a next page on another origin or visited before is refused.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from urllib.parse import urljoin, urlsplit

import msgspec

from controllers.image.reference import Image
from controllers.net.foreign_text import sanitize
from controllers.net.url import origin
from controllers.registry.errors import BadResponse, ResponseTooLarge

PAGE_SIZE = 1000
MAX_PAGES = 2_000
MAX_TAGS = 250_000
MAX_TAG_CHARS = 512
"""The specification allows 128; a little more is taken, since Flux takes everything."""
MAX_PAGE_BYTES = 32 << 20
MAX_LIST_BYTES = 64 << 20

MAX_LINK_CHARS = 8_192

# Possessive throughout: a header of somebody else must not make the expression try things twice.
PARAMETER = r"\s*+;\s*+[A-Za-z*-]++(?:\s*+=\s*+(?:\"[^\"]*+\"|[^\s\",;]*+))?+"
LINK = re.compile(rf"\s*+<([^>]*+)>((?:{PARAMETER})*+)\s*+(?:,|$)")
NAME_AND_VALUE = re.compile(r";\s*+([A-Za-z*-]++)(?:\s*+=\s*+(?:\"([^\"]*+)\"|([^\s\",;]*+)))?+")


class TagPage(msgspec.Struct):
    tags: list[str] | None = None


def build_list_url(scheme: str, image: Image) -> str:
    return f"{scheme}://{image.registry}/v2/{image.repository}/tags/list?n={PAGE_SIZE}"


def decode_page(url: str, content_type: str, body: bytes) -> list[str]:
    """Return the tags of a page. Raises BadResponse for anything that is not one, and says what it looks like.

    A page of 1 MB costs about 2 ms.
    """
    try:
        tags = msgspec.json.decode(body, type=TagPage).tags or []
    except (msgspec.DecodeError, UnicodeDecodeError):
        kind = sanitize(content_type) or "no content type"
        start = sanitize(body[:80].decode("utf-8", "replace"))
        raise BadResponse(f"GET {url}: expected a list of tags in JSON, got {kind}: {start}") from None
    if any(len(tag) > MAX_TAG_CHARS for tag in tags):
        raise ResponseTooLarge(f"GET {url}: a tag has more than {MAX_TAG_CHARS} characters")
    return tags


def find_next_page(url: str, links: Iterable[str]) -> str | None:
    """Return the URL of the page after `url`, None after the last. Raises BadResponse when it is on another origin."""
    target = next(filter(None, (_next_target(header) for header in links)), None)
    if target is None:
        return None
    try:
        here, there = urlsplit(url), urlsplit(urljoin(url, target))
        same_host = origin(here)[1:] == origin(there)[1:]
    except ValueError:
        raise BadResponse(f"GET {url}: failed to parse link header: {sanitize(target)}") from None
    if there.scheme not in {"http", "https"} or not same_host:
        raise BadResponse(f"GET {url}: next page is on another origin, {sanitize(there.netloc)}; not followed")
    # A registry behind a proxy may not know that it is asked by HTTPS: the scheme that works is kept.
    return there._replace(scheme=here.scheme, netloc=here.netloc, fragment="").geturl()


def _next_target(header: str) -> str | None:
    at = 0
    while found := LINK.match(header[:MAX_LINK_CHARS], at):
        at = found.end()
        parameters = {name.lower(): quoted or plain for name, quoted, plain in NAME_AND_VALUE.findall(found[2])}
        if "next" in parameters.get("rel", "next").lower().split():
            return found[1]
    return None


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
                f"GET {url}: next page {sanitize(target)} was read before; the list goes round in a circle"
            )
        if len(self.visited) >= MAX_PAGES:
            raise ResponseTooLarge(f"GET {url}: list of tags has more than {MAX_PAGES} pages")
        return target
