"""Read a list of tags page by page; of a cached page only ask whether it has changed.

Where a registry names a version of a page (RFC 9110 `ETag`), the page is kept and the next request for it says so; a
304 then stands for the page. Cached by access, since what one identity sees is not another's.
"""

import asyncio
from collections.abc import Hashable
from dataclasses import dataclass
from datetime import timedelta

from cachetools import LRUCache, TTLCache

from controllers.clock import Clock
from controllers.registry.errors import RegistryError
from controllers.registry.long_page import LongPage
from controllers.registry.messages import RegistryRequest, RegistryResponse
from controllers.registry.session import Session
from controllers.registry.tags import (
    KEPT_PAGE_BYTES,
    ListedTags,
    Listing,
    build_list_url,
    decode_page,
    find_next_page,
    fingerprint,
)

LARGE_PAGE_BYTES = 512 << 10
"""Pages of this size and more are decoded in a thread: the event loop must not be held."""
MAX_DECODERS = 2
"""Of large pages at a time: a decoder does not let go of the interpreter before it is done."""
SIZE_REFUSED = frozenset({400, 405, 416, 422})
"""Answers of registries that take no page size, or none of ours."""
REFUSAL_LIFETIME = timedelta(hours=6)
MAX_REFUSALS = 4096
MAX_CACHED_BYTES = 16 << 20
MAX_CACHED_PAGE_BYTES = 1 << 20
OVERHEAD_BYTES = 2 << 10
"""What a page takes besides its body, roughly."""
MAX_KNOWN_PAGES = 1 << 15
"""Some 10 MB; a page that is forgotten is decoded again."""
PAGE_SIZE_MULTIPLE = 50
"""Page sizes are multiples of this: a last page of such a size may be full."""


class PageCache:
    """Pages that a registry gave a version. Lost with the process; read again by the next scan."""

    def __init__(self, clock: Clock) -> None:
        self._decoders = asyncio.Semaphore(MAX_DECODERS)
        # By content alone: whoever sends the same bytes is told nothing, and saves the same work.
        self._counts: LRUCache[bytes, int] = LRUCache(MAX_KNOWN_PAGES)
        self._refusals: TTLCache[Hashable, None] = TTLCache(
            MAX_REFUSALS, REFUSAL_LIFETIME.total_seconds(), timer=clock.monotonic
        )
        self._pages: LRUCache[tuple[Hashable, str], RegistryResponse] = LRUCache(
            MAX_CACHED_BYTES, getsizeof=lambda page: len(page.body) + OVERHEAD_BYTES
        )

    def of(self, identity: Hashable) -> "IdentityPages":
        """Return the pages that `identity` was given."""
        return IdentityPages(self._pages, self._refusals, self._decoders, self._counts, identity)


@dataclass(frozen=True, slots=True)
class IdentityPages:
    """One identity's view of the cache."""

    pages: LRUCache[tuple[Hashable, str], RegistryResponse]
    refusals: TTLCache[Hashable, None]
    decoders: asyncio.Semaphore
    counts: LRUCache[bytes, int]
    """Of the tags of pages that were decoded before, by their fingerprint."""
    identity: Hashable

    def get(self, url: str) -> RegistryResponse | None:
        return self.pages.get((self.identity, url))

    def store(self, url: str, page: RegistryResponse, *, cacheable: bool) -> None:
        """Store a page that has a version, and drop one that has none any more, or is not `cacheable`."""
        is_whole = page.overflow is None and len(page.body) <= MAX_CACHED_PAGE_BYTES
        if cacheable and page.headers.get("etag") and is_whole:
            self.pages[self.identity, url] = page
        else:
            self.pages.pop((self.identity, url), None)

    def takes_page_size(self, url: str) -> bool:
        """Return whether a first page may be asked for with a size, as far as is remembered."""
        return (self.identity, url) not in self.refusals

    def record_refusal(self, url: str) -> None:
        """Remember for some hours that a first page came only without a size."""
        self.refusals[self.identity, url] = None


async def read_pages(session: Session, listing: Listing, cache: IdentityPages) -> ListedTags:
    """Return all tags, in the registry's order. Raises RegistryError."""
    scheme = await session.scheme()
    sized = build_list_url(scheme, session.location)
    url: str | None = (
        sized if cache.takes_page_size(sized) else build_list_url(scheme, session.location, page_size=None)
    )
    while url:
        page = await _page(session, url, listing, cache, accepted=SIZE_REFUSED if url == sized else frozenset())
        if url == sized and page.status in SIZE_REFUSED:
            url, page = await _page_without_size(session, url, page, listing, cache)
        count = await _add(session, url, page, listing, cache)
        target = find_next_page(url, page.links)
        # A full last page gets a successor without changing itself, and a version need not cover the Link header.
        cache.store(url, page, cacheable=bool(target) or count % PAGE_SIZE_MULTIPLE != 0)
        url = listing.follow(url, target)
    return await listing.finish(sized)


async def _add(session: Session, url: str, page: RegistryResponse, listing: Listing, cache: IdentityPages) -> int:
    """Add the tags of a page; returns how many it has."""
    listing.begin_page(url)
    if isinstance(page.overflow, LongPage):
        await page.overflow.finish()
        return page.overflow.tag_count
    listing.add_bytes(url, len(page.body))
    kind = page.headers.get("content-type", "")
    quotable = page.url == url or session.is_quotable(page.url)  # where a list is asked for is the image's own host
    digest = fingerprint([page.body])
    count = cache.counts.get(digest)
    if count is None:
        await _read_kept(listing, cache)
        if len(page.body) < LARGE_PAGE_BYTES:
            tags = decode_page(url, kind, page.body, is_quotable=quotable)
        else:
            async with cache.decoders:
                tags = await asyncio.to_thread(decode_page, url, kind, page.body, is_quotable=quotable)
        count = cache.counts[digest] = len(tags)
        listing.add(tags, page=digest)
    else:
        listing.add_unread(page.body, count, page=digest)
        if listing.tags:
            await _read_kept(listing, cache)  # as another page was decoded, all will be: not all at once
    if listing.is_full:
        await _read_kept(listing, cache)
        await listing.apply_filter(url)
    return count


async def _read_kept(listing: Listing, cache: IdentityPages) -> None:
    """Decode what a listing has kept as it came, beside the event loop where that is much."""
    if listing.unread_bytes < LARGE_PAGE_BYTES:
        listing.read()
        return
    async with cache.decoders:
        await asyncio.to_thread(listing.read)


async def _page(
    session: Session, url: str, listing: Listing, cache: IdentityPages, *, accepted: frozenset[int] = frozenset()
) -> RegistryResponse:
    cached = cache.get(url)
    headers = {"Accept": "application/json"}
    if cached:
        headers["If-None-Match"] = cached.headers["etag"]
    attempts: list[LongPage] = []

    def take_long_page(answered_by: str, content_type: str) -> LongPage:
        for broken_off in attempts[-1:]:
            broken_off.undo()
        quotable = session.is_quotable(answered_by)
        attempts.append(LongPage(listing, url, content_type=content_type, is_quotable=quotable))
        return attempts[-1]

    answer = await session.send(
        RegistryRequest("GET", url, headers),
        max_bytes=KEPT_PAGE_BYTES,
        accepted={200, 304, *accepted} if cached else {200, *accepted},
        overflow=take_long_page,
    )
    if attempts and answer.overflow is not attempts[-1]:
        attempts[-1].undo()
    return cached if cached and answer.status == 304 else answer


async def _page_without_size(
    session: Session, sized: str, refusal: RegistryResponse, listing: Listing, cache: IdentityPages
) -> tuple[str, RegistryResponse]:
    """Return the first page as the registry sizes it. Raises what the refusal means when that is refused as well."""
    url = build_list_url(await session.scheme(), session.location, page_size=None)
    try:
        page = await _page(session, url, listing, cache)
    except RegistryError:
        raise session.status_error(RegistryRequest("GET", sized), refusal) from None
    cache.record_refusal(sized)
    return url, page
