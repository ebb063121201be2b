"""When a request is sent again, and after how long. Decisions only.

Three attempts with about 1 s and 3 s between them, for connections that broke off and for the statuses below, as
go-containerregistry does for Flux; a registry that names a time (RFC 9110 `Retry-After`) is waited for, if it is soon.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

RETRIED_STATUSES = frozenset({408, 429, 499, 500, 502, 503, 504, 522})
DELAYS = (timedelta(seconds=1), timedelta(seconds=3))
JITTER = 0.1
LONGEST_WAIT = timedelta(seconds=30)
"""Waiting longer is the business of the workqueue: a worker and a place at the registry would be held."""
LONGEST_RETRY_AFTER = timedelta(hours=6)


@dataclass(frozen=True, slots=True)
class Pace:
    """What the headers of an answer say about when to come again."""

    retry_after: timedelta | None = None
    exhausted_for: timedelta | None = None
    """The budget is used up for this long, although this answer was still given."""


def read_pace(headers: dict[str, str], *, now: datetime) -> Pace:
    """`Retry-After`, and the RateLimit headers of https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/.

    headers: names in lower case. A header that cannot be read says nothing.
    """
    remaining = _seconds(headers.get("ratelimit-remaining", "").partition(";")[0])
    reset = _seconds(headers.get("ratelimit-reset", "").partition(";")[0])
    exhausted = reset if remaining == timedelta(0) and reset else None
    return Pace(_retry_after(headers.get("retry-after", ""), now), exhausted)


def delay_before(
    attempt: int, *, retry_after: timedelta | None, remaining: timedelta, jitter: float
) -> timedelta | None:
    """How long to wait before attempt 1 or 2 (the first was 0); None when there should be no further one.

    remaining: until the deadline. jitter: 0 up to 1.
    """
    if attempt > len(DELAYS):
        return None
    delay = max(DELAYS[attempt - 1] * (1 + JITTER * jitter), retry_after or timedelta(0))
    return delay if delay < remaining and delay <= LONGEST_WAIT else None


def _retry_after(text: str, now: datetime) -> timedelta | None:
    seconds = _seconds(text)
    if seconds is not None:
        return seconds
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return min(max(moment - now, timedelta(0)), LONGEST_RETRY_AFTER)


def _seconds(text: str) -> timedelta | None:
    text = text.strip()
    if not (text.isascii() and text.isdigit()):
        return None
    return min(timedelta(seconds=int(text[:9])), LONGEST_RETRY_AFTER)
