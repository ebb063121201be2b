"""The choice of one tag by an ImagePolicy: filter, rank, and map the best value back to its tag.

Follows Flux's image-reflector-controller (`internal/policy`, `applyPolicy` of its ImagePolicy reconciler), texts and
ties included. Flux ranks filtered tags in random order; here the order is always the stored one, bytewise descending,
so one set of tags has one answer. Reading the tags, and what an error means for the object, is the kind's business.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain, islice

from controllers.policy import alphabetical, numerical, semantic
from controllers.policy.constraint import BadConstraint
from controllers.policy.errors import InvalidPolicy, NoCandidates, NoMatch, NoTags, NotNumeric
from controllers.policy.extract import BadFilter, Filtered, apply_filter
from controllers.policy.policies import (
    MAX_REFUSED,
    Alphabetical,
    Choice,
    Filter,
    Numerical,
    Policy,
    Reason,
    Refusal,
    Semver,
    Tally,
)
from controllers.policy.ranking import BadOrder, Rank, Ranking


def choose(tags: Sequence[str], policy: Policy | None, tag_filter: Filter | None = None) -> Choice:
    """The tag that `policy` ranks first among those that the filter lets through.

    tags: all stored tags, each once, in any order. policy: None where the spec sets none, which is invalid.
    Raises InvalidPolicy, NoTags or a Failure, checked in this order: the policy, that there are tags, the filter.
    Cost: linear in the number of tags, 0.2 to 0.6 s of CPU for 100,000; call it from a worker thread for long lists.
    """
    rank = _ranker(policy)
    if not tags:
        raise NoTags
    stored = sorted(tags, reverse=True)
    filtered = _filter(stored, tag_filter)
    if not filtered.tags:
        raise NoCandidates(_tally(Ranking(None, {}, ()), filtered))
    ranking = rank(list(filtered.tags))
    tally = _tally(ranking, filtered)
    if ranking.best is None:
        if Reason.NOT_A_NUMBER in ranking.counts:
            raise NotNumeric(ranking.others[0][0], tally)
        raise NoMatch(tally)
    return Choice(filtered.tags[ranking.best], ranking.best, tally)


def _ranker(policy: Policy | None) -> Rank:
    try:
        match policy:
            case Semver(range=range_):
                return semantic.ranker(range_)
            case Alphabetical(order=order):
                return alphabetical.ranker(order)
            case Numerical(order=order):
                return numerical.ranker(order)
            case None:
                raise InvalidPolicy("invalid policy: given ImagePolicyChoice object is invalid")
    except (BadConstraint, BadOrder) as error:
        raise InvalidPolicy(f"invalid policy: {error}") from None


def _filter(stored: Sequence[str], tag_filter: Filter | None) -> Filtered:
    if tag_filter is None:
        return Filtered({tag: tag for tag in stored}, (), ())
    try:
        return apply_filter(stored, tag_filter)
    except BadFilter as error:
        raise InvalidPolicy(f"failed to filter tags: {error}") from None


def _tally(ranking: Ranking, filtered: Filtered) -> Tally:
    counts = {
        **ranking.counts,
        Reason.SAME_VALUE: len(filtered.overwritten),
        Reason.UNMATCHED: len(filtered.unmatched),
    }
    refusals: Iterable[Refusal] = chain(
        (Refusal(filtered.tags[value], value, reason) for value, reason in ranking.others),
        (Refusal(tag, value, Reason.SAME_VALUE) for tag, value in filtered.overwritten),
        (Refusal(tag, tag, Reason.UNMATCHED) for tag in filtered.unmatched),
    )
    return Tally({reason: count for reason, count in counts.items() if count}, tuple(islice(refusals, MAX_REFUSED)))
