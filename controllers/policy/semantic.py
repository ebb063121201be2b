"""The semver policy: the greatest version inside a range; tags that are no versions are passed over."""

from __future__ import annotations

from collections.abc import Sequence
from heapq import nlargest
from operator import itemgetter

from controllers.policy.constraint import Constraint, parse_constraint
from controllers.policy.policies import MAX_REFUSED, Reason
from controllers.policy.ranking import Rank, Ranking
from controllers.policy.semver import RELEASE, Key, tag_key


def ranker(range_: str) -> Rank:
    """The ranking of versions inside a range; it has no best value when none is inside. Raises BadConstraint."""
    constraint = parse_constraint(range_)

    def rank(values: Sequence[str]) -> Ranking:
        return _rank(values, constraint)

    return rank


def _rank(values: Sequence[str], constraint: Constraint) -> Ranking:
    admitted: list[tuple[Key, str]] = []
    outside: list[tuple[Key, str]] = []
    strangers: list[str] = []
    for value in values:
        key = tag_key(value)
        if key is None:
            strangers.append(value)
        elif constraint.admits(key):
            admitted.append((key, value))
        else:
            outside.append((key, value))
    by_key = itemgetter(0)
    # Among equals `max` keeps the first, as Flux does.
    best = max(admitted, key=by_key)[1] if admitted else None
    prereleases = sum(_reason(key, constraint) is Reason.PRERELEASE for key, _ in outside)
    counts = {
        Reason.OUTRANKED: max(len(admitted) - 1, 0),
        Reason.PRERELEASE: prereleases,
        Reason.OUT_OF_RANGE: len(outside) - prereleases,
        Reason.NOT_A_VERSION: len(strangers),
    }
    leading = nlargest(MAX_REFUSED + 1, admitted, key=by_key)
    leading_outside = nlargest(MAX_REFUSED, outside, key=by_key)
    ranked = [(key, value, Reason.OUTRANKED) for key, value in leading if value != best]
    ranked += [(key, value, _reason(key, constraint)) for key, value in leading_outside]
    ranked.sort(key=by_key, reverse=True)
    others = [(value, reason) for _, value, reason in ranked]
    others += [(value, Reason.NOT_A_VERSION) for value in strangers[:MAX_REFUSED]]
    return Ranking(best, {reason: count for reason, count in counts.items() if count}, others[:MAX_REFUSED])


def _reason(key: Key, constraint: Constraint) -> Reason:
    if key[3] is not RELEASE and constraint.would_admit(key):
        return Reason.PRERELEASE
    return Reason.OUT_OF_RANGE
