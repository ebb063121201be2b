"""The stored tags of one repository, prepared once for all policies that look at them.

Filtering and sorting is paid for once: a policy with the filter or order of an earlier one reuses its results. An index
also takes over the results of the index before it, for the repository's tags one scan earlier, and looks only at the
tags that came or went. Results live as long as the index, within a bound.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Hashable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from copy import copy
from functools import cached_property, lru_cache
from threading import Lock
from typing import Final, NamedTuple

from controllers.golang import regexp
from controllers.policy.candidates import Candidates, ValueFunction, identity
from controllers.policy.errors import InvalidPolicy, NoCandidates, NoTags
from controllers.policy.ranking import BadPolicy, Policy, Ranker, RankingContext
from controllers.policy.reasons import Choice, Reason
from controllers.policy.tag_filter import AnyOf, BadFilter, Extractor, Filter, compile_any, compile_filter
from controllers.policy.tally import add_excluded, build_tally

MAX_CACHED_VALUES: Final = 600_000
"""Over all filters of one index; about 150 bytes each."""

MAX_CACHED_FILTERS: Final = 256
"""Compiled, over all indexes."""

NOTHING: Final[Mapping[str, Reason]] = {}


class _CandidatesKey(NamedTuple):
    """The key of kept candidates: what the filter means, and which tags were left out."""

    cache_key: Hashable
    excluded: frozenset[str] = frozenset()


class _Use:
    """Of what is kept for a filter."""

    __slots__ = ("lock", "users")

    def __init__(self) -> None:
        self.lock = Lock()
        self.users = 0
        """Threads that hold the lock or wait for it."""


class _Kept:
    """Candidates within a bound, and who uses them.

    A pass over the tags takes seconds where a pattern costs, so each filter has a lock of its own: whoever holds it may
    take, use and keep candidates of that filter.
    """

    def __init__(self, tag_count: int, before: dict[Hashable, Candidates]) -> None:
        """before: candidates of other tags by filter, to be changed."""
        self._tag_count = tag_count
        self._before = before
        self._lock = Lock()  # guards the two below, and is held for a look into them only
        self._candidates: OrderedDict[_CandidatesKey, Candidates] = OrderedDict()
        self._in_use: dict[Hashable, _Use] = {}

    @contextmanager
    def use(self, cache_key: Hashable, *, waits: bool) -> Iterator[bool]:
        """Hold the lock of a filter; yields False where that is somebody else's and is not to be waited for."""
        with self._lock:
            use = self._in_use.get(cache_key)
            if use is None:
                use = self._in_use[cache_key] = _Use()
            use.users += 1
        is_held = use.lock.acquire(blocking=waits)
        try:
            yield is_held
        finally:
            if is_held:
                use.lock.release()
            with self._lock:
                use.users -= 1
                if not use.users:
                    del self._in_use[cache_key]

    def find(self, key: _CandidatesKey) -> Candidates | None:
        """Return what was kept, if it still is."""
        with self._lock:
            if key in self._candidates:
                self._candidates.move_to_end(key)
            return self._candidates.get(key)

    def keep(self, key: _CandidatesKey, candidates: Candidates) -> None:
        """Keep candidates, at the cost of those that nobody asked for longest."""
        # Unfiltered candidates count as well. Those that rules left are made anew in milliseconds, so they go first.
        with self._lock:
            while self._candidates and (len(self._candidates) + 1) * self._tag_count > MAX_CACHED_VALUES:
                oldest = next((key for key in self._candidates if key.excluded), next(iter(self._candidates)))
                del self._candidates[oldest]
            self._candidates[key] = candidates

    def take_before(self, cache_key: Hashable) -> Candidates | None:
        """Return the candidates of the filter among other tags, once."""
        return self._before.pop(cache_key, None)

    def release(self) -> dict[Hashable, Candidates]:
        """Hand over the candidates by filter. Those that are in use stay, and are nobody else's."""
        released: dict[Hashable, Candidates] = {}
        with self._lock:
            for key in list(self._candidates):
                if key.cache_key in self._in_use:
                    continue
                candidates = self._candidates.pop(key)
                if not key.excluded:
                    released[key.cache_key] = candidates
        return released


class TagIndex:
    """Tags of one repository, ready for any number of choices; safe to use from several threads."""

    def __init__(
        self,
        tags: Iterable[str],
        previous: TagIndex | None = None,
        *,
        first_seen: Mapping[str, int | None] | None = None,
        excluded_count: int = 0,
    ) -> None:
        """Prepare the tags.

        tags: all stored tags, in any order. previous: the index of the same repository before, if there is one.
        first_seen: Unix seconds of the scan that found the tag first; a tag that is missing or None is of unknown age.
        excluded_count: how many further tags the scan dropped for the exclusion list; tallies count them.
        """
        added = set(tags)
        before = previous.tags if previous else ()
        removed = {tag for tag in before if tag not in added}
        added.difference_update(before)
        # A tag that stays keeps its string object: earlier results refer to it.
        remaining = [tag for tag in before if tag not in removed]
        self.tags: Final[tuple[str, ...]] = tuple(sorted([*remaining, *added], reverse=True))
        """Bytewise descending, as stored: the order in which ties are decided."""
        self.first_seen: Final[Mapping[str, int]] = {
            tag: time for tag, time in (first_seen or {}).items() if time is not None
        }
        """Only tags whose age is known."""
        self._excluded_count = excluded_count
        self._waits = True
        self._newest_first: tuple[tuple[int, str], ...] | None = None
        changed = self.first_seen.items() ^ previous.first_seen.items() if previous else ()
        other_age = {tag for tag, _ in changed if tag not in removed and tag not in added and tag in self}
        self._removed, self._added = removed | other_age, added | other_age
        # To change what was computed searches each tag that came or went, those of a longer list than this one as well.
        takes_over = len(self._removed) + len(self._added) <= len(self.tags)
        self._kept = _Kept(len(self.tags), previous.release_candidates() if previous and takes_over else {})

    def __contains__(self, tag: str) -> bool:
        position = bisect_left(self.tags, True, key=lambda stored: stored <= tag)
        return position < len(self.tags) and self.tags[position] == tag

    @cached_property
    def char_count(self) -> int:
        """Return the length of all tags together."""
        return sum(map(len, self.tags))

    @property
    def newest_first(self) -> tuple[tuple[int, str], ...]:
        """When tags of known age were first seen, the latest first."""
        # Python 3.11's cached_property has one lock for all indexes, and 100,000 tags take a tenth of a second.
        if self._newest_first is None:
            self._newest_first = tuple(sorted(((time, tag) for tag, time in self.first_seen.items()), reverse=True))
        return self._newest_first

    def without_waiting(self) -> TagIndex:
        """Return this index for an event loop, which must not wait for a thread that is at work on the same filter.

        Then the answer is computed for the asker alone, and is the same. It shares everything else.
        """
        return self._without_waiting

    @cached_property
    def _without_waiting(self) -> TagIndex:
        index = copy(self)
        index._waits = False  # noqa: SLF001 - of a copy of this one
        return index

    def release_candidates(self) -> dict[Hashable, Candidates]:
        """Hand over the candidates by filter, as far as they were computed, for the next index to change.

        Whoever still asks this index gets the same answers as before, and pays for them anew. What a thread is at work
        on is not handed over, and not waited for.
        """
        return self._kept.release()

    def choose(
        self,
        policy: Policy | None,
        tag_filter: Filter | None = None,
        *,
        excluded: Mapping[str, Reason] = NOTHING,
        built: Mapping[str, int | None] | None = None,
    ) -> Choice:
        """Choose as `choose` does for a single policy; results of earlier choices are reused.

        excluded: tags that count as absent, and why; built: build dates by tag, for policies that rank by them.
        """
        rank = _ranker(policy, RankingContext(tag_filter, self.first_seen, built or {}))
        if not self.tags:
            raise NoTags(self._excluded_count)
        extractor = _extractor(tag_filter)
        with translate_costs(), self._use(extractor) as kept:
            everything = self._shortlist(kept, extractor)
            left_out = {tag: reason for tag, reason in excluded.items() if tag in self and everything.has(tag)}
            candidates = self._shortlist(kept, extractor, frozenset(left_out)) if left_out else everything
            ranking = rank(candidates) if candidates.tags else None
            tally = build_tally(ranking, candidates, excluded_count=self._excluded_count)
            best = ranking.best if ranking else None
            chosen = None if best is None else candidates.tags[best]
            if left_out:
                leading = rank(everything) if everything.tags else None
                tally = add_excluded(tally, left_out, leading=leading, everything=everything, chosen=chosen)
        if ranking is None:
            raise NoCandidates(tally)
        if best is not None and chosen is not None:
            return Choice(chosen, best, tally)
        raise ranking.failure(tally)

    def matching(self, *patterns: str) -> list[str]:
        """Return the tags in which a pattern is found. Raises InvalidPolicy. Kept like a filter's results."""
        extractor = _any_of(patterns)
        with translate_costs(), self._use(extractor) as kept:
            return list(self._shortlist(kept, extractor).tags)

    def is_candidate(self, tag: str, tag_filter: Filter | None) -> bool:
        """Return True for a stored tag that the filter lets through. Raises InvalidPolicy."""
        extractor = _extractor(tag_filter)
        return tag in self and (extractor is None or extractor.value(tag) is not None)

    @contextmanager
    def _use(self, extractor: Extractor | AnyOf | None) -> Iterator[_Kept]:
        """Lend what is kept for a filter, of which nobody else takes anything meanwhile."""
        with self._kept.use(_cache_key(extractor), waits=self._waits) as is_held:
            yield self._kept if is_held else _Kept(len(self.tags), {})

    def _shortlist(
        self, kept: _Kept, extractor: Extractor | AnyOf | None, excluded: frozenset[str] = frozenset()
    ) -> Candidates:
        value = identity if extractor is None else extractor.value
        key = _CandidatesKey(_cache_key(extractor), excluded)
        candidates = kept.find(key)
        if candidates is None:
            candidates = (
                self._shortlist(kept, extractor).without(excluded, value)
                if excluded
                else self._build_candidates(kept.take_before(key.cache_key), value)
            )
            kept.keep(key, candidates)
        return candidates

    def _build_candidates(self, earlier: Candidates | None, value: ValueFunction) -> Candidates:
        if earlier is None:
            return Candidates(self.tags, value)
        earlier.change(self._removed, self._added, value)
        return earlier


def choose(tags: Iterable[str], policy: Policy | None, tag_filter: Filter | None = None) -> Choice:
    """Return the tag that `policy` ranks first among those that the filter lets through.

    tags: all stored tags, in any order. policy: None where the spec sets none, which is invalid.
    Raises InvalidPolicy, NoTags or a SelectionFailed; the policy is checked first, then that there are tags, then the
    filter.
    Cost: half a second of CPU for 100,000 tags; where several policies look at the same tags, keep a TagIndex.
    """
    return TagIndex(tags).choose(policy, tag_filter)


def validate(policy: Policy | None, tag_filter: Filter | None = None) -> None:
    """Raise InvalidPolicy when the policy or the filter cannot be used. Needs no tags."""
    _ranker(policy, RankingContext(tag_filter))
    _extractor(tag_filter)


def _ranker(policy: Policy | None, context: RankingContext) -> Ranker:
    if policy is None:
        raise InvalidPolicy("invalid policy: given ImagePolicyChoice object is invalid")
    try:
        return policy.build_ranker(context)
    except BadPolicy as error:
        raise InvalidPolicy(f"invalid policy: {error}") from None
    except BadFilter as error:
        raise InvalidPolicy(f"failed to filter tags: {error}") from None


@contextmanager
def translate_costs() -> Iterator[None]:
    """Raise InvalidPolicy for a pattern that takes too long."""
    try:
        yield
    except regexp.TooCostly as error:
        raise InvalidPolicy(f"failed to filter tags: {error}") from None


@lru_cache(maxsize=MAX_CACHED_FILTERS)
def _extractor(tag_filter: Filter | None) -> Extractor | None:
    try:
        return None if tag_filter is None else compile_filter(tag_filter)
    except BadFilter as error:
        raise InvalidPolicy(f"failed to filter tags: {error}") from None


@lru_cache(maxsize=MAX_CACHED_FILTERS)
def _any_of(patterns: tuple[str, ...]) -> AnyOf:
    try:
        return compile_any(patterns)
    except BadFilter as error:
        raise InvalidPolicy(f"failed to filter tags: {error}") from None


def _cache_key(extractor: Extractor | AnyOf | None) -> Hashable:
    return None if extractor is None else extractor.cache_key
