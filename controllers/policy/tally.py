"""From a ranking of values to the tally of tags that users read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import islice

from controllers.policy.candidates import Candidates, list_duplicates
from controllers.policy.ranking import Ranking
from controllers.policy.reasons import EXCLUDED, MAX_REFUSED, OUTRANKED, SAME_VALUE, UNMATCHED, Reason, Refusal, Tally


def build_tally(ranking: Ranking | None, candidates: Candidates, *, excluded_count: int = 0) -> Tally:
    """Return why tags were not chosen.

    ranking: None where there was no candidate to rank. excluded_count: tags that were found and not stored.
    """
    counts = {
        **(ranking.counts if ranking else {}),
        SAME_VALUE: sum(map(len, candidates.duplicates.values())),
        UNMATCHED: len(candidates.unmatched),
        EXCLUDED: excluded_count,
    }
    refused = tuple(islice(_list_refusals(ranking, candidates), MAX_REFUSED))
    return Tally({reason: count for reason, count in counts.items() if count}, refused)


def add_excluded(
    tally: Tally,
    excluded: Mapping[str, Reason],
    *,
    leading: Ranking | None,
    everything: Candidates,
    chosen: str | None,
) -> Tally:
    """Return the tally of a choice among fewer tags, with those that were excluded before it.

    excluded: only tags that are among `everything`, the candidates before they were left out. leading: the ranking of
    `everything`, which says where the excluded ones would stand.
    """
    counts = Counter(tally.counts) + Counter(excluded.values())
    listed = {refusal.tag: refusal for refusal in tally.refused}
    ranked: dict[str, Refusal] = {}
    for value in _list_best_first(leading) if leading else ():
        tag = everything.tags[value]
        if tag in excluded:
            ranked[tag] = Refusal(tag, value, excluded[tag])
        elif tag in listed:
            ranked[tag] = listed[tag]
    others = (refusal for refusal in tally.refused if refusal.tag not in ranked)
    unranked = (
        Refusal(tag, tag, reason) for tag, reason in sorted(excluded.items(), reverse=True) if tag not in ranked
    )
    refused = [*ranked.values(), *others, *unranked]
    return Tally(counts, tuple(refusal for refusal in refused if refusal.tag != chosen)[:MAX_REFUSED])


def _list_best_first(ranking: Ranking) -> list[str]:
    # Values listed before the first outranked one are above the best, but refused.
    if ranking.best is None:
        return [value for value, _ in ranking.others]
    outranked = (index for index, (_, reason) in enumerate(ranking.others) if reason is OUTRANKED)
    position = next(outranked, 0)
    values = [value for value, _ in ranking.others]
    return [*values[:position], ranking.best, *values[position:]]


def _list_refusals(ranking: Ranking | None, candidates: Candidates) -> Iterator[Refusal]:
    if ranking:
        for value, reason in ranking.others:
            yield Refusal(candidates.tags[value], value, reason)
    for tag, value in list_duplicates(candidates.duplicates):
        yield Refusal(tag, value, SAME_VALUE)
    for tag in reversed(candidates.unmatched):
        yield Refusal(tag, tag, UNMATCHED)
