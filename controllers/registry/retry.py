"""When a request is sent again, and after how long. Decisions only.

Three attempts with about 1 s and 3 s between them, for connections that broke off and for the statuses below, as
go-containerregistry does for Flux; a registry that names a time (RFC 9110 `Retry-After`) is waited for, if it is soon.
"""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from controllers.net.headers import parse_date, parse_retry_after

RETRIED_STATUSES = frozenset({408, 429, 499, 500, 502, 503, 504, 522})
DELAYS = (timedelta(seconds=1), timedelta(seconds=3))
JITTER = 0.1
MAX_WAIT = timedelta(seconds=30)
"""Longer waits are up to the work queue: here they would hold a worker and a permit."""
MAX_RETRY_AFTER = timedelta(hours=6)

HEADER_PREFIXES = ("ratelimit", "x-ratelimit")
HINT_HEADERS = frozenset({"retry-after", "ratelimit", *(f"{prefix}-remaining" for prefix in HEADER_PREFIXES)})
"""Without one of these an answer says nothing."""
EPOCH_THRESHOLD = timedelta(days=3650)
"""A longer time until the reset is a date instead, which some send in X-RateLimit-Reset."""
REMAINING = re.compile(r"(?:^|[;,\s])(?:r|remaining)\s*+=\s*+(\d{1,9})\b")
RESET = re.compile(r"(?:^|[;,\s])(?:t|reset)\s*+=\s*+(\d{1,9})\b")
MAX_HEADER_CHARS = 1024


@dataclass(frozen=True, slots=True)
class RateHint:
    """What the headers of an answer say about when to send the next request."""

    retry_after: timedelta | None = None
    exhausted_for: timedelta | None = None
    """The budget is used up for this long, although this answer was still given."""


def parse_rate_hint(headers: dict[str, str], *, now: datetime) -> RateHint:
    """Read `Retry-After`, and the RateLimit headers of https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/.

    All forms that its drafts had are read, and the `X-` ones that came before. headers: names in lower case. A header
    that cannot be read says nothing. A date is compared with the answer's own: one of the two clocks may be wrong.
    """
    if not HINT_HEADERS.intersection(headers):
        return RateHint()
    now = parse_date(headers.get("date", "")) or now
    exhausted = [
        _parse_policies(headers.get("ratelimit", "")),
        *(_parse_pair(headers, name, now) for name in HEADER_PREFIXES),
    ]
    retry_after = parse_retry_after(headers.get("retry-after", ""), now=now, at_most=MAX_RETRY_AFTER)
    return RateHint(retry_after, max(filter(None, exhausted), default=None))


def compute_delay(
    attempt: int, *, retry_after: timedelta | None, remaining: timedelta, jitter: float
) -> timedelta | None:
    """Return how long to wait before attempt 1 or 2 (the first was 0); None when there should be no further one.

    remaining: until the deadline. jitter: 0 up to 1.
    """
    if attempt > len(DELAYS):
        return None
    delay = max(DELAYS[attempt - 1] * (1 + JITTER * jitter), retry_after or timedelta(0))
    return delay if delay < remaining and delay <= MAX_WAIT else None


def _parse_policies(text: str) -> timedelta | None:
    """Return the longest wait of the policies that are used up.

    Reads `RateLimit: "default";r=0;t=30`, and `limit=10, remaining=0, reset=30`. Commas separate several policies only
    where the policies have names in quotation marks.
    """
    parts = text[:MAX_HEADER_CHARS].split(",") if '"' in text else [text[:MAX_HEADER_CHARS]]
    waits = [
        timedelta(seconds=int(reset[1]))
        for part in parts
        if (remaining := REMAINING.search(part)) and int(remaining[1]) == 0 and (reset := RESET.search(part))
    ]
    return min(max(waits, default=timedelta(0)), MAX_RETRY_AFTER) or None


def _parse_pair(headers: dict[str, str], family: str, now: datetime) -> timedelta | None:
    remaining = headers.get(f"{family}-remaining", "").partition(";")[0].strip()
    reset = headers.get(f"{family}-reset", "").partition(";")[0].strip()
    if not _is_number(remaining) or int(remaining) != 0 or not _is_number(reset):
        return None
    wait = timedelta(seconds=int(reset))
    if wait > EPOCH_THRESHOLD:
        wait -= timedelta(seconds=now.timestamp())
    return min(max(wait, timedelta(0)), MAX_RETRY_AFTER) or None


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 12
