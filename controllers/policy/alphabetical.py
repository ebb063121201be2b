"""The alphabetical policy: byte order, so `v1.9` is after `v1.10` and lower case is after upper case.

Python compares text by code point, which for UTF-8 is the order of the bytes.
"""

from __future__ import annotations

from collections.abc import Sequence

from controllers.policy.policies import MAX_REFUSED, Order, Reason
from controllers.policy.ranking import Rank, Ranking, parse_order


def ranker(order: str) -> Rank:
    """The ranking by `order`. Raises BadOrder."""
    descending = parse_order(order) is Order.DESC

    def rank(values: Sequence[str]) -> Ranking:
        best, *others = sorted(values, reverse=not descending)
        counts = {Reason.OUTRANKED: len(others)} if others else {}
        return Ranking(best, counts, [(value, Reason.OUTRANKED) for value in others[:MAX_REFUSED]])

    return rank
