"""Read a list of tags page by page; of a cached page only ask whether it has changed.

Where a registry names a version of a page (RFC 9110 `ETag`), the page is kept and the next request for it says so; a
304 then stands for the page. Cached by access, since what one identity sees is not another's.
"""

import asyncio
from collections.abc import Hashable
from dataclasses import dataclass

from cachetools import LRUCache

from controllers.registry.messages import RegistryRequest, RegistryResponse
from controllers.registry.session import Session
from controllers.registry.tags import MAX_PAGE_BYTES, Listing, decode_page, find_next_page

LARGE_PAGE_BYTES = 512 << 10
"""Pages of this size and more are decoded in a thread: the event loop must not be held."""
MAX_CACHED_BYTES = 16 << 20
MAX_CACHED_PAGE_BYTES = 1 << 20
OVERHEAD_BYTES = 2 << 10
"""What a page takes besides its body, roughly."""
PAGE_SIZE_MULTIPLE = 50
"""Page sizes are multiples of this: a last page of such a size may be full."""


class PageCache:
    """Pages that a registry gave a version. Lost with the process; read again by the next scan."""

    def __init__(self) -> None:
        self._pages: LRUCache[tuple[Hashable, str], RegistryResponse] = LRUCache(
            MAX_CACHED_BYTES, getsizeof=lambda page: len(page.body) + OVERHEAD_BYTES
        )

    def of(self, identity: Hashable) -> "IdentityPages":
        """Return the pages that `identity` was given."""
        return IdentityPages(self._pages, identity)


@dataclass(frozen=True, slots=True)
class IdentityPages:
    """One identity's view of the cache."""

    pages: LRUCache[tuple[Hashable, str], RegistryResponse]
    identity: Hashable

    def get(self, url: str) -> RegistryResponse | None:
        return self.pages.get((self.identity, url))

    def store(self, url: str, page: RegistryResponse, *, cacheable: bool) -> None:
        """Store a page that has a version, and drop one that has none any more, or is not `cacheable`."""
        if cacheable and page.headers.get("etag") and len(page.body) <= MAX_CACHED_PAGE_BYTES:
            self.pages[self.identity, url] = page
        else:
            self.pages.pop((self.identity, url), None)


async def read_pages(session: Session, first: str, cache: IdentityPages) -> list[str]:
    """Return all tags from the page `first` on, in the registry's order. Raises RegistryError."""
    listing = Listing()
    url: str | None = first
    while url:
        page = await _page(session, url, cache)
        arguments = url, page.headers.get("content-type", ""), page.body
        if len(page.body) < LARGE_PAGE_BYTES:
            tags = decode_page(*arguments)
        else:
            tags = await asyncio.to_thread(decode_page, *arguments)
        listing.add(url, tags, len(page.body))
        target = find_next_page(url, page.links)
        # A full last page gets a successor without changing itself, and a version need not cover the Link header.
        cache.store(url, page, cacheable=bool(target) or len(tags) % PAGE_SIZE_MULTIPLE != 0)
        url = listing.follow(url, target)
    return listing.tags


async def _page(session: Session, url: str, cache: IdentityPages) -> RegistryResponse:
    cached = cache.get(url)
    headers = {"Accept": "application/json"}
    if cached:
        headers["If-None-Match"] = cached.headers["etag"]
    accepted = (200, 304) if cached else (200,)
    answer = await session.send(RegistryRequest("GET", url, headers), max_bytes=MAX_PAGE_BYTES, accepted=accepted)
    return cached if cached and answer.status == 304 else answer
