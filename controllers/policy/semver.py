"""The semver policy: the greatest version inside a range; candidates that are not versions are passed over."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from heapq import merge
from itertools import chain, islice, pairwise
from typing import ClassVar, Final

from controllers.policy.candidates import Candidates, RankedCandidate, SortedCandidates, SortOrder
from controllers.policy.ranking import BadPolicy, Policy, PolicyFlag, PolicyKind, Ranker, Ranking, RankingContext
from controllers.policy.reasons import MAX_REFUSED, OUTRANKED, Reason
from controllers.semver.constraint import BadConstraint, Constraint, ConstraintGroup, Span, parse_constraint
from controllers.semver.version import RELEASE, VersionKey, tag_key

NOT_A_VERSION: Final = Reason("NotAVersion", "is not a semantic version")
PRERELEASE: Final = Reason("Prerelease", "is a prerelease, which the range does not ask for")
OUT_OF_RANGE: Final = Reason("OutOfRange", "is outside the range")


def _rank_key(_: str, value: str) -> tuple[int, VersionKey] | None:
    key = tag_key(value)
    return None if key is None else (int(key[3] is not RELEASE), key)


VERSIONS: Final = SortOrder("versions", _rank_key, lanes=2)
"""Releases in lane 0, prereleases in lane 1: those count only where the range asks for them."""


@dataclass(frozen=True, slots=True)
class Semver(Policy):
    """The greatest version inside `range`."""

    name: ClassVar = "semver"

    range: str

    def build_ranker(self, context: RankingContext) -> Ranker:
        """Return the ranking of versions; it has no best value when none is inside. Raises BadPolicy."""
        try:
            constraint = parse_constraint(self.range)
        except BadConstraint as error:
            raise BadPolicy(str(error)) from None

        def rank(candidates: Candidates) -> Ranking:
            versions = candidates.ordered(VERSIONS)
            leaders = (_find_greatest(versions, group) for group in constraint.groups)
            best = max(chain.from_iterable(leaders), default=None)
            counts = _count_reasons(versions, constraint)
            counts[NOT_A_VERSION] = len(versions.others)
            if best is not None:
                counts[OUTRANKED] -= 1
            others = islice(_list_others(versions, constraint, best), MAX_REFUSED)
            return Ranking(best and best.value, counts, list(others))

        return rank


def _find_greatest(
    versions: SortedCandidates[VersionKey], group: ConstraintGroup
) -> Iterator[RankedCandidate[VersionKey]]:
    # The greatest release and the greatest prerelease of one alternative. Among equals the first in stored order wins,
    # as in Flux; that is the last in sorted order.
    releases, prereleases = versions.lanes
    for entries in (releases, prereleases if group.prereleases else ()):
        for index in reversed(_range_inside(entries, group.span)):
            if group.spans(entries[index].rank):
                yield entries[index]
                break


def _range_inside(entries: Sequence[RankedCandidate[VersionKey]], span: Span) -> range:
    return range(bisect_left(entries, (span.low,)), bisect_left(entries, (span.high,)))


def _count_reasons(versions: SortedCandidates[VersionKey], constraint: Constraint) -> Counter[Reason]:
    # Between two neighbouring bounds of the constraint one version speaks for all of its sort.
    counts = Counter[Reason]()
    releases, prereleases = versions.lanes
    for low, high in pairwise(constraint.bounds()):
        segment = Span(low, high)
        if inside := _range_inside(releases, segment):
            counts[_reason_against(releases[inside[0]].rank, constraint)] += len(inside)
        if inside := _range_inside(prereleases, segment):
            sample = inside if constraint.excludes_some_prereleases else inside[:1]
            for index in sample:
                counts[_reason_against(prereleases[index].rank, constraint)] += len(inside) // len(sample)
    return counts


def _reason_against(key: VersionKey, constraint: Constraint) -> Reason:
    if constraint.admits(key):
        return OUTRANKED
    if key[3] is not RELEASE and constraint.admits_with_prereleases(key):
        return PRERELEASE
    return OUT_OF_RANGE


def _list_others(
    versions: SortedCandidates[VersionKey], constraint: Constraint, best: RankedCandidate[VersionKey] | None
) -> Iterator[tuple[str, Reason]]:
    for entry in merge(*map(reversed, versions.lanes), reverse=True):
        if entry is not best:
            yield entry.value, _reason_against(entry.rank, constraint)
    for value in versions.unranked_values:
        yield value, NOT_A_VERSION


KIND: Final = PolicyKind(
    Semver,
    from_spec=lambda spec: Semver(spec.range),
    reasons=(NOT_A_VERSION, PRERELEASE, OUT_OF_RANGE),
    flag=PolicyFlag(Semver, "the greatest version in the range, e.g. '>=1.0.0 <2.0.0'", metavar="RANGE"),
)
