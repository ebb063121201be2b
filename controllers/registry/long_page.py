"""A page of tags that is too long to be kept: its tags go to the listing as they come, and are filtered there."""

from typing import Final

from controllers.registry.errors import BadResponse, ResponseTooLarge
from controllers.registry.page_parser import NotATagPage, PageParser, TagTooLong
from controllers.registry.tags import MAX_TAG_CHARS, Listing, Mark, check_tags, describe_request, no_page_error

FILTERED_TAGS: Final = 1_000
"""Of a long page at a time, and more where more come at once: a filter may have to wait for a thread."""


class LongPage:
    """Takes a page that is too long to be kept, and adds its tags to a listing; a `BodySink`."""

    def __init__(self, listing: Listing, url: str, *, content_type: str, is_quotable: bool) -> None:
        self._content_type = content_type
        self._is_quotable = is_quotable
        self._listing = listing
        self._before: Mark | None = None
        """How far the listing was, once it is filtered."""
        self._added: list[str] = []
        self._url = url
        self._parser = PageParser()
        self._start = b""
        self._count = 0

    @property
    def tag_count(self) -> int:
        return self._count

    def feed(self, data: bytes) -> None:
        """Take the next bytes. Raises BadResponse for what is no page, ResponseTooLarge for too many bytes."""
        self._start = self._start or data[:80]
        self._listing.add_bytes(self._url, len(data))
        try:
            tags = self._parser.feed(data)
        except NotATagPage:
            raise self._no_page_error() from None
        except TagTooLong:
            raise ResponseTooLarge(
                f"{describe_request(self._url)}: a tag has more than {MAX_TAG_CHARS} characters"
            ) from None
        if tags:
            check_tags(self._url, tags)
            self._count += len(tags)
            self._added += tags

    async def settle(self) -> None:
        """Add tags once there are some. Raises ResponseTooLarge beyond the limit, and what the filter raises."""
        if len(self._added) >= FILTERED_TAGS:
            await self._add()

    def undo(self) -> None:
        """Take back what was added: the answer broke off, and the page is read again."""
        self._added = []
        if self._before is not None:
            self._listing.roll_back(self._before)

    async def finish(self) -> None:
        """Take note that the page is over. Raises as `settle`, and BadResponse for one that is cut or is no list."""
        try:
            self._parser.finish()
        except NotATagPage:
            raise self._no_page_error() from None
        await self._add()

    async def _add(self) -> None:
        if self._before is None:
            await self._listing.apply_filter(self._url)
            self._before = self._listing.mark()
        self._listing.add(self._added)
        self._added = []
        await self._listing.apply_filter(self._url)

    def _no_page_error(self) -> BadResponse:
        return no_page_error(self._url, self._content_type, self._start, is_quotable=self._is_quotable)
