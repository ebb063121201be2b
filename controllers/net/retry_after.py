"""How long to wait before the next try: the header `Retry-After` (RFC 9110 section 10.2.3), in seconds or as a date."""

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final

A_DAY: Final = timedelta(days=1)
MAX_CHARS: Final = 64


def parse_retry_after(header: str, *, now: datetime | None, at_most: timedelta = A_DAY) -> timedelta | None:
    """Return how long to wait, None where the header is missing or cannot be read.

    now: None leaves dates unread. A date in the past means no wait.
    """
    text = header.strip()
    if text.isascii() and text.isdigit():
        return min(timedelta(seconds=int(text[:9])), at_most)
    if now is None:
        return None
    try:
        moment = parsedate_to_datetime(text[:MAX_CHARS])
    except (ValueError, OverflowError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return min(max(moment - now, timedelta(0)), at_most)
