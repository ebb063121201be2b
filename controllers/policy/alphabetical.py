"""The alphabetical policy: byte order, so `v1.9` is after `v1.10` and lower case is after upper case."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import ClassVar, Final

from controllers.policy.candidates import Candidates
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
from controllers.policy.reasons import MAX_REFUSED, OUTRANKED


@dataclass(frozen=True, slots=True)
class Alphabetical(Policy):
    """The last value in byte order, or the first with `order` "desc"; "" is "asc", letter case does not matter."""

    name: ClassVar = "alphabetical"

    order: str = ""

    def build_ranker(self, context: RankingContext) -> Ranker:
        """Return the ranking by `order`. Raises BadPolicy."""
        order = parse_order(self.order)

        def rank(candidates: Candidates) -> Ranking:
            ascending = candidates.ascending()
            best, *others = islice(ascending if order is Order.DESC else reversed(ascending), MAX_REFUSED + 1)
            return Ranking(best, {OUTRANKED: len(ascending) - 1}, [(value, OUTRANKED) for value in others])

        return rank


KIND: Final = PolicyKind(
    Alphabetical,
    from_spec=lambda spec: Alphabetical(spec.order),
    flag=PolicyFlag(Alphabetical, "the last text (asc) or the first (desc)", choices=ORDER_CHOICES),
)
