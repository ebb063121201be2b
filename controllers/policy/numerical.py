"""The numerical policy: 64-bit floats in Go's spelling, all or nothing.

Follows Go's strconv.ParseFloat (https://pkg.go.dev/strconv#ParseFloat): underscores between digits, hexadecimal floats,
`inf` and `nan`; overflow is refused, underflow is zero. Python's `float` reads more and other things, so the grammar is
checked first.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Final

from controllers.policy.policies import MAX_REFUSED, Order, Reason
from controllers.policy.ranking import Rank, Ranking, parse_order

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


def ranker(order: str) -> Rank:
    """The ranking by `order`; it has no best value when one of them is no number. Raises BadOrder."""
    descending = parse_order(order) is Order.DESC

    def rank(values: Sequence[str]) -> Ranking:
        numbers: list[tuple[float, str]] = []
        others: list[tuple[str, Reason]] = []
        for value in values:
            try:
                numbers.append((parse_float(value), value))
            except NotANumber:
                others.append((value, Reason.NOT_A_NUMBER))
        if others:
            return Ranking(None, {Reason.NOT_A_NUMBER: len(others)}, others[:MAX_REFUSED])
        best = _best(numbers, descending=descending)
        worst = math.inf if descending else -math.inf
        numbers.sort(key=lambda pair: worst if math.isnan(pair[0]) else pair[0], reverse=not descending)
        runners_up = [value for _, value in numbers[: MAX_REFUSED + 1] if value != best][:MAX_REFUSED]
        counts = {Reason.OUTRANKED: len(values) - 1} if len(values) > 1 else {}
        return Ranking(best, counts, [(value, Reason.OUTRANKED) for value in runners_up])

    return rank


def _best(numbers: Sequence[tuple[float, str]], *, descending: bool) -> str:
    # In evaluation order, as Flux does: a later equal wins, and NaN, which never compares, always replaces and is
    # always replaced. Sorting could tell neither.
    best, chosen = numbers[0]
    for number, value in numbers:
        if not (number > best if descending else number < best):
            best, chosen = number, value
    return chosen
