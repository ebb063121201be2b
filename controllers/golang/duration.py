"""Durations in the text form of Go's `time` package, which is how the API writes them (`1h30m`, `59.871s`).

Nothing below a microsecond is kept, since `timedelta` has no finer unit.
Follows https://pkg.go.dev/time#ParseDuration and https://pkg.go.dev/time#Duration.String
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Final

# Nanoseconds: sums are made in integers, so that 0.1s + 0.2s is 0.3s.
_UNITS: Final = {
    "ns": 1,
    "us": 1_000,
    "µs": 1_000,  # U+00B5, micro sign
    "μs": 1_000,  # U+03BC, Greek letter mu
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "m": 60 * 1_000_000_000,
    "h": 3600 * 1_000_000_000,
}
_PART: Final = re.compile(r"([0-9]*)(?:(\.)([0-9]*))?([a-zµμ]+)", re.ASCII)
_MAX_NANOSECONDS: Final = (1 << 63) - 1
_MAX_TEXT: Final = 128
_MICROSECOND: Final = timedelta(microseconds=1)


class BadDuration(ValueError):
    """The text is not a duration."""


def parse_duration(text: str) -> timedelta:
    """The duration that `text` names, cut to whole microseconds.

    Accepts a sign, decimals and several units in any order (`1h0m0s`, `-1.5h`, `300ms`); `0` needs no unit.
    Raises BadDuration for anything else, for more than 128 characters, and for what does not fit in Go's 64-bit
    nanoseconds (about 292 years).
    """
    negative = text.startswith("-")
    rest = text[1:] if text[:1] in ("+", "-") else text
    if rest == "0":
        return timedelta()
    total, at = 0, 0
    while at < len(rest) <= _MAX_TEXT:
        part = _PART.match(rest, at)
        if part is None or part[4] not in _UNITS or not (part[1] or part[3]):
            break
        unit = _UNITS[part[4]]
        total += int(part[1] or "0") * unit
        if part[3]:
            total += int(part[3]) * unit // 10 ** len(part[3])
        at = part.end()
    if not rest or at < len(rest):
        raise BadDuration(f"read duration {text[:64]!r}: numbers need a unit (h, m, s, ms, us, ns), as in 1h30m")
    if total > _MAX_NANOSECONDS:
        raise BadDuration(f"read duration {text[:64]!r}: it is longer than 292 years")
    microseconds = total // 1_000
    return timedelta(microseconds=-microseconds if negative else microseconds)


def format_duration(duration: timedelta) -> str:
    """Go's text for `duration`: `0s`, `59.871s`, `1m0s`, `1h0m0s`; below a second `300ms` or `12µs`."""
    microseconds = abs(duration) // _MICROSECOND
    sign = "-" if duration < timedelta() else ""
    if microseconds == 0:
        return "0s"
    if microseconds < 1_000:
        return f"{sign}{microseconds}µs"
    if microseconds < 1_000_000:
        return f"{sign}{_decimal(microseconds, 3)}ms"
    minutes, below = divmod(microseconds, 60_000_000)
    hours, minutes = divmod(minutes, 60)
    text = f"{_decimal(below, 6)}s"
    if hours:
        return f"{sign}{hours}h{minutes}m{text}"
    return f"{sign}{minutes}m{text}" if minutes else f"{sign}{text}"


def _decimal(value: int, places: int) -> str:
    """`value` / 10**`places` without trailing zeros."""
    whole, fraction = divmod(value, 10**places)
    return f"{whole}.{fraction:0{places}d}".rstrip("0") if fraction else str(whole)
