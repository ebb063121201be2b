"""The semver policy: the greatest version inside a range; candidates that are no versions are passed over."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence
from heapq import merge
from itertools import chain, islice, pairwise
from typing import Final

from controllers.policy.candidates import Candidates, Entry, Order, Ordered
from controllers.policy.policies import MAX_REFUSED, Reason
from controllers.policy.ranking import Rank, Ranking
from controllers.semver.constraint import Constraint, Group, Span, parse_constraint
from controllers.semver.version import RELEASE, Key, tag_key


def _place(_: str, value: str) -> tuple[int, Key] | None:
    key = tag_key(value)
    return None if key is None else (int(key[3] is not RELEASE), key)


VERSIONS: Final = Order("versions", _place, lanes=2)
"""Releases in lane 0, prereleases in lane 1: those count only where the range asks for them."""


def ranker(range_: str) -> Rank:
    """The ranking of versions inside a range; it has no best value when none is inside. Raises BadConstraint."""
    constraint = parse_constraint(range_)

    def rank(candidates: Candidates) -> Ranking:
        versions = candidates.ordered(VERSIONS)
        best = max(chain.from_iterable(_greatest(versions, group) for group in constraint.groups), default=None)
        counts = _counts(versions, constraint)
        counts[Reason.NOT_A_VERSION] = len(versions.others)
        if best is not None:
            counts[Reason.OUTRANKED] -= 1
        others = islice(_others(versions, constraint, best), MAX_REFUSED)
        return Ranking(best and best.value, counts, list(others))

    return rank


def _greatest(versions: Ordered[Key], group: Group) -> Iterator[Entry[Key]]:
    # The greatest release and the greatest prerelease of one alternative. Among equals the first in stored order wins,
    # as in Flux; that is the last in sorted order.
    releases, prereleases = versions.lanes
    for entries in (releases, prereleases if group.prereleases else ()):
        for index in reversed(_inside(entries, group.span)):
            if group.spans(entries[index].rank):
                yield entries[index]
                break


def _inside(entries: Sequence[Entry[Key]], span: Span) -> range:
    return range(bisect_left(entries, (span.low,)), bisect_left(entries, (span.high,)))


def _counts(versions: Ordered[Key], constraint: Constraint) -> Counter[Reason]:
    # Between two neighbouring bounds of the constraint one version speaks for all of its sort.
    counts = Counter[Reason]()
    releases, prereleases = versions.lanes
    for low, high in pairwise(constraint.bounds()):
        segment = Span(low, high)
        if inside := _inside(releases, segment):
            counts[_reason(releases[inside[0]].rank, constraint)] += len(inside)
        if inside := _inside(prereleases, segment):
            sample = inside if constraint.picks_prereleases else inside[:1]
            for index in sample:
                counts[_reason(prereleases[index].rank, constraint)] += len(inside) // len(sample)
    return counts


def _reason(key: Key, constraint: Constraint) -> Reason:
    if constraint.admits(key):
        return Reason.OUTRANKED
    if key[3] is not RELEASE and constraint.would_admit(key):
        return Reason.PRERELEASE
    return Reason.OUT_OF_RANGE


def _others(versions: Ordered[Key], constraint: Constraint, best: Entry[Key] | None) -> Iterator[tuple[str, Reason]]:
    for entry in merge(*map(reversed, versions.lanes), reverse=True):
        if entry is not best:
            yield entry.value, _reason(entry.rank, constraint)
    for value in versions.values_without_rank:
        yield value, Reason.NOT_A_VERSION
