"""What a filter leaves of the stored tags, and the orders in which policies look at it.

Sorting a hundred thousand versions takes 0.2 s, choosing among sorted ones microseconds, and many policies look at one
repository: so each order is made once, when the first policy needs it. Of tags that change a little (a scan found a
new one, a rule leaves some out) the orders are not made anew: they are copied, and the few changes go to their places.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from operator import attrgetter
from typing import Any, Final, Generic, NamedTuple, TypeAlias, TypeVar

R = TypeVar("R")

Value: TypeAlias = Callable[[str], str | None]
"""What is ranked for a tag; None where the filter does not let it through."""

FEW: Final = 64
"""Up to so many entries are put in one by one; more are sorted in, which looks at every entry once."""


class Entry(NamedTuple, Generic[R]):
    """A candidate that has a rank. Entries sort by rank and, as stored tags do, by the bytes of the tag."""

    rank: R
    tag: str
    value: str


class Named(NamedTuple):
    """A candidate by tag and value; sorts by the tag."""

    tag: str
    value: str


@dataclass(frozen=True, slots=True)
class Order(Generic[R]):
    """A way to rank candidates."""

    name: Hashable
    """Equal for orders that rank alike: what results are kept under."""
    place: Callable[[str, str], tuple[int, R] | None]
    """For a tag and its value the lane and the rank in it; None for what has no rank."""
    lanes: int = 1


@dataclass(frozen=True, slots=True)
class Ordered(Generic[R]):
    """Candidates in an order; never changed once made."""

    lanes: tuple[Sequence[Entry[R]], ...]
    """Each ascending."""
    others: Sequence[Named]
    """Those without a rank, ascending by tag."""

    @property
    def values_without_rank(self) -> list[str]:
        """In stored order, which is descending."""
        return [other.value for other in reversed(self.others)]


@dataclass(frozen=True, slots=True)
class _Difference:
    """What makes the orders of earlier candidates those of the present ones."""

    orders: dict[Hashable, Ordered[Any]]
    ascending: Sequence[str] | None
    gone: frozenset[str]
    """Tags."""
    gone_values: frozenset[str]
    come: Sequence[Named]


class Candidates:
    """Values to rank and the tags that they stand for. Not to be used by two threads at once: `TagIndex` sees to that.

    Where tags share a value, the one that is last in stored order, the least by bytes, stands for it.
    """

    def __init__(self, tags: Iterable[str], value: Value) -> None:
        """tags: in any order, each once; value: called once for each."""
        self.tags: dict[str, str] = {}
        self.unmatched: list[str] = []
        """Ascending."""
        self.overwritten: dict[str, tuple[str, ...]] = {}
        """For a value the further tags that give it."""
        self._orders: dict[Hashable, Ordered[Any]] = {}
        self._ascending: Sequence[str] | None = None
        self._before = _Difference({}, None, frozenset(), frozenset(), ())
        for tag in tags:
            self._add(tag, value(tag))
        self.unmatched.sort()

    def without(self, gone: Collection[str], value: Value) -> Candidates:
        """Other candidates: these but for the tags `gone`, all of which were given. Costs a copy."""
        after = Candidates((), value)
        after.tags, after.unmatched = self.tags.copy(), self.unmatched.copy()
        after.overwritten = self.overwritten.copy()
        after._orders, after._ascending = self._orders.copy(), self._ascending
        after.change(gone, (), value)
        return after

    def change(self, gone: Collection[str], come: Collection[str], value: Value) -> None:
        """Loses the tags `gone` and gets the tags `come`; costs what changes, and a little for each order.

        gone: all of them were given before; come: none of them was, except those gone.
        """
        left = frozenset(gone)
        stood: dict[str, str | None] = {}
        for tag in gone:
            text = value(tag)
            if text is not None:
                stood.setdefault(text, self.tags.get(text))
                self._remove(tag, text)
        if left:
            self.unmatched = [tag for tag in self.unmatched if tag not in left]
        for tag in come:
            text = value(tag)
            if text is not None:
                stood.setdefault(text, self.tags.get(text))
            self._add(tag, text)
        self.unmatched.sort()
        # A tag that is gone and has come again may have another rank.
        moved = [text for text, tag in stood.items() if tag != self.tags.get(text) or tag in left]
        standing = [(before, text) for text in moved if (before := stood[text]) is not None]
        self._before = _Difference(
            self._orders,
            self._ascending,
            frozenset(before for before, _ in standing),
            frozenset(text for _, text in standing),
            [Named(self.tags[text], text) for text in moved if text in self.tags],
        )
        self._orders, self._ascending = {}, None

    def ascending(self) -> Sequence[str]:
        """The values in byte order; for text Python's order by code point is that of its UTF-8."""
        if self._ascending is None:
            known, come = self._before.ascending, [value for _, value in self._before.come]
            gone = self._before.gone_values
            self._ascending = sorted(self.tags) if known is None else _merged(known, gone, come, name_of=itself)
            self._before = replace(self._before, ascending=None)
        return self._ascending

    def ordered(self, order: Order[R]) -> Ordered[R]:
        """The candidates in an order: made when it is asked for first."""
        if order.name not in self._orders:
            known = self._before.orders.pop(order.name, None)
            if known is None:
                self._orders[order.name] = _arranged(
                    order, map(Named._make, zip(self.tags.values(), self.tags, strict=True))
                )
            else:
                self._orders[order.name] = _changed(order, known, self._before)
        return self._orders[order.name]

    def _add(self, tag: str, value: str | None) -> None:
        if value is None:
            self.unmatched.append(tag)
            return
        standing = self.tags.setdefault(value, tag)
        if standing != tag:
            self.tags[value] = min(standing, tag)
            self.overwritten[value] = (*self.overwritten.get(value, ()), max(standing, tag))

    def _remove(self, tag: str, value: str) -> None:
        remaining = sorted({self.tags.pop(value), *self.overwritten.pop(value, ())} - {tag})
        if remaining:
            self.tags[value], *others = remaining
            if others:
                self.overwritten[value] = tuple(others)


def itself(tag: str) -> str:
    """The value of a tag where there is no filter."""
    return tag


def stood_for(overwritten: Mapping[str, Sequence[str]]) -> list[Named]:
    """The tags that others stand for, in stored order."""
    return sorted((Named(tag, value) for value, tags in overwritten.items() for tag in tags), reverse=True)


def _arranged(order: Order[R], candidates: Iterable[Named]) -> Ordered[R]:
    lanes: tuple[list[Entry[R]], ...] = tuple([[] for _ in range(order.lanes)])
    others: list[Named] = []
    for candidate in candidates:
        place = order.place(*candidate)
        if place is None:
            others.append(candidate)
        else:
            lane, rank = place
            lanes[lane].append(Entry(rank, *candidate))
    for lane_entries in lanes:
        lane_entries.sort()
    others.sort()
    return Ordered(lanes, others)


def _changed(order: Order[R], known: Ordered[R], difference: _Difference) -> Ordered[R]:
    come = _arranged(order, difference.come)
    gone = difference.gone
    lanes = [_merged(lane, gone, entries, name_of=_tag) for lane, entries in zip(known.lanes, come.lanes, strict=True)]
    return Ordered(tuple(lanes), _merged(known.others, gone, come.others, name_of=_tag))


_tag: Final = attrgetter("tag")

E = TypeVar("E", Entry[Any], Named, str)


def _merged(known: Sequence[E], gone: frozenset[str], come: Sequence[E], *, name_of: Callable[[E], str]) -> Sequence[E]:
    if not gone and not come:
        return known
    entries = [entry for entry in known if name_of(entry) not in gone] if gone else list(known)
    if len(come) <= FEW:
        for entry in come:
            insort(entries, entry)
    else:
        entries += come
        entries.sort()
    return entries
