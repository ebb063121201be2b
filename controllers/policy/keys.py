"""Several sort keys from one pattern: by branch, then by build. Ours, not Flux's.

A tag is passed over when one of its keys is not the number or version that the key's type asks for; the policy does
not fail.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from typing import Any, ClassVar, Final

from controllers.golang.floats import parse_float
from controllers.policy.candidates import Candidates, SortOrder
from controllers.policy.ranking import (
    BadPolicy,
    Order,
    Policy,
    PolicyKind,
    Ranker,
    Ranking,
    RankingContext,
    parse_order,
)
from controllers.policy.reasons import MAX_REFUSED, OUTRANKED, Reason
from controllers.policy.tag_filter import Filter, compile_filter, parse_template
from controllers.semver.version import tag_key

NO_SORT_KEY: Final = Reason("NoSortKey", "gives a sort key that is not a number or version")


class KeyType(StrEnum):
    """How the text of a sort key is compared."""

    ALPHABETICAL = "alphabetical"
    NUMERICAL = "numerical"
    SEMVER = "semver"


@dataclass(frozen=True, slots=True)
class KeySpec:
    """One of several keys: a template over the filter's match, how its text is compared, and which end wins."""

    extract: str
    type: str = KeyType.ALPHABETICAL
    order: str = ""


@dataclass(frozen=True, slots=True)
class Keys(Policy):
    """The tag whose first key wins, of equals its second, and so on."""

    name: ClassVar = "keys"

    keys: tuple[KeySpec, ...]

    def build_ranker(self, context: RankingContext) -> Ranker:
        """Return the ranking by all keys; of equals the last tag in byte order wins. Raises BadPolicy or BadFilter."""
        order = _order(self, context.tag_filter)

        def rank(candidates: Candidates) -> Ranking:
            ordered = candidates.ordered(order)
            (entries,) = ordered.lanes
            ranked = [entry.value for entry in islice(reversed(entries), MAX_REFUSED + 1)]
            counts = {NO_SORT_KEY: len(ordered.others), OUTRANKED: max(len(entries) - 1, 0)}
            others = [(value, OUTRANKED) for value in ranked[1:]]
            others += [(value, NO_SORT_KEY) for value in ordered.unranked_values[:MAX_REFUSED]]
            return Ranking(ranked[0] if ranked else None, counts, others[:MAX_REFUSED])

        return rank


class Descending:
    """A rank that sorts the other way round."""

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


def _order(policy: Keys, tag_filter: Filter | None) -> SortOrder[tuple[Any, ...]]:
    if tag_filter is None or tag_filter.extract or not policy.keys:
        raise BadPolicy("sort keys are extracted from filterTags.pattern: set it, and extract in each key only")
    pattern = compile_filter(tag_filter).pattern
    parts = [
        (parse_template(key.extract, pattern.group_names), _rank(key.type), parse_order(key.order))
        for key in policy.keys
    ]

    def rank_key(tag: str, _: str) -> tuple[int, tuple[Any, ...]] | None:
        groups: Sequence[str | None] = pattern.search(tag) or ()
        ranks = []
        for template, rank, order in parts:
            rank_of_key = rank(template.expand(groups))
            if rank_of_key is None:
                return None
            ranks.append(Descending(rank_of_key) if order is Order.DESC else rank_of_key)
        return 0, tuple(ranks)

    return SortOrder(("keys", policy), rank_key)


def _rank(type_: str) -> Callable[[str], Any]:
    try:
        return _RANKS[type_]
    except KeyError:
        raise BadPolicy(f"sort key type '{type_}' is none of {', '.join(KeyType)}") from None


def _from_spec(keys: Sequence[Any]) -> Keys:
    return Keys(tuple([KeySpec(key.extract, key.type, key.order) for key in keys]))


KIND: Final = PolicyKind(Keys, from_spec=_from_spec, reasons=(NO_SORT_KEY,))
