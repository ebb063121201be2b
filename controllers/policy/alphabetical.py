"""The alphabetical policy: byte order, so `v1.9` is after `v1.10` and lower case is after upper case."""

from __future__ import annotations

from itertools import islice
from typing import Final

from controllers.policy import policies
from controllers.policy.candidates import Candidates, Order
from controllers.policy.policies import MAX_REFUSED, Reason
from controllers.policy.ranking import Rank, Ranking, parse_order


def _place(_: str, value: str) -> tuple[int, str]:
    return 0, value


# For text Python's order by code point is that of its UTF-8.
BYTES: Final = Order("bytes", _place)


def ranker(order: str) -> Rank:
    """The ranking by `order`. Raises BadOrder."""
    parsed = parse_order(order)

    def rank(candidates: Candidates) -> Ranking:
        (ascending,) = candidates.ordered(BYTES).lanes
        leading = islice(ascending if parsed is policies.Order.DESC else reversed(ascending), MAX_REFUSED + 1)
        best, *others = (entry.value for entry in leading)
        return Ranking(best, {Reason.OUTRANKED: len(ascending) - 1}, [(value, Reason.OUTRANKED) for value in others])

    return rank
