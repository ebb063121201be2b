"""The semver policy: the greatest version inside a range; candidates that are no versions are passed over."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence
from heapq import merge
from itertools import chain, islice

from controllers.policy.candidates import Candidates, Entry, Versions
from controllers.policy.constraint import Constraint, Group, parse_constraint
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
        for index in reversed(_inside(entries, group)):
            if group.spans(entries[index].rank):
                yield entries[index]
                break


def _inside(entries: Sequence[Entry[Key]], group: Group) -> range:
    return range(bisect_left(entries, (group.low,)), bisect_left(entries, (group.high,)))


def _counts(versions: Versions, constraint: Constraint) -> Counter[Reason]:
    group, *alternatives = constraint.groups
    if alternatives or group.exclusions:
        return Counter(_reason(entry.rank, constraint) for entry in chain(versions.releases, versions.prereleases))
    releases, prereleases = len(_inside(versions.releases, group)), len(_inside(versions.prereleases, group))
    counts = Counter({Reason.OUTRANKED: releases})
    counts[Reason.OUTRANKED if group.prereleases else Reason.PRERELEASE] += prereleases
    counts[Reason.OUT_OF_RANGE] = len(versions.releases) + len(versions.prereleases) - releases - prereleases
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
