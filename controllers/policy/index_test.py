"""The index: many policies over one list, and what it takes over from the list before."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controllers.policy import Alphabetical, Choice, Filter, Numerical, Policy, Semver, TagIndex, choose
from controllers.policy import index as index_module
from controllers.policy.errors import PolicyError
from controllers.policy.extract import Extractor

TAGS = st.lists(st.from_regex(r"(app|web)-[0-2]\.[0-2]\.[0-2](-rc)?", fullmatch=True), max_size=10)
POLICIES: list[Policy] = [Semver("*"), Semver(">=1-0 || 0.1.x"), Alphabetical(), Alphabetical("desc"), Numerical()]
FILTERS = [None, Filter("^app-(.*)$", "$1"), Filter("^web-(?P<v>.*)$", "$v"), Filter("0$"), Filter(r"(\d)$", "$1")]


def outcome(index: TagIndex, policy: Policy, tag_filter: Filter | None) -> Choice | str:
    try:
        return index.choose(policy, tag_filter)
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


@pytest.fixture
def searched(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Tags that a pattern was run on, in this order."""
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
    monkeypatch.setattr(index_module, "MAX_KEPT_VALUES", 4)
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


def test_several_threads_agree(searched: list[str]) -> None:
    index = TagIndex([f"1.0.{number}" for number in range(300)])
    with ThreadPoolExecutor(4) as pool:
        chosen = list(pool.map(lambda number: index.choose(Semver(f"<1.0.{number}"), Filter("^1")).tag, range(1, 41)))
    assert chosen == [f"1.0.{number}" for number in range(40)]
    assert len(searched) == 300
