"""The numerical policy: the greatest or least number, provided that every candidate is one."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import islice

from controllers.policy.candidates import Candidates, Entry, Numbers
from controllers.policy.policies import MAX_REFUSED, Order, Reason
from controllers.policy.ranking import Rank, Ranking, parse_order


def ranker(order: str) -> Rank:
    """The ranking by `order`; it has no best value when one candidate is no number. Raises BadOrder."""
    descending = parse_order(order) is Order.DESC

    def rank(candidates: Candidates) -> Ranking:
        numbers = candidates.numbers
        if numbers.others:
            refused = [(value, Reason.NOT_A_NUMBER) for value in numbers.others[:MAX_REFUSED]]
            return Ranking(None, {Reason.NOT_A_NUMBER: len(numbers.others)}, refused)
        best = _best(numbers, descending=descending).value
        others = islice((value for value in _best_first(numbers, descending=descending) if value != best), MAX_REFUSED)
        counts = {Reason.OUTRANKED: len(numbers.entries) - 1}
        return Ranking(best, counts, [(value, Reason.OUTRANKED) for value in others])

    return rank


def _best(numbers: Numbers, *, descending: bool) -> Entry[float]:
    # Among equals the last in stored order wins, as in Flux; that is the first among equals in sorted order.
    entries = numbers.entries
    if numbers.has_nan:
        return _last_standing(entries, descending=descending)
    return entries[0 if descending else bisect_left(entries, (entries[-1].rank,))]


def _last_standing(entries: Sequence[Entry[float]], *, descending: bool) -> Entry[float]:
    # As Flux goes through them: NaN, which never compares, always replaces and is always replaced.
    best = entries[0]
    for entry in entries[1:]:
        if not (entry.rank > best.rank if descending else entry.rank < best.rank):
            best = entry
    return best


def _best_first(numbers: Numbers, *, descending: bool) -> Iterator[str]:
    return (entry.value for entry in (numbers.entries if descending else reversed(numbers.entries)))
