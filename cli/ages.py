"""How long ago something was, as `kubectl` words it."""

import re
from datetime import UTC, datetime
from typing import Final

UNKNOWN: Final = "<unknown>"
_TIMESTAMP: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)")
_MINUTE, _HOUR, _DAY, _YEAR = 60, 3600, 86_400, 365 * 86_400
_STEPS: Final = (
    (2 * _MINUTE, 1, "s", 0, ""),
    (10 * _MINUTE, _MINUTE, "m", 1, "s"),
    (3 * _HOUR, _MINUTE, "m", 0, ""),
    (8 * _HOUR, _HOUR, "h", _MINUTE, "m"),
    (2 * _DAY, _HOUR, "h", 0, ""),
    (8 * _DAY, _DAY, "d", _HOUR, "h"),
    (2 * _YEAR, _DAY, "d", 0, ""),
    (8 * _YEAR, _YEAR, "y", _DAY, "d"),
)
"""Up to so many seconds: a unit and its letter, and a second unit and its letter for what is left, or 0."""


def format_age(seconds: float) -> str:
    """Return a span of time with two figures at most: `45s`, `3m20s`, `25h`, `3y40d`. Less than a second is `0s`.

    Source of the steps: https://pkg.go.dev/k8s.io/apimachinery/pkg/util/duration#HumanDuration.
    """
    whole = int(seconds)
    if whole < -1:
        return "<invalid>"
    whole = max(whole, 0)
    for below, unit, letter, rest_unit, rest_letter in _STEPS:
        if whole < below:
            count, left = divmod(whole, unit)
            rest = left // rest_unit if rest_unit else 0
            return f"{count}{letter}" + (f"{rest}{rest_letter}" if rest else "")
    return f"{whole // _YEAR}y"


def parse_time(text: object) -> datetime | None:
    """Return the time that RFC 3339 text names; None for any other text or value."""
    if not isinstance(text, str) or not _TIMESTAMP.fullmatch(text):
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def age_of(text: object, now: datetime) -> str:
    """Return how long before `now` the time of RFC 3339 text was; UNKNOWN where it names none."""
    time = parse_time(text)
    return UNKNOWN if time is None else format_age((now - time).total_seconds())


def utc_now() -> datetime:
    """Return the present time."""
    return datetime.now(UTC)
