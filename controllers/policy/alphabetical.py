"""The alphabetical policy: byte order, so `v1.9` is after `v1.10` and lower case is after upper case."""

from __future__ import annotations

from itertools import islice

from controllers.policy.candidates import Candidates
from controllers.policy.policies import MAX_REFUSED, Order, Reason
from controllers.policy.ranking import Ranker, Ranking, parse_order


def build_ranker(order: str) -> Ranker:
    """The ranking by `order`. Raises BadOrder."""
    parsed = parse_order(order)

    def rank(candidates: Candidates) -> Ranking:
        ascending = candidates.ascending()
        best, *others = islice(ascending if parsed is Order.DESC else reversed(ascending), MAX_REFUSED + 1)
        return Ranking(best, {Reason.OUTRANKED: len(ascending) - 1}, [(value, Reason.OUTRANKED) for value in others])

    return rank
