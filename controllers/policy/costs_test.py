"""`controllers.policy`: patterns that take too long for the tags of a repository."""

import pytest

from controllers.golang.regexp import budget
from controllers.policy import Alphabetical, Filter, Keys, KeySpec, Rules, TagIndex, select
from controllers.policy.errors import InvalidPolicy
from testing.clock import START

MANY_GROUPS = "(.?)" * 200
"""Nearly as costly as a pattern may be: 5 ms for a tag of 128 characters."""
TAGS = [f"{number:04}" + "ab01.-" * 20 for number in range(64)]
SEEN = {tag: int(START.timestamp()) for tag in TAGS}


@pytest.mark.parametrize(
    "rules",
    [
        pytest.param(Rules(policy=Alphabetical(), tag_filter=Filter(MANY_GROUPS)), id="filter"),
        pytest.param(Rules(policy=Alphabetical(), tag_filter=Filter(MANY_GROUPS, "$1")), id="extract"),
        pytest.param(Rules(policy=Alphabetical(), denied_patterns=(MANY_GROUPS,)), id="deny"),
        pytest.param(
            Rules(policy=Keys((KeySpec("$1", "alphabetical", "asc"),)), tag_filter=Filter(MANY_GROUPS)), id="keys"
        ),
    ],
)
def test_a_policy_whose_pattern_takes_too_long_is_invalid(monkeypatch: pytest.MonkeyPatch, rules: Rules) -> None:
    monkeypatch.setattr(budget, "MAX_CPU_SECONDS", 0.0)
    with pytest.raises(InvalidPolicy, match=r"failed to filter tags: it took more than 0 s of CPU time"):
        select(TagIndex(TAGS, first_seen=SEEN), rules, now=START)


@pytest.mark.parametrize(
    "rules",
    [
        pytest.param(Rules(policy=Alphabetical(), tag_filter=Filter("(.?)" * 1000)), id="filter"),
        pytest.param(Rules(policy=Alphabetical(), denied_patterns=("(.?)" * 1000,)), id="deny"),
    ],
)
def test_a_message_about_a_long_pattern_has_room_for_what_is_wrong_with_it(rules: Rules) -> None:
    with pytest.raises(InvalidPolicy, match="expression too large") as caught:
        select(TagIndex(TAGS), rules, now=START)
    assert len(str(caught.value)) < 512
