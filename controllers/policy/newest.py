"""The newest tag: by our own first sight of it, or by the build date that its image tells. Ours, not Flux's.

Tags that one scan found together were first seen together, and those of a first scan at an unknown time before all
others: among them the last value in byte order wins. Whose build date is known is the caller's business.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice

from controllers.policy.candidates import Candidates, SortOrder
from controllers.policy.policies import MAX_REFUSED, Reason
from controllers.policy.ranking import Ranker, Ranking


def rank_by_first_seen(first_seen: Mapping[str, int]) -> Ranker:
    """The ranking by first sight. first_seen: Unix seconds; tags that are not in it are of unknown age."""

    def rank_key(tag: str, value: str) -> tuple[int, tuple[int, str]]:
        return 0, (first_seen.get(tag, -1), value)

    order = SortOrder("first-seen", rank_key)

    def rank(candidates: Candidates) -> Ranking:
        (entries,) = candidates.ordered(order).lanes
        best, *others = (entry.value for entry in islice(reversed(entries), MAX_REFUSED + 1))
        return Ranking(best, {Reason.OUTRANKED: len(entries) - 1}, [(value, Reason.OUTRANKED) for value in others])

    return rank


def rank_by_build_date(built: Mapping[str, int | None]) -> Ranker:
    """The ranking by build date of the tags in `built`, Unix seconds or None; other tags were not examined."""

    def rank(candidates: Candidates) -> Ranking:
        known = {value: tag for value, tag in candidates.tags.items() if tag in built}
        dated = sorted(
            ((date, value) for value, tag in known.items() if (date := built[tag]) is not None), reverse=True
        )
        undated = sorted((value for value, tag in known.items() if built[tag] is None), reverse=True)
        counts = {
            Reason.OUTRANKED: max(len(dated) - 1, 0),
            Reason.NO_BUILD_DATE: len(undated),
            Reason.NOT_EXAMINED: len(candidates.tags) - len(known),
        }
        others = [(value, Reason.OUTRANKED) for _, value in dated[1:]]
        others += [(value, Reason.NO_BUILD_DATE) for value in undated]
        return Ranking(dated[0][1] if dated else None, counts, others[:MAX_REFUSED])

    return rank
