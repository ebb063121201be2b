"""64-bit floats in Go's text forms, both ways: `strconv.ParseFloat` and `strconv.FormatFloat`.

Python's `float` accepts another grammar than https://pkg.go.dev/strconv#ParseFloat, so that is checked first:
underscores between digits, hexadecimal floats, `inf` and `nan`. Overflow is refused, underflow is zero.
"""

from __future__ import annotations

import math
import re
from decimal import ROUND_HALF_EVEN, Context, Decimal
from fractions import Fraction
from typing import Final

_DIGITS: Final = r"[0-9]++(?:_[0-9]++)*+"
_HEX_DIGITS: Final = r"[0-9a-f]++(?:_[0-9a-f]++)*+"
_DECIMAL: Final = re.compile(rf"[+-]?(?:{_DIGITS}(?:\.(?:{_DIGITS})?)?|\.{_DIGITS})(?:e[+-]?{_DIGITS})?", re.IGNORECASE)
# The prefix counts as a digit, so an underscore may follow it; the exponent is decimal and must be there.
_HEXADECIMAL: Final = re.compile(
    rf"[+-]?0x(?:_?{_HEX_DIGITS}(?:\.(?:{_HEX_DIGITS})?)?|\.{_HEX_DIGITS})p[+-]?{_DIGITS}", re.IGNORECASE | re.ASCII
)
_SPECIAL: Final = re.compile(r"[+-]?inf(?:inity)?|nan", re.IGNORECASE | re.ASCII)
_WIDE: Final = Context(prec=1200, Emax=999_999, Emin=-999_999)
"""Room for every digit of any float64."""
_LEAST_EXPONENT: Final = -1074
SHORTEST: Final = -1
"""Precision: as many digits as are needed to read the same number back."""


def parse_float(text: str) -> float | None:
    """Return the number that `text` spells, or None where Go reports an error (overflow included)."""
    if _DECIMAL.fullmatch(text):
        number = float(text)
    elif _HEXADECIMAL.fullmatch(text):
        try:
            number = float.fromhex(text.replace("_", ""))
        except OverflowError:
            return None
    else:
        return float(text) if _SPECIAL.fullmatch(text) else None
    return None if math.isinf(number) else number


def format_float(value: float, verb: str, precision: int) -> str:
    """Return `value` as Go's verbs b, e, f, g and x print it, with a minus sign only for negative numbers."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    kind = verb.lower()
    if kind == "b":
        exponent = max(math.frexp(value)[1] - 53, _LEAST_EXPONENT) if value else _LEAST_EXPONENT
        text = f"{_sign(value)}{int(math.ldexp(abs(value), -exponent))}p{exponent:+d}"
    elif kind == "x":
        text = _hex_form(value, precision)
    elif kind == "e":
        text = _exponent_form(value, precision)
    elif kind == "f":
        text = _plain(value) if precision < 0 else f"{Decimal(value):.{precision}f}"
        if math.copysign(1, value) < 0 and not text.startswith("-"):
            text = "-" + text
    else:
        text = _general_form(value, precision)
    return text.upper() if verb in "EGX" else text


def _shortest_digits(value: float) -> tuple[str, int]:
    """Return the digits without leading or trailing zeros, and the exponent of the first one."""
    _, digits, exponent = Decimal(repr(abs(value))).as_tuple()
    assert isinstance(exponent, int)
    text = "".join(map(str, digits)).lstrip("0")
    scale = exponent + len(text) - 1
    return (text.rstrip("0"), scale) if text else ("0", 0)


def _exponent_form(value: float, precision: int) -> str:
    if precision >= 0:
        mantissa, _, exponent = f"{value:.{precision}e}".partition("e")
        return f"{mantissa}e{exponent[0]}{exponent[1:].zfill(2)}"
    digits, scale = _shortest_digits(value)
    fraction = "." + digits[1:] if len(digits) > 1 else ""
    return f"{_sign(value)}{digits[0]}{fraction}e{'-' if scale < 0 else '+'}{abs(scale):02d}"


def _general_form(value: float, precision: int) -> str:
    if precision < 0:
        scale = _shortest_digits(value)[1]
        return _exponent_form(value, SHORTEST) if scale < -4 or scale >= 6 else _plain(value)
    return _rounded(value, precision or 1)


def _rounded(value: float, precision: int) -> str:
    if value == 0:
        return _sign(value) + "0"
    exact = Decimal(abs(value))
    rounded = round_to(exact, precision)
    scale = rounded.adjusted()
    digits = "".join(map(str, rounded.as_tuple().digits)).rstrip("0") or "0"
    limit = len(digits) if precision > len(digits) >= scale + 1 else precision
    if scale < -4 or scale >= limit:
        fraction = "." + digits[1:] if len(digits) > 1 else ""
        return f"{_sign(value)}{digits[0]}{fraction}e{'-' if scale < 0 else '+'}{abs(scale):02d}"
    text = f"{rounded:f}"
    return _sign(value) + (text.rstrip("0").rstrip(".") if "." in text else text)


def round_to(number: Decimal, digits: int) -> Decimal:
    """Return `number` rounded half to even to `digits` significant digits, exactly."""
    exponent = number.adjusted() - digits + 1
    _, _, current = number.as_tuple()
    if isinstance(current, int) and current >= exponent:
        return number
    scaled = number.scaleb(-exponent, context=_WIDE)
    return scaled.to_integral_value(ROUND_HALF_EVEN, context=_WIDE).scaleb(exponent, context=_WIDE)


def _plain(value: float) -> str:
    digits, scale = _shortest_digits(value)
    if scale < 0:
        text = "0." + "0" * (-scale - 1) + digits
    elif len(digits) <= scale + 1:
        text = digits + "0" * (scale + 1 - len(digits))
    else:
        text = digits[: scale + 1] + "." + digits[scale + 1 :]
    return _sign(value) + text


def _hex_form(value: float, precision: int) -> str:
    fraction, exponent = math.frexp(abs(value))
    exponent = exponent - 1 if value else 0
    mantissa = int(fraction * 2**53) << 8  # 61 bits: one before the point and fifteen digits after it
    if 0 <= precision < 15:
        unit = 1 << 60 - 4 * precision
        mantissa = round(Fraction(mantissa, unit)) * unit
        if mantissa >> 61:
            mantissa, exponent = mantissa >> 1, exponent + 1
    digits = f"{mantissa & (1 << 60) - 1:015x}"
    digits = digits.rstrip("0") if precision < 0 else digits[:precision].ljust(precision, "0")
    point = "." if digits else ""
    return f"{_sign(value)}0x{mantissa >> 60}{point}{digits}p{'-' if exponent < 0 else '+'}{abs(exponent):02d}"


def _sign(value: float) -> str:
    return "-" if math.copysign(1, value) < 0 else ""
