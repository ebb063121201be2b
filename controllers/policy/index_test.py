"""The index: many policies over one list, and what it takes over from the list before."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controllers.policy import (
    Alphabetical,
    Choice,
    Filter,
    Keys,
    KeySpec,
    Newest,
    Numerical,
    Policy,
    Reason,
    Semver,
    TagIndex,
    choose,
)
from controllers.policy import index as index_module
from controllers.policy import semver as semver_policy
from controllers.policy.errors import PolicyError
from controllers.policy.reasons import DENIED, UNMATCHED
from controllers.policy.tag_filter import Extractor
from testing.costs import costs_less_than
from testing.process import TEST_TIMEOUT_SECONDS

TAGS = st.lists(st.from_regex(r"(app|web)-[0-2]\.[0-2]\.[0-2](-rc)?", fullmatch=True), max_size=10)
POLICIES: list[Policy] = [Semver("*"), Semver(">=1-0 || 0.1.x"), Alphabetical(), Alphabetical("desc"), Numerical()]
FILTERS = [None, Filter("^app-(.*)$", "$1"), Filter("^web-(?P<v>.*)$", "$v"), Filter("0$"), Filter(r"(\d)$", "$1")]


KEYED = Filter("^([a-z]+)-(.*)$")
KEYS = Keys((KeySpec("$1", order="desc"), KeySpec("$2", "semver")))


def outcome(
    index: TagIndex, policy: Policy, tag_filter: Filter | None, excluded: Mapping[str, Reason] | None = None
) -> Choice | str:
    try:
        return index.choose(policy, tag_filter, excluded=excluded or {})
    except PolicyError as error:
        return str(error)


def alone(tags: list[str], policy: Policy, tag_filter: Filter | None) -> Choice | str:
    try:
        return choose(tags, policy, tag_filter)
    except PolicyError as error:
        return str(error)


@given(TAGS, TAGS)
def test_shared_work_changes_no_choice(tags: list[str], later: list[str]) -> None:
    first = TagIndex(tags)
    for policy in POLICIES:
        for tag_filter in FILTERS:
            assert outcome(first, policy, tag_filter) == alone(tags, policy, tag_filter)
    second = TagIndex(later, first)
    for policy in POLICIES:
        for tag_filter in FILTERS:
            assert outcome(second, policy, tag_filter) == alone(later, policy, tag_filter)


@contextmanager
def counted(module: ModuleType, name: str) -> Iterator[list[str]]:
    """Record the first arguments of the calls of a module's function."""
    seen: list[str] = []
    function = getattr(module, name)

    def watched(argument: str) -> object:
        seen.append(argument)
        return function(argument)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, name, watched)
        yield seen


@pytest.fixture
def searched(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Record the tags that a pattern was run on, in this order."""
    seen: list[str] = []
    value = Extractor.value

    def watched(self: Extractor, tag: str) -> str | None:
        seen.append(tag)
        return value(self, tag)

    monkeypatch.setattr(Extractor, "value", watched)
    return seen


def test_a_filter_runs_once_whatever_its_groups_are_called(searched: list[str]) -> None:
    index = TagIndex(["1.0", "1.1"])
    for name in "abc":
        assert index.choose(Numerical(), Filter(rf"\.(?P<{name}>\d)", f"${name}")).tag == "1.1"
    assert searched == ["1.1", "1.0"]


def test_only_tags_that_came_or_went_are_searched_after_a_scan(searched: list[str]) -> None:
    tag_filter = Filter(r"\.(\d)", "$1")
    first = TagIndex(["1.0", "1.1", "1.2"])
    first.choose(Numerical(), tag_filter)
    searched.clear()
    assert TagIndex(["1.0", "1.1", "1.3"], first).choose(Numerical(), tag_filter).tag == "1.3"
    assert searched == ["1.2", "1.3"]


def test_what_is_kept_is_bounded(searched: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index_module, "MAX_CACHED_VALUES", 4)
    index = TagIndex(["1.0", "1.1"])
    filters = [Filter(rf"\.(\d){{{count}}}") for count in (1, 1, 0, 1)]
    for tag_filter in filters:
        index.choose(Alphabetical(), tag_filter)
    assert len(searched) == 4
    index.choose(Alphabetical())
    index.choose(Alphabetical(), filters[0])
    assert len(searched) == 4
    index.choose(Alphabetical(), filters[2])
    assert len(searched) == 6


def test_rules_do_not_push_out_what_filters_cost(searched: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index_module, "MAX_CACHED_VALUES", 9)
    index = TagIndex(["1.0", "1.1", "1.2"])
    index.choose(Alphabetical(), FILTERS[3])
    searched.clear()
    for tag in ("1.0", "1.1", "1.2"):
        index.choose(Alphabetical(), excluded={tag: DENIED})
    index.choose(Alphabetical(), FILTERS[3])
    assert searched == []


def test_several_threads_agree(searched: list[str]) -> None:
    index = TagIndex([f"1.0.{number}" for number in range(300)])
    with ThreadPoolExecutor(4) as pool:
        chosen = list(pool.map(lambda number: index.choose(Semver(f"<1.0.{number}"), Filter("^1")).tag, range(1, 41)))
    assert chosen == [f"1.0.{number}" for number in range(40)]
    assert len(searched) == 300


@contextmanager
def thread_at_work(index: TagIndex, tag_filter: Filter) -> Iterator[None]:
    """Hold a thread within a pass over the tags; fails when that was waited for."""
    reached, may_go_on = Event(), Event()
    value = Extractor.value

    def held(self: Extractor, tag: str) -> str | None:
        if not reached.is_set():
            reached.set()
            assert may_go_on.wait(TEST_TIMEOUT_SECONDS), "somebody waited for the thread"
        return value(self, tag)

    with pytest.MonkeyPatch.context() as patch, ThreadPoolExecutor(1) as pool:
        patch.setattr(Extractor, "value", held)
        chosen = pool.submit(index.choose, Alphabetical(), tag_filter)
        assert reached.wait(TEST_TIMEOUT_SECONDS)
        try:
            yield
        finally:
            may_go_on.set()
        assert chosen.result().tag == "1.1"


@pytest.mark.parametrize(
    "ask",
    [
        pytest.param(lambda index: index.choose(Alphabetical(), Filter("^0")).tag, id="another-filter"),
        pytest.param(lambda index: index.matching("^0")[0], id="matching"),
        pytest.param(lambda index: index.choose(Alphabetical("desc"), excluded={"0.0": DENIED}).tag, id="no-filter"),
        pytest.param(
            lambda index: index.without_waiting().choose(Alphabetical("desc"), Filter("[01]$")).tag, id="its-filter"
        ),
        pytest.param(
            lambda index: TagIndex(["0.1", "0.2"], index).choose(Alphabetical("desc"), Filter("[01]$")).tag,
            id="next-index",
        ),
    ],
)
def test_nobody_waits_for_a_thread_whose_pattern_costs(ask: Callable[[TagIndex], str]) -> None:
    index = TagIndex(["0.1", "1.1"])
    index.choose(Alphabetical())
    with thread_at_work(index, Filter("[01]$")):
        assert ask(index) == "0.1"


def test_what_is_in_use_is_not_handed_over_and_the_rest_is(searched: list[str]) -> None:
    index = TagIndex(["0.1", "1.1"])
    index.choose(Alphabetical(), Filter("^."))
    with thread_at_work(index, Filter("[01]$")):
        searched.clear()
        following = TagIndex(["0.1", "1.1", "1.2"], index)
        assert following.choose(Alphabetical(), Filter("^.")).tag == "1.2"
        assert searched == ["1.2"]
    assert following.choose(Alphabetical(), Filter("[01]$")).tag == "1.1"
    assert index.choose(Alphabetical(), Filter("[01]$")).tag == "1.1"


def test_an_index_remembers_nobody_who_has_gone() -> None:
    index = TagIndex(["0.1", "1.1"])
    with thread_at_work(index, Filter("[01]$")):
        index.without_waiting().choose(Alphabetical(), Filter("[01]$"))
    with pytest.raises(PolicyError):
        index.choose(Alphabetical(), Filter("2$"))
    assert index._kept._in_use == {}


def test_an_index_that_does_not_wait_shares_what_it_computes(searched: list[str]) -> None:
    index = TagIndex(["0.1", "1.1"])
    index.without_waiting().choose(Alphabetical(), Filter("[01]$"))
    searched.clear()
    index.choose(Alphabetical(), Filter("[01]$"))
    index.without_waiting().choose(Alphabetical(), Filter("[01]$"))
    assert searched == []


def test_what_is_sorted_for_the_event_loop_is_sorted_once() -> None:
    index = TagIndex(["0.1", "1.1"], first_seen={"0.1": 1, "1.1": 2})
    newest = index.without_waiting().newest_first
    assert newest == ((2, "1.1"), (1, "0.1"))
    assert index.without_waiting().newest_first is newest


def test_tags_that_a_rule_leaves_out_are_searched_once_for_all_choices(searched: list[str]) -> None:
    index, tag_filter = TagIndex(["1.0", "1.1", "2.0", "2.1"]), Filter(r"^1\.(\d)", "$1")
    excluded = dict.fromkeys(("1.1", "2.1", "3.0"), DENIED)
    choices = [index.choose(Numerical(), tag_filter, excluded=excluded) for _ in range(3)]
    assert searched == ["2.1", "2.0", "1.1", "1.0", "1.1"], "those that pass the filter once more"
    assert choices[0].tag == "1.0"
    assert choices[0].tally.counts == {DENIED: 1, UNMATCHED: 2}
    assert choices == choices[:1] * 3


def test_nobody_waits_for_the_ages_of_another_index(monkeypatch: pytest.MonkeyPatch) -> None:
    long, short = (TagIndex(tags, first_seen=dict.fromkeys(tags, 1)) for tags in (["0.1", "1.1"], ["0.1"]))
    reached, may_go_on = Event(), Event()

    def held(ages: Iterable[tuple[int, str]], *, reverse: bool) -> list[tuple[int, str]]:
        found = sorted(ages, reverse=reverse)
        if len(found) == 2:
            reached.set()
            assert may_go_on.wait(TEST_TIMEOUT_SECONDS), "somebody waited for the thread"
        return found

    monkeypatch.setattr(index_module, "sorted", held, raising=False)
    with ThreadPoolExecutor(1) as pool:
        sorting = pool.submit(lambda: long.newest_first)
        assert reached.wait(TEST_TIMEOUT_SECONDS)
        try:
            assert short.newest_first == ((1, "0.1"),)
        finally:
            may_go_on.set()
        assert sorting.result() == ((1, "1.1"), (1, "0.1"))


def test_a_short_list_after_a_long_one_is_searched_itself(searched: list[str]) -> None:
    first = TagIndex([f"1.{number}" for number in range(1000)])
    first.choose(Numerical(), FILTERS[4])
    searched.clear()
    assert TagIndex(["1.1", "1.2", "2.3"], first).choose(Numerical(), FILTERS[4]).tag == "2.3"
    assert sorted(searched) == ["1.1", "1.2", "2.3"]


def test_an_index_that_was_followed_still_answers() -> None:
    first = TagIndex(["1.0.0", "1.1.0"])
    first.choose(Semver("*"))
    second = TagIndex(["1.0.0", "1.2.0"], first)
    assert second.choose(Semver("*")).tag == "1.2.0"
    assert first.choose(Semver("*")).tag == "1.1.0"


@given(st.lists(TAGS, min_size=1, max_size=4), st.data())
def test_indexes_in_a_row_choose_as_fresh_ones_do(lists: list[list[str]], data: st.DataObject) -> None:
    """So do those of filters that skip a scan, and of tags that come again with another age."""
    index: TagIndex | None = None
    for tags in lists:
        ages = {tag: data.draw(st.sampled_from([None, 1, 2])) for tag in set(tags)}
        index = TagIndex(tags, index, first_seen=ages)
        for policy in data.draw(st.lists(st.sampled_from([*POLICIES, KEYS, Newest()]), max_size=3)):
            tag_filter = KEYED if policy is KEYS else data.draw(st.sampled_from(FILTERS))
            excluded = dict.fromkeys(data.draw(st.sets(st.sampled_from(tags)) if tags else st.just(set())), DENIED)
            fresh = TagIndex(tags, first_seen=ages)
            assert outcome(index, policy, tag_filter, excluded) == outcome(fresh, policy, tag_filter, excluded)


def test_hundred_thousand_tags_follow_one_new_tag_at_little_cost(searched: list[str]) -> None:
    """Only changes cost: no tag that was there before is searched, parsed or sorted."""
    tags = [f"1.{number // 1000}.{number % 1000}" for number in range(100_000)]
    tag_filter = Filter(r"^1\.(\d+\.\d+)$", "$1")
    policies: list[tuple[Policy, Filter | None]] = [
        (Semver("*"), None),
        (Alphabetical(), None),
        (Alphabetical(), tag_filter),
    ]
    index = TagIndex(tags)
    for policy, given_filter in policies:
        index.choose(policy, given_filter)
    with costs_less_than(0.05):
        for policy, given_filter in policies:
            index.choose(policy, given_filter)
    searched.clear()
    with counted(semver_policy, "tag_key") as parsed:
        index = TagIndex([*tags, "1.100.0"], index)
        chosen = [index.choose(policy, given_filter).tag for policy, given_filter in policies]
    assert chosen == ["1.100.0", "1.99.999", "1.99.999"]
    assert (searched, parsed) == (["1.100.0"], ["1.100.0"])
