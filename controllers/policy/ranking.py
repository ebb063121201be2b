"""What each policy's `rank` answers, in terms of the values it was given."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from controllers.policy.policies import Order, Reason


@dataclass(frozen=True, slots=True)
class Ranking:
    """The best value, None where there is none; counts and a bounded list of the others as in `Tally`."""

    best: str | None
    counts: Mapping[Reason, int]
    others: Sequence[tuple[str, Reason]]


Rank: TypeAlias = Callable[[Sequence[str]], Ranking]
"""Ranks values in evaluation order, at least one, each once."""


class BadOrder(ValueError):
    """The order is neither of the two; the message is Flux's."""


def parse_order(text: str) -> Order:
    """The order that a spec names; the empty text is ascending. Raises BadOrder."""
    name = "".join([_upper(char) for char in text])
    if not name:
        return Order.ASC
    try:
        return Order(name)
    except ValueError:
        raise BadOrder(f"invalid order argument provided: '{name}', must be one of: ASC, DESC") from None


def _upper(char: str) -> str:
    # As in Go, where one letter stays one letter: ß has no upper case.
    upper = char.upper()
    return upper if len(upper) == 1 else char
