"""The semver policy: the greatest version inside a range; candidates that are no versions are passed over."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence
from heapq import merge
from itertools import chain, islice, pairwise

from controllers.policy.candidates import Candidates, Entry, Versions
from controllers.policy.constraint import Constraint, Group, Span, parse_constraint
from controllers.policy.policies import MAX_REFUSED, Reason
from controllers.policy.ranking import Rank, Ranking
from controllers.policy.semver import RELEASE, Key


def ranker(range_: str) -> Rank:
    """The ranking of versions inside a range; it has no best value when none is inside. Raises BadConstraint."""
    constraint = parse_constraint(range_)

    def rank(candidates: Candidates) -> Ranking:
        versions = candidates.versions
        best = max(chain.from_iterable(_greatest(versions, group) for group in constraint.groups), default=None)
        counts = _counts(versions, constraint)
        counts[Reason.NOT_A_VERSION] = len(versions.others)
        if best is not None:
            counts[Reason.OUTRANKED] -= 1
        others = islice(_others(versions, constraint, best), MAX_REFUSED)
        return Ranking(best and best.value, counts, list(others))

    return rank


def _greatest(versions: Versions, group: Group) -> Iterator[Entry[Key]]:
    # The greatest release and the greatest prerelease of one alternative. Among equals the first in stored order wins,
    # as in Flux; that is the last in sorted order.
    for entries in (versions.releases, versions.prereleases if group.prereleases else ()):
        for index in reversed(_inside(entries, group.span)):
            if group.spans(entries[index].rank):
                yield entries[index]
                break


def _inside(entries: Sequence[Entry[Key]], span: Span) -> range:
    return range(bisect_left(entries, (span.low,)), bisect_left(entries, (span.high,)))


def _counts(versions: Versions, constraint: Constraint) -> Counter[Reason]:
    # Between two neighbouring bounds of the constraint one version speaks for all of its sort.
    counts = Counter[Reason]()
    for low, high in pairwise(constraint.bounds()):
        segment = Span(low, high)
        if inside := _inside(versions.releases, segment):
            counts[_reason(versions.releases[inside[0]].rank, constraint)] += len(inside)
        if inside := _inside(versions.prereleases, segment):
            sample = inside if constraint.picks_prereleases else inside[:1]
            for index in sample:
                counts[_reason(versions.prereleases[index].rank, constraint)] += len(inside) // len(sample)
    return counts


def _reason(key: Key, constraint: Constraint) -> Reason:
    if constraint.admits(key):
        return Reason.OUTRANKED
    if key[3] is not RELEASE and constraint.would_admit(key):
        return Reason.PRERELEASE
    return Reason.OUT_OF_RANGE


def _others(versions: Versions, constraint: Constraint, best: Entry[Key] | None) -> Iterator[tuple[str, Reason]]:
    for entry in merge(reversed(versions.releases), reversed(versions.prereleases), reverse=True):
        if entry is not best:
            yield entry.value, _reason(entry.rank, constraint)
    for value in versions.others:
        yield value, Reason.NOT_A_VERSION
