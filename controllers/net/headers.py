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
    moment = parse_date(text) if now else None
    return min(max(moment - now, timedelta(0)), at_most) if moment and now else None


def parse_date(header: str) -> datetime | None:
    """Return the moment of a header such as `Date`, None where it is missing or cannot be read."""
    try:
        moment = parsedate_to_datetime(header.strip()[:MAX_DATE_CHARS])
    except (ValueError, OverflowError):
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
