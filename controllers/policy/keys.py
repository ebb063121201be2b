"""Several sort keys from one pattern: by branch, then by build. Ours, not Flux's.

A tag of which a key is not a number or version, as its type asks, is passed over; it does not fail the policy.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from typing import Any, Final

from controllers.golang.floats import parse_float
from controllers.policy import policies
from controllers.policy.candidates import Candidates, SortOrder
from controllers.policy.policies import MAX_REFUSED, Filter, Keys, KeyType, Reason
from controllers.policy.ranking import BadOrder, Ranker, Ranking, parse_order
from controllers.policy.tag_filter import compile_filter, parse_template
from controllers.semver.version import tag_key


class Descending:
    """A rank the other way round."""

    __slots__ = ("rank",)

    def __init__(self, rank: Any) -> None:
        self.rank = rank

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Descending) and bool(self.rank == other.rank)

    def __lt__(self, other: Descending) -> bool:
        return bool(other.rank < self.rank)

    def __hash__(self) -> int:
        return hash(self.rank)


def _number(text: str) -> float | None:
    number = parse_float(text)
    return None if number is None or math.isnan(number) else number


_RANKS: Final[Mapping[str, Callable[[str], Any]]] = {
    KeyType.ALPHABETICAL: str,
    KeyType.NUMERICAL: _number,
    KeyType.SEMVER: tag_key,
}


def build_ranker(policy: Keys, tag_filter: Filter | None) -> Ranker:
    """The ranking by all keys; among equals the last tag in byte order wins. Raises BadOrder or BadFilter."""
    order = _order(policy, tag_filter)

    def rank(candidates: Candidates) -> Ranking:
        ordered = candidates.ordered(order)
        (entries,) = ordered.lanes
        ranked = [entry.value for entry in islice(reversed(entries), MAX_REFUSED + 1)]
        counts = {Reason.NO_SORT_KEY: len(ordered.others), Reason.OUTRANKED: max(len(entries) - 1, 0)}
        others = [(value, Reason.OUTRANKED) for value in ranked[1:]]
        others += [(value, Reason.NO_SORT_KEY) for value in ordered.unranked_values[:MAX_REFUSED]]
        return Ranking(ranked[0] if ranked else None, counts, others[:MAX_REFUSED])

    return rank


def _order(policy: Keys, tag_filter: Filter | None) -> SortOrder[tuple[Any, ...]]:
    if tag_filter is None or tag_filter.extract or not policy.keys:
        raise BadOrder("sort keys are extracted from filterTags.pattern: set it, and extract in each key only")
    pattern = compile_filter(tag_filter).pattern
    parts = [
        (parse_template(key.extract, pattern.group_names), _rank(key.type), parse_order(key.order))
        for key in policy.keys
    ]

    def rank_key(tag: str, _: str) -> tuple[int, tuple[Any, ...]] | None:
        groups: Sequence[str | None] = pattern.search(tag) or ()
        ranks = []
        for template, rank, order in parts:
            found = rank(template.expand(groups))
            if found is None:
                return None
            ranks.append(Descending(found) if order is policies.Order.DESC else found)
        return 0, tuple(ranks)

    return SortOrder(("keys", policy), rank_key)


def _rank(type_: str) -> Callable[[str], Any]:
    try:
        return _RANKS[type_]
    except KeyError:
        raise BadOrder(f"sort key type '{type_}' is none of {', '.join(KeyType)}") from None
