"""The stored tags that pass a filter, and the orders in which policies look at them.

Sorting a hundred thousand versions takes 0.2 s, choosing among sorted ones microseconds, and many policies look at one
repository. So each order is made once, when the first policy needs it. When the tags change a little (a scan found a
new one, a rule leaves some out), orders are copied and the few changes inserted.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from operator import attrgetter
from typing import Any, Final, Generic, NamedTuple, TypeAlias, TypeVar

from controllers.golang import regexp

R = TypeVar("R")

ValueFunction: TypeAlias = Callable[[str], str | None]
"""Returns what is ranked for a tag; None where the filter does not let it through."""

INSORT_LIMIT: Final = 64
"""Up to this many entries are inserted one by one; more are sorted in, which looks at every entry once."""


class RankedCandidate(NamedTuple, Generic[R]):
    """A candidate that has a rank. Entries sort by rank and, as stored tags do, by the bytes of the tag."""

    rank: R
    tag: str
    value: str


class TaggedValue(NamedTuple):
    """A candidate by tag and value; sorts by the tag."""

    tag: str
    value: str


@dataclass(frozen=True, slots=True)
class SortOrder(Generic[R]):
    """A way to rank candidates."""

    name: Hashable
    """The key of kept results: equal for orders that rank alike."""
    rank_key: Callable[[str, str], tuple[int, R] | None]
    """Returns, for a tag and its value, the lane and the rank in it; None for what has no rank."""
    lanes: int = 1


@dataclass(frozen=True, slots=True)
class SortedCandidates(Generic[R]):
    """Candidates in an order; never changed once made."""

    lanes: tuple[Sequence[RankedCandidate[R]], ...]
    """Each ascending."""
    others: Sequence[TaggedValue]
    """Those without a rank, ascending by tag."""

    @property
    def unranked_values(self) -> list[str]:
        """In stored order, which is descending."""
        return [other.value for other in reversed(self.others)]


@dataclass(frozen=True, slots=True)
class _Difference:
    """The orders before the last change, and what the change does to them. An order is brought up to date when used."""

    orders: dict[Hashable, SortedCandidates[Any]]
    ascending: Sequence[str] | None
    removed_tags: frozenset[str]
    removed_values: frozenset[str]
    added: Sequence[TaggedValue]


class Candidates:
    """Values to rank and the tags that they stand for. One thread may use them at a time: `TagIndex` has locks.

    Where tags share a value, the one that is last in stored order, the least by bytes, stands for it.
    """

    def __init__(self, tags: Iterable[str], value: ValueFunction) -> None:
        """Filter the tags. Raises regexp.TooCostly.

        tags: in any order, each once; value: called once for each.
        """
        self.tags: dict[str, str] = {}
        self.unmatched: list[str] = []
        """Ascending."""
        self.duplicates: dict[str, tuple[str, ...]] = {}
        """For a value the further tags that have it."""
        self._orders: dict[Hashable, SortedCandidates[Any]] = {}
        self._ascending: Sequence[str] | None = None
        self._before = _Difference({}, None, frozenset(), frozenset(), ())
        for tag in regexp.within_budget(tags):
            self._add(tag, value(tag))
        self.unmatched.sort()

    def has(self, tag: str) -> bool:
        """Return whether one of the tags that these were made of has a value, without asking for it again."""
        position = bisect_left(self.unmatched, tag)
        return position == len(self.unmatched) or self.unmatched[position] != tag

    def without(self, removed: Collection[str], value: ValueFunction) -> Candidates:
        """Return other candidates: these without the tags `removed`, all of which are among them. Costs a copy."""
        after = Candidates((), value)
        after.tags, after.unmatched = self.tags.copy(), self.unmatched.copy()
        after.duplicates = self.duplicates.copy()
        after._orders, after._ascending = self._orders.copy(), self._ascending
        after.change(removed, (), value)
        return after

    def change(self, removed: Collection[str], added: Collection[str], value: ValueFunction) -> None:
        """Drop and add tags; costs what changes, and a little for each order.

        removed: all of them are among these; added: none of them is, except those removed.
        """
        removed_tags = frozenset(removed)
        tags_before: dict[str, str | None] = {}  # by value
        for tag in regexp.within_budget(removed):
            text = value(tag)
            if text is not None:
                tags_before.setdefault(text, self.tags.get(text))
                self._remove(tag, text)
        if removed_tags:
            self.unmatched = [tag for tag in self.unmatched if tag not in removed_tags]
        for tag in regexp.within_budget(added):
            text = value(tag)
            if text is not None:
                tags_before.setdefault(text, self.tags.get(text))
            self._add(tag, text)
        self.unmatched.sort()
        # A tag that was removed and added again may have another rank.
        changed = [text for text, tag in tags_before.items() if tag != self.tags.get(text) or tag in removed_tags]
        displaced = [(tag_before, text) for text in changed if (tag_before := tags_before[text]) is not None]
        self._before = _Difference(
            self._orders,
            self._ascending,
            frozenset(tag_before for tag_before, _ in displaced),
            frozenset(text for _, text in displaced),
            [TaggedValue(self.tags[text], text) for text in changed if text in self.tags],
        )
        self._orders, self._ascending = {}, None

    def ascending(self) -> Sequence[str]:
        """Return the values in byte order; for text Python's order by code point is that of its UTF-8."""
        if self._ascending is None:
            earlier, removed = self._before.ascending, self._before.removed_values
            if earlier is None:
                self._ascending = sorted(self.tags)
            else:
                added = [value for _, value in self._before.added]
                self._ascending = _merge_sorted(earlier, removed, added, tag_of=identity)
            self._before = replace(self._before, ascending=None)
        return self._ascending

    def ordered(self, order: SortOrder[R]) -> SortedCandidates[R]:
        """Return the candidates in an order, which is made when it is needed first."""
        if order.name not in self._orders:
            earlier = self._before.orders.pop(order.name, None)
            if earlier is None:
                self._orders[order.name] = _sort_candidates(
                    order, map(TaggedValue._make, zip(self.tags.values(), self.tags, strict=True))
                )
            else:
                self._orders[order.name] = _apply_difference(order, earlier, self._before)
        return self._orders[order.name]

    def _add(self, tag: str, value: str | None) -> None:
        if value is None:
            self.unmatched.append(tag)
            return
        first = self.tags.setdefault(value, tag)
        if first != tag:
            self.tags[value] = min(first, tag)
            self.duplicates[value] = (*self.duplicates.get(value, ()), max(first, tag))

    def _remove(self, tag: str, value: str) -> None:
        remaining = sorted({self.tags.pop(value), *self.duplicates.pop(value, ())} - {tag})
        if remaining:
            self.tags[value], *others = remaining
            if others:
                self.duplicates[value] = tuple(others)


def identity(tag: str) -> str:
    """Return the value of a tag where there is no filter."""
    return tag


def list_duplicates(duplicates: Mapping[str, Sequence[str]]) -> list[TaggedValue]:
    """Return the tags that others stand for, in stored order."""
    return sorted((TaggedValue(tag, value) for value, tags in duplicates.items() for tag in tags), reverse=True)


def _sort_candidates(order: SortOrder[R], candidates: Iterable[TaggedValue]) -> SortedCandidates[R]:
    lanes: tuple[list[RankedCandidate[R]], ...] = tuple([[] for _ in range(order.lanes)])
    others: list[TaggedValue] = []
    for candidate in regexp.within_budget(candidates):
        rank_key = order.rank_key(*candidate)
        if rank_key is None:
            others.append(candidate)
        else:
            lane, rank = rank_key
            lanes[lane].append(RankedCandidate(rank, *candidate))
    for lane_entries in lanes:
        lane_entries.sort()
    others.sort()
    return SortedCandidates(lanes, others)


def _apply_difference(
    order: SortOrder[R], earlier: SortedCandidates[R], difference: _Difference
) -> SortedCandidates[R]:
    added = _sort_candidates(order, difference.added)
    removed = difference.removed_tags
    lanes = [
        _merge_sorted(lane, removed, entries, tag_of=_tag)
        for lane, entries in zip(earlier.lanes, added.lanes, strict=True)
    ]
    return SortedCandidates(tuple(lanes), _merge_sorted(earlier.others, removed, added.others, tag_of=_tag))


_tag: Final = attrgetter("tag")

E = TypeVar("E", RankedCandidate[Any], TaggedValue, str)


def _merge_sorted(
    earlier: Sequence[E], removed: frozenset[str], added: Sequence[E], *, tag_of: Callable[[E], str]
) -> Sequence[E]:
    if not removed and not added:
        return earlier
    entries = [entry for entry in earlier if tag_of(entry) not in removed] if removed else list(earlier)
    if len(added) <= INSORT_LIMIT:
        for entry in added:
            insort(entries, entry)
    else:
        entries += added
        entries.sort()
    return entries
