"""Numbers as Go spells them: 64-bit floats.

Follows Go's strconv.ParseFloat (https://pkg.go.dev/strconv#ParseFloat): underscores between digits, hexadecimal floats,
`inf` and `nan`; overflow is refused, underflow is zero. Python's `float` reads more and other things, so the grammar is
checked first.
"""

from __future__ import annotations

import math
import re
from typing import Final

_DIGITS: Final = r"[0-9]++(?:_[0-9]++)*+"
_HEX_DIGITS: Final = r"[0-9a-f]++(?:_[0-9a-f]++)*+"
_DECIMAL: Final = re.compile(rf"[+-]?(?:{_DIGITS}(?:\.(?:{_DIGITS})?)?|\.{_DIGITS})(?:e[+-]?{_DIGITS})?", re.IGNORECASE)
# The prefix counts as a digit, so an underscore may follow it; the exponent is decimal and must be there.
_HEXADECIMAL: Final = re.compile(
    rf"[+-]?0x(?:_?{_HEX_DIGITS}(?:\.(?:{_HEX_DIGITS})?)?|\.{_HEX_DIGITS})p[+-]?{_DIGITS}", re.IGNORECASE | re.ASCII
)
_SPECIAL: Final = re.compile(r"[+-]?inf(?:inity)?|nan", re.IGNORECASE | re.ASCII)


class NotANumber(ValueError):
    """The text is no number, or none that fits into 64 bits."""


def parse_float(text: str) -> float:
    """The number that `text` spells in Go. Raises NotANumber."""
    if _DECIMAL.fullmatch(text):
        number = float(text)
    elif _HEXADECIMAL.fullmatch(text):
        try:
            number = float.fromhex(text.replace("_", ""))
        except OverflowError:
            raise NotANumber(text) from None
    elif _SPECIAL.fullmatch(text):
        return float(text)
    else:
        raise NotANumber(text)
    if math.isinf(number):
        raise NotANumber(text)
    return number
