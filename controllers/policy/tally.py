"""From a ranking of values to the account of tags that users read."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from controllers.policy.candidates import Candidates
from controllers.policy.policies import MAX_REFUSED, Reason, Refusal, Tally
from controllers.policy.ranking import Ranking


def tally(ranking: Ranking | None, candidates: Candidates) -> Tally:
    """Why tags were not chosen; without a ranking there was no candidate to rank."""
    counts = {
        **(ranking.counts if ranking else {}),
        Reason.SAME_VALUE: len(candidates.overwritten),
        Reason.UNMATCHED: len(candidates.unmatched),
    }
    refused = tuple(islice(_refusals(ranking, candidates), MAX_REFUSED))
    return Tally({reason: count for reason, count in counts.items() if count}, refused)


def _refusals(ranking: Ranking | None, candidates: Candidates) -> Iterator[Refusal]:
    if ranking:
        for value, reason in ranking.others:
            yield Refusal(candidates.tags[value], value, reason)
    for tag, value in candidates.overwritten:
        yield Refusal(tag, value, Reason.SAME_VALUE)
    for tag in candidates.unmatched:
        yield Refusal(tag, tag, Reason.UNMATCHED)
