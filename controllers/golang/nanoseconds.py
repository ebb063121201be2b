"""Go's durations: nanoseconds, and their text form (`2h10m5s`)."""

import re
from decimal import Decimal

from controllers.template.errors import FunctionFailure
from controllers.template.go import gotext

SECOND = 1_000_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
MAX_DURATION = (1 << 63) - 1
_UNITS = {
    "ns": 1,
    "us": 1_000,
    "µs": 1_000,
    "μs": 1_000,
    "ms": 1_000_000,
    "s": SECOND,
    "m": MINUTE,
    "h": HOUR,
}
_PART = re.compile(r"(\d*)(\.\d*)?([^\d.]*)", re.ASCII)


def saturate(nanoseconds: int) -> int:
    """The nearest value an int64 holds."""
    return max(-MAX_DURATION - 1, min(nanoseconds, MAX_DURATION))


def quote(text: str) -> str:
    """As Go's `time` quotes: everything but printable ASCII bytewise."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    raw = gotext.encode(escaped)
    return '"' + "".join(chr(byte) if 0x20 <= byte < 0x80 else f"\\x{byte:02x}" for byte in raw) + '"'


def parse_duration(text: str) -> int:
    """Nanoseconds. Raises FunctionFailure with the text of Go's `time.ParseDuration`."""
    shown = quote(text)
    sign = -1 if text.startswith("-") else 1
    rest = text[1:] if text[:1] in ("+", "-") else text
    if rest == "0":
        return 0
    if not rest:
        raise FunctionFailure(f"time: invalid duration {shown}")
    total = 0
    while rest:
        match = _PART.match(rest)
        assert match is not None
        whole, fraction, unit = match[1], match[2] or "", match[3]
        if (not whole and len(fraction) < 2) or len(whole) > 20:
            raise FunctionFailure(f"time: invalid duration {shown}")
        if not unit:
            raise FunctionFailure(f"time: missing unit in duration {shown}")
        if unit not in _UNITS:
            raise FunctionFailure(f"time: unknown unit {quote(unit)} in duration {shown}")
        number = Decimal((whole or "0") + (fraction[:20] if len(fraction) > 1 else ""))
        total += int(number * _UNITS[unit])
        rest = rest[match.end() :]
    if total > MAX_DURATION:
        raise FunctionFailure(f"time: invalid duration {shown}")
    return sign * total


def format_duration(nanoseconds: int) -> str:
    """`1h2m3.5s`, `1.5ms`, `0s`."""
    if nanoseconds == 0:
        return "0s"
    sign, rest = ("-", -nanoseconds) if nanoseconds < 0 else ("", nanoseconds)
    for unit, size in (("ns", 1), ("µs", 1_000), ("ms", 1_000_000)):
        if rest < size * 1_000:
            return sign + _fraction(rest, size) + unit
    hours, rest = divmod(rest, HOUR)
    minutes, rest = divmod(rest, MINUTE)
    text = _fraction(rest, SECOND) + "s"
    if hours or minutes:
        text = f"{minutes}m{text}"
    return sign + (f"{hours}h{text}" if hours else text)


def _fraction(amount: int, size: int) -> str:
    whole, rest = divmod(amount, size)
    digits = f"{rest:0{len(str(size)) - 1}d}".rstrip("0") if rest else ""
    return f"{whole}.{digits}" if digits else str(whole)


def round_duration(nanoseconds: int, unit: int) -> int:
    """To the nearest multiple of `unit`, halves away from zero; Go's `Duration.Round`."""
    if unit <= 0:
        return nanoseconds
    size = abs(nanoseconds)
    result = size - size % unit + (unit if size % unit * 2 >= unit else 0)
    return saturate(-result if nanoseconds < 0 else result)
