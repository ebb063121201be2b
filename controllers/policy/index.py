"""The stored tags of one repository, prepared once for all policies that look at them.

What one policy's filter or order costs, the next with the same gets for nothing; and of the index before, for the
repository's tags one scan earlier, the values of tags that are still there are taken over. Results are kept in the
index, bounded, and go with it.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Iterable, Mapping
from threading import Lock
from typing import Final

from controllers.policy import alphabetical, numerical, semantic
from controllers.policy.candidates import Candidates, unfiltered
from controllers.policy.constraint import BadConstraint
from controllers.policy.errors import InvalidPolicy, NoCandidates, NoMatch, NoTags, NotNumeric
from controllers.policy.extract import BadFilter, Extractor, compile_filter
from controllers.policy.policies import Alphabetical, Choice, Filter, Numerical, Policy, Reason, Semver
from controllers.policy.ranking import BadOrder, Rank
from controllers.policy.tally import tally

MAX_KEPT_VALUES: Final = 600_000
"""Over all filters of one index; about 150 bytes each."""


class TagIndex:
    """Tags of one repository, ready for any number of choices; safe to use from several threads."""

    def __init__(self, tags: Iterable[str], previous: TagIndex | None = None) -> None:
        """tags: all stored tags, in any order. previous: the index of the same repository before, if there is one."""
        self.tags: Final = tuple(sorted(set(tags), reverse=True))
        """Bytewise descending, as stored: the order in which ties are decided."""
        self._lock = Lock()  # guards _candidates, and what they compute on first use
        self._candidates: OrderedDict[Hashable, Candidates] = OrderedDict()
        self._before = previous.known_values() if previous else {}

    def known_values(self) -> dict[Hashable, Mapping[str, str | None]]:
        """The values of tags by filter, as far as they were computed."""
        with self._lock:
            return {meaning: candidates.values for meaning, candidates in self._candidates.items()}

    def choose(self, policy: Policy | None, tag_filter: Filter | None = None) -> Choice:
        """As `choose`, which is for a single policy; the cost is that of what no choice before needed."""
        rank = _ranker(policy)
        if not self.tags:
            raise NoTags
        extractor = _extractor(tag_filter)
        with self._lock:
            candidates = self._passed(extractor)
            if not candidates.tags:
                raise NoCandidates(tally(None, candidates))
            ranking = rank(candidates)
        reasons = tally(ranking, candidates)
        if ranking.best is not None:
            return Choice(candidates.tags[ranking.best], ranking.best, reasons)
        if Reason.NOT_A_NUMBER in ranking.counts:
            raise NotNumeric(ranking.others[0][0], reasons)
        raise NoMatch(reasons)

    def _passed(self, extractor: Extractor | None) -> Candidates:
        meaning = None if extractor is None else extractor.meaning
        if meaning not in self._candidates:
            # The unfiltered ones take part in the bound like any other.
            while len(self._candidates) * len(self.tags) >= MAX_KEPT_VALUES:
                self._candidates.popitem(last=False)
            self._candidates[meaning] = self._filtered(extractor)
        self._candidates.move_to_end(meaning)
        return self._candidates[meaning]

    def _filtered(self, extractor: Extractor | None) -> Candidates:
        if extractor is None:
            return unfiltered(self.tags)
        value, before = extractor.value, self._before.pop(extractor.meaning, {})
        return Candidates({tag: before[tag] if tag in before else value(tag) for tag in self.tags})


def validate(policy: Policy | None, tag_filter: Filter | None = None) -> None:
    """Returns when the policy and the filter can be used; raises InvalidPolicy. Needs no tags."""
    _ranker(policy)
    _extractor(tag_filter)


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


def _extractor(tag_filter: Filter | None) -> Extractor | None:
    try:
        return None if tag_filter is None else compile_filter(tag_filter)
    except BadFilter as error:
        raise InvalidPolicy(f"failed to filter tags: {error}") from None
