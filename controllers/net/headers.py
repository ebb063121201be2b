"""HTTP headers that all clients write or read alike: Basic authentication (RFC 7617) and Retry-After (RFC 9110)."""

import base64
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final

A_DAY: Final = timedelta(days=1)
MAX_DATE_CHARS: Final = 64


def basic_authorization(username: str, password: str) -> str:
    """Return the value of `Authorization` or `Proxy-Authorization`: `Basic …`. Never for a message."""
    return "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()


def parse_retry_after(header: str, *, now: datetime | None, at_most: timedelta = A_DAY) -> timedelta | None:
    """Return how long to wait, None where the header is missing or cannot be read.

    The header names seconds or a date (RFC 9110 section 10.2.3). now: without it a date says nothing. A date in the
    past is no wait.
    """
    text = header.strip()
    if text.isascii() and text.isdigit():
        return min(timedelta(seconds=int(text.lstrip("0")[:9] or "0")), at_most)
    if now is None:
        return None
    try:
        moment = parsedate_to_datetime(text[:MAX_DATE_CHARS])
    except (ValueError, OverflowError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return min(max(moment - now, timedelta(0)), at_most)
