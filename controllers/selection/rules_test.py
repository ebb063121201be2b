"""Whose tags a policy chooses from, and the rules that its spec means."""

from datetime import timedelta
from typing import Any

import pytest

from api.imagepolicy import DenyRule, ImagePolicyChoice, NewestPolicy, SemverPolicy, SortKey, TagFilter
from controllers.policy import Filter, Keys, KeySpec, Newest, NewestBy, Rules, Semver
from controllers.runtime.key import Key
from controllers.selection.rules import repository_key, to_rules
from testing.builders import image_policy

SEMVER = SemverPolicy(range="*")


@pytest.mark.parametrize(
    ("choice", "tag_filter", "rules"),
    [
        pytest.param({"semver": SEMVER}, None, Rules(Semver("*")), id="nothing-set"),
        pytest.param(
            {"semver": SEMVER, "deny": (DenyRule(tag="1"), DenyRule(pattern="x"))},
            None,
            Rules(Semver("*"), denied_tags=frozenset({"1"}), denied_patterns=("x",)),
            id="deny",
        ),
        pytest.param(
            {"newest": NewestPolicy(by="BuildDate"), "platforms": ("linux/arm64",), "min_age": "1h30m"},
            None,
            Rules(Newest(NewestBy.BUILD_DATE), platforms=("linux/arm64",), min_age=timedelta(minutes=90)),
            id="newest",
        ),
        pytest.param(
            {"keys": (SortKey(extract="$1", type="semver", order="desc"),), "allow_downgrade": False},
            TagFilter(pattern="(.)"),
            Rules(Keys((KeySpec("$1", "semver", "desc"),)), Filter("(.)"), allow_downgrade=False),
            id="keys",
        ),
        pytest.param({"semver": SEMVER, "allow_downgrade": True}, None, Rules(Semver("*")), id="downgrade-allowed"),
    ],
)
def test_rules_of_a_spec(choice: dict[str, Any], tag_filter: TagFilter | None, rules: Rules) -> None:
    assert to_rules(image_policy(policy=ImagePolicyChoice(**choice), filter_tags=tag_filter).spec) == rules


@pytest.mark.parametrize(
    ("namespace", "want"),
    [
        pytest.param("", Key("apps", "app"), id="own-namespace"),
        pytest.param("images", Key("images", "app"), id="another"),
    ],
)
def test_repository_key(namespace: str, want: Key) -> None:
    assert repository_key(image_policy(repository_namespace=namespace)) == want
