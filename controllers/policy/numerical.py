"""The numerical policy: the greatest or least number, provided that every candidate is one."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain, islice
from operator import attrgetter
from typing import ClassVar, Final

from controllers.golang.floats import parse_float
from controllers.policy.candidates import Candidates, RankedCandidate, SortedCandidates, SortOrder
from controllers.policy.errors import NotNumeric
from controllers.policy.ranking import (
    ORDER_CHOICES,
    Order,
    Policy,
    PolicyFlag,
    PolicyKind,
    Ranker,
    Ranking,
    RankingContext,
    parse_order,
)
from controllers.policy.reasons import MAX_REFUSED, OUTRANKED, Reason

NOT_A_NUMBER: Final = Reason("NotANumber", "is not a number")


def _rank_key(_: str, value: str) -> tuple[int, float] | None:
    number = parse_float(value)
    return None if number is None else (int(math.isnan(number)), number)


NUMBERS: Final = SortOrder("numbers", _rank_key, lanes=2)
"""Lane 1 has the NaNs, which have no place among the others."""


@dataclass(frozen=True, slots=True)
class Numerical(Policy):
    """The greatest number, or the least with `order` "desc"; "" is "asc", letter case does not matter."""

    name: ClassVar = "numerical"

    order: str = ""

    def build_ranker(self, context: RankingContext) -> Ranker:
        """Return the ranking by `order`; it has no best value when one candidate is not a number. Raises BadPolicy."""
        descending = parse_order(self.order) is Order.DESC

        def rank(candidates: Candidates) -> Ranking:
            numbers = candidates.ordered(NUMBERS)
            if numbers.others:
                values = numbers.unranked_values[:MAX_REFUSED]
                refused = [(value, NOT_A_NUMBER) for value in values]
                return Ranking(None, {NOT_A_NUMBER: len(numbers.others)}, refused, partial(NotNumeric, values[0]))
            best = _find_best(numbers, descending=descending).value
            others = (value for value in _list_best_first(numbers, descending=descending) if value != best)
            counts = {OUTRANKED: sum(map(len, numbers.lanes)) - 1}
            return Ranking(best, counts, [(value, OUTRANKED) for value in islice(others, MAX_REFUSED)])

        return rank


def _find_best(numbers: SortedCandidates[float], *, descending: bool) -> RankedCandidate[float]:
    # Among equals the last in stored order wins, as in Flux; that is the first among equals in sorted order.
    entries, nans = numbers.lanes
    if nans:
        stored = sorted(chain(entries, nans), key=attrgetter("tag"), reverse=True)
        return _find_best_with_nans(stored, descending=descending)
    return entries[0 if descending else bisect_left(entries, (entries[-1].rank,))]


def _find_best_with_nans(entries: Sequence[RankedCandidate[float]], *, descending: bool) -> RankedCandidate[float]:
    # As in Flux's loop: NaN, which never compares, always replaces and is always replaced.
    best = entries[0]
    for entry in entries[1:]:
        if not (entry.rank > best.rank if descending else entry.rank < best.rank):
            best = entry
    return best


def _list_best_first(numbers: SortedCandidates[float], *, descending: bool) -> Iterator[str]:
    entries, nans = numbers.lanes
    return (entry.value for entry in chain(entries if descending else reversed(entries), nans))


KIND: Final = PolicyKind(
    Numerical,
    from_spec=lambda spec: Numerical(spec.order),
    reasons=(NOT_A_NUMBER,),
    flag=PolicyFlag(Numerical, "the greatest number (asc) or the least (desc)", choices=ORDER_CHOICES),
)
