"""Durations in the text form of Go's `time` package, which is how the API writes them (`1h30m`, `59.871s`).

Go counts nanoseconds in 64 bits, and so do templates, which work with the number itself. Everything else takes a
`timedelta`, whose finest unit is the microsecond.
Follows https://pkg.go.dev/time#ParseDuration and https://pkg.go.dev/time#Duration.String
"""

from __future__ import annotations

import re
from datetime import timedelta
from functools import lru_cache
from typing import Final

from controllers.golang.quote import quote_bytes

SECOND: Final = 1_000_000_000
MINUTE: Final = 60 * SECOND
HOUR: Final = 60 * MINUTE
_UNITS: Final = {
    "ns": 1,
    "us": 1_000,
    "µs": 1_000,  # U+00B5, micro sign
    "μs": 1_000,  # U+03BC, Greek letter mu
    "ms": 1_000_000,
    "s": SECOND,
    "m": MINUTE,
    "h": HOUR,
}
_PART: Final = re.compile(r"([0-9]*)(?:\.([0-9]*))?([^0-9.]*)")
_LIMIT: Final = 1 << 63
_MAX_DIGITS: Final = 19
_MAX_TEXT: Final = 128
_MICROSECOND: Final = timedelta(microseconds=1)


class BadDuration(ValueError):
    """The text is not a duration."""


class DurationOverflow(BadDuration):
    """The duration does not fit in 64 bits of nanoseconds, about 292 years."""


@lru_cache(maxsize=1024)  # each run reads the same few of its object
def parse_duration(text: str) -> timedelta:
    """Return the duration that `text` names, cut to whole microseconds.

    Accepts a sign, decimals and several units in any order (`1h0m0s`, `-1.5h`, `300ms`); `0` needs no unit.
    Raises BadDuration for anything else, for more than 128 characters, and for what does not fit in Go's 64-bit
    nanoseconds (about 292 years).
    """
    if len(text) > _MAX_TEXT:
        raise _badly_written(text)
    try:
        nanoseconds = parse_nanoseconds(text)
    except DurationOverflow:
        raise DurationOverflow(f"read duration {text[:64]!r}: it is longer than 292 years") from None
    except BadDuration:
        raise _badly_written(text) from None
    microseconds = abs(nanoseconds) // 1_000
    return timedelta(microseconds=microseconds if nanoseconds > 0 else -microseconds)


def _badly_written(text: str) -> BadDuration:
    return BadDuration(f"read duration {text[:64]!r}: numbers need a unit (h, m, s, ms, us, ns), as in 1h30m")


def parse_nanoseconds(text: str) -> int:
    """Return the nanoseconds that `text` names. Raises BadDuration with the text of Go's `time.ParseDuration`."""
    rest = text[1:] if text.startswith(("+", "-")) else text
    if rest == "0":
        return 0
    if not rest:
        raise BadDuration(f"time: invalid duration {quote_bytes(text)}")
    total, at = 0, 0
    while at < len(rest):
        part = _PART.match(rest, at)
        assert part is not None  # the pattern matches everywhere
        total += _nanoseconds(part[1], part[2] or "", part[3], text)
        if total > _LIMIT:
            raise DurationOverflow(f"time: invalid duration {quote_bytes(text)}")
        at = part.end()
    if text.startswith("-"):
        return -total
    if total == _LIMIT:
        raise DurationOverflow(f"time: invalid duration {quote_bytes(text)}")
    return total


def _nanoseconds(whole: str, fraction: str, unit: str, text: str) -> int:
    """Return what one number with its unit amounts to, in Go's order of checks."""
    if not whole and not fraction:
        raise BadDuration(f"time: invalid duration {quote_bytes(text)}")
    digits = whole.lstrip("0") or "0"
    if len(digits) > _MAX_DIGITS or int(digits) > _LIMIT:
        raise DurationOverflow(f"time: invalid duration {quote_bytes(text)}")
    if not unit:
        raise BadDuration(f"time: missing unit in duration {quote_bytes(text)}")
    if unit not in _UNITS:
        raise BadDuration(f"time: unknown unit {quote_bytes(unit)} in duration {quote_bytes(text)}")
    size = _UNITS[unit]
    return int(digits) * size + _scale(fraction, size)


def _scale(fraction: str, size: int) -> int:
    """Return the nanoseconds of a decimal fraction: in floats, and without the digits that 64 bits have no room for."""
    value, scale = 0, 1.0
    for digit in fraction:
        longer = value * 10 + int(digit)
        if longer > _LIMIT:
            break
        value, scale = longer, scale * 10
    return int(value * (size / scale))


def saturate(nanoseconds: int) -> int:
    """Return the nearest value that 64 bits hold, as Go's `Time.Sub` does."""
    return max(-_LIMIT, min(nanoseconds, _LIMIT - 1))


def round_nanoseconds(nanoseconds: int, unit: int) -> int:
    """Return the nearest multiple of `unit`, halves away from zero: Go's `Duration.Round`."""
    if unit <= 0:
        return nanoseconds
    size = abs(nanoseconds)
    result = size - size % unit + (unit if size % unit * 2 >= unit else 0)
    return saturate(-result if nanoseconds < 0 else result)


def format_duration(duration: timedelta) -> str:
    """Return Go's text for `duration`: `0s`, `59.871s`, `1m0s`, `1h0m0s`; below a second `300ms` or `12µs`."""
    return format_nanoseconds(duration // _MICROSECOND * 1_000)


def format_nanoseconds(nanoseconds: int) -> str:
    """Return what Go's `Duration.String` does: `1h2m3.5s`, `1.5ms`, `0s`."""
    if nanoseconds == 0:
        return "0s"
    sign, rest = ("-", -nanoseconds) if nanoseconds < 0 else ("", nanoseconds)
    for unit, size in (("ns", 1), ("µs", 1_000), ("ms", 1_000_000)):
        if rest < size * 1_000:
            return sign + _decimal(rest, size) + unit
    hours, rest = divmod(rest, HOUR)
    minutes, rest = divmod(rest, MINUTE)
    text = _decimal(rest, SECOND) + "s"
    if hours or minutes:
        text = f"{minutes}m{text}"
    return sign + (f"{hours}h{text}" if hours else text)


def _decimal(amount: int, size: int) -> str:
    """Return `amount` / `size` without trailing zeros; `size` is a power of ten."""
    whole, rest = divmod(amount, size)
    digits = f"{rest:0{len(str(size)) - 1}d}".rstrip("0") if rest else ""
    return f"{whole}.{digits}" if digits else str(whole)
