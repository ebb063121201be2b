"""The newest tag: by the scan that found it first, or by the build date of its image. Ours, not Flux's.

Tags that one scan found together were first seen together, and those of a first scan at an unknown time before all
others: among them the last value in byte order wins. Build dates are read by the caller.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from typing import ClassVar, Final

from controllers.policy.candidates import Candidates, SortOrder
from controllers.policy.ranking import BadPolicy, Policy, PolicyKind, Ranker, Ranking, RankingContext
from controllers.policy.reasons import MAX_REFUSED, OUTRANKED, Reason

NO_BUILD_DATE: Final = Reason("NoBuildDate", "tells no build date")
NOT_EXAMINED: Final = Reason("NotExamined", "is too far down the list for its image to be read")


class NewestBy(StrEnum):
    """By which time a tag is the newest."""

    FIRST_SEEN = "FirstSeen"
    BUILD_DATE = "BuildDate"


@dataclass(frozen=True, slots=True)
class Newest(Policy):
    """The tag that a scan found last, or whose image was built last."""

    name: ClassVar = "newest"
    ranks_times: ClassVar = True

    by: str = NewestBy.FIRST_SEEN

    def build_ranker(self, context: RankingContext) -> Ranker:
        """Return the ranking by time. Raises BadPolicy."""
        match self.by:
            case NewestBy.FIRST_SEEN:
                return _rank_by_first_seen(context.first_seen)
            case NewestBy.BUILD_DATE:
                return _rank_by_build_date(context.built)
            case _:
                raise BadPolicy(f"newest by '{self.by}' is none of {', '.join(NewestBy)}")

    @property
    def preselection(self) -> Policy | None:
        """The policy that takes the tags first seen last, since not all images can be read."""
        return Newest(NewestBy.FIRST_SEEN) if self.by == NewestBy.BUILD_DATE else None


def _rank_by_first_seen(first_seen: Mapping[str, int]) -> Ranker:
    def rank_key(tag: str, value: str) -> tuple[int, tuple[int, str]]:
        return 0, (first_seen.get(tag, -1), value)

    order = SortOrder("first-seen", rank_key)

    def rank(candidates: Candidates) -> Ranking:
        (entries,) = candidates.ordered(order).lanes
        best, *others = (entry.value for entry in islice(reversed(entries), MAX_REFUSED + 1))
        return Ranking(best, {OUTRANKED: len(entries) - 1}, [(value, OUTRANKED) for value in others])

    return rank


def _rank_by_build_date(built: Mapping[str, int | None]) -> Ranker:
    # Tags that are not in `built` were not examined.
    def rank(candidates: Candidates) -> Ranking:
        examined = {value: tag for value, tag in candidates.tags.items() if tag in built}
        dated = sorted(
            ((date, value) for value, tag in examined.items() if (date := built[tag]) is not None), reverse=True
        )
        undated = sorted((value for value, tag in examined.items() if built[tag] is None), reverse=True)
        counts = {
            OUTRANKED: max(len(dated) - 1, 0),
            NO_BUILD_DATE: len(undated),
            NOT_EXAMINED: len(candidates.tags) - len(examined),
        }
        others = [(value, OUTRANKED) for _, value in dated[1:]]
        others += [(value, NO_BUILD_DATE) for value in undated]
        return Ranking(dated[0][1] if dated else None, counts, others[:MAX_REFUSED])

    return rank


KIND: Final = PolicyKind(
    Newest,
    from_spec=lambda spec: Newest(spec.by),
    reasons=(NO_BUILD_DATE, NOT_EXAMINED),
)
