"""What each policy's `build_ranker` returns, and the order that two of them share."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from controllers.policy.candidates import Candidates
from controllers.policy.policies import Order, Reason


@dataclass(frozen=True, slots=True)
class Ranking:
    """The best value, None where there is none; counts and a bounded list of the other values as in `Tally`."""

    best: str | None
    counts: Mapping[Reason, int]
    others: Sequence[tuple[str, Reason]]


Ranker: TypeAlias = Callable[[Candidates], Ranking]
"""Ranks candidates, of which there is at least one."""


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
