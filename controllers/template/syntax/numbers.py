"""Number literals of the template language and Go's `strconv.ParseInt`."""

import re

from controllers.golang.floats import parse_float
from controllers.golang.quote import quote
from controllers.template.go import gotext
from controllers.template.syntax.nodes import NumberNode

MAX_INT64 = (1 << 63) - 1
MIN_INT64 = -(1 << 63)
MAX_UINT64 = (1 << 64) - 1
_INTEGER = re.compile(
    r"(?P<sign>[+-]?)(?:0[xX](?P<hex>_?[0-9a-fA-F]+(?:_[0-9a-fA-F]+)*)|0[bB](?P<bin>_?[01]+(?:_[01]+)*)"
    r"|0[oO](?P<oct>_?[0-7]+(?:_[0-7]+)*)|0(?P<old>_?[0-7]+(?:_[0-7]+)*)|(?P<dec>0|[1-9][0-9]*(?:_[0-9]+)*))",
    re.ASCII,
)
_BASES = {"hex": 16, "bin": 2, "oct": 8, "old": 8, "dec": 10}
MAX_DIGITS = 400
"""Longer literals cannot fit any Go number; they are not even converted."""


class BadNumber(ValueError):
    """The literal is not a number; the message is Go's."""


def parse_integer(text: str) -> int | None:
    """Return the integer of any size that `text` spells in Go's syntax with base prefixes and underscores, or None."""
    match = _INTEGER.fullmatch(text) if len(text) <= MAX_DIGITS else None
    if match is None or match.lastgroup is None:
        return None
    value = int(match[match.lastgroup].replace("_", ""), _BASES[match.lastgroup])
    return -value if match["sign"] == "-" else value


def parse_int64(text: str) -> int | None:
    """Parse as `parse_integer` does, None also beyond int64: Go's `ParseInt(text, 0, 64)` without error."""
    value = parse_integer(text)
    return value if value is not None and MIN_INT64 <= value <= MAX_INT64 else None


def wrap64(value: int) -> int:
    """Return `value` as int64 arithmetic leaves it."""
    return (value - MIN_INT64) % (1 << 64) + MIN_INT64


def truncate(value: float) -> int:
    """Convert a float64 to int64 as Go does on amd64: out of range it is the lowest integer."""
    return int(value) if -(2.0**63) <= value < 2.0**63 else MIN_INT64


def read_char(at: int, text: str) -> NumberNode:
    """Return the node of a character literal. Raises BadNumber."""
    unit = gotext.unquote_char(text[1:], "'")
    if unit is None:
        raise BadNumber("invalid syntax")
    raw, tail = unit
    if tail != "'":
        raise BadNumber(f"malformed character constant: {text}")
    escape = text[1:3]
    code = raw[0] if len(raw) == 1 or escape == "\\x" else ord(raw.decode("utf-8", "replace")[0])
    return NumberNode(at, text, code, code, float(code))


def read_complex(at: int, text: str) -> NumberNode:
    """Return the node of a literal such as `1+2i`. Raises BadNumber."""
    split = max(text.rfind("+", 1), text.rfind("-", 1))
    while split > 0 and text[split - 1] in "eEpP":
        split = max(text.rfind("+", 1, split), text.rfind("-", 1, split))
    real, imaginary = parse_float(text[:split]), parse_float(text[split:-1])
    if real is None or imaginary is None:
        raise BadNumber("syntax error scanning complex number")
    return _simplified(at, text, complex(real, imaginary))


def read_number(at: int, text: str) -> NumberNode:
    """Return the node of an integer, float or imaginary literal. Raises BadNumber."""
    if text.endswith("i"):
        imaginary = parse_float(text[:-1])
        if imaginary is not None:
            return _simplified(at, text, complex(0, imaginary))
    whole = parse_integer(text)
    as_int = whole if whole is not None and MIN_INT64 <= whole <= MAX_INT64 else None
    unsigned = whole is not None and text[0] not in "+-" and whole <= MAX_UINT64
    as_uint = whole if unsigned or as_int == 0 else None
    if as_int is not None or as_uint is not None:
        return NumberNode(at, text, as_int, as_uint, float(as_int if as_int is not None else as_uint or 0))
    value = parse_float(text) if len(text) <= MAX_DIGITS else None
    if value is None:
        raise BadNumber(f"illegal number syntax: {quote(text)}")
    if not any(mark in text for mark in ".eEpP"):
        raise BadNumber(f"integer overflow: {quote(text)}")
    return NumberNode(at, text, _exact(value, MIN_INT64, MAX_INT64), _exact(value, 0, MAX_UINT64), value)


def _exact(value: float, low: int, high: int) -> int | None:
    if not low <= value <= high or value != int(value):
        return None
    return int(value)


def _simplified(at: int, text: str, value: complex) -> NumberNode:
    if value.imag != 0:
        return NumberNode(at, text, None, None, None, value)
    real = value.real
    return NumberNode(at, text, _exact(real, MIN_INT64, MAX_INT64), _exact(real, 0, MAX_UINT64), real, value)
