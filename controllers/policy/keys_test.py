"""Several sort keys: which of them decides, and the tags that lack one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controllers.policy import Filter, Keys, KeySpec, choose
from controllers.policy.errors import NoMatch
from controllers.policy.keys import NO_SORT_KEY
from controllers.policy.reasons import UNMATCHED

BRANCH_BUILD = Filter(r"^(?P<branch>[a-z]+)-(?P<build>\d+)(?:-v(?P<v>.*))?$")


@pytest.mark.parametrize(
    ("keys", "want"),
    [
        pytest.param([KeySpec("$branch"), KeySpec("$build", "numerical")], "main-10", id="branch-then-build"),
        pytest.param(
            [KeySpec("$branch", order="desc"), KeySpec("$build", "numerical")], "dev-11", id="least-branch-then-build"
        ),
        pytest.param(
            [KeySpec("$branch"), KeySpec("$build", "numerical", "desc")], "main-8-v1.9.0", id="branch-then-least-build"
        ),
        pytest.param([KeySpec("$build", "numerical"), KeySpec("$branch")], "dev-11", id="build-first"),
        pytest.param([KeySpec("$v", "semver")], "dev-7-v1.10.0", id="version"),
        pytest.param([KeySpec("$v", "semver", "desc")], "main-8-v1.9.0", id="least-version"),
        pytest.param([KeySpec("$nothing")], "main-9", id="equal-keys-last-in-byte-order"),
    ],
)
def test_several_sort_keys(keys: list[KeySpec], want: str) -> None:
    tags = ["main-9", "main-10", "dev-11", "main-8-v1.9.0", "dev-7-v1.10.0", "latest"]
    choice = choose(tags, Keys(tuple(keys)), BRANCH_BUILD)
    assert choice.tag == want
    assert choice.tally.counts[UNMATCHED] == 1


def test_a_tag_without_a_key_is_passed_over() -> None:
    policy, tag_filter = Keys((KeySpec("$1", "numerical"),)), Filter("-(.*)$")
    choice = choose(["a-1", "b-x", "c-nan"], policy, tag_filter)
    assert choice.tag == "a-1"
    assert choice.tally.counts == {NO_SORT_KEY: 2}
    with pytest.raises(NoMatch):
        choose(["b-x"], policy, tag_filter)


@given(st.lists(st.from_regex(r"[ab]{0,2}-[0-9]{1,2}", fullmatch=True), min_size=1, unique=True), st.booleans())
def test_sort_keys_rank_as_a_stable_sort_by_each(tags: list[str], falling: bool) -> None:
    keys = (KeySpec("$1", order="desc" if falling else ""), KeySpec("$2", "numerical"))
    chosen = choose(tags, Keys(keys), Filter("^(.*)-(.*)$")).tag
    by_number = sorted(sorted(tags), key=lambda tag: float(tag.split("-")[1]), reverse=True)
    by_number.sort(key=lambda tag: tag, reverse=True)
    by_number.sort(key=lambda tag: float(tag.split("-")[1]), reverse=True)
    by_number.sort(key=lambda tag: tag.split("-")[0], reverse=not falling)
    assert chosen == by_number[0]
