"""Label selectors, and the images of the policies they choose."""

import pytest
from msgspec.structs import replace

from api.imagepolicy import ImageRef
from api.meta import Condition, LabelSelector, LabelSelectorRequirement
from controllers.imageupdateautomation.selection import (
    BadSelector,
    Pause,
    SelectedPolicies,
    matches_selector,
    select_policies,
)
from testing.builders import automation, image_policy
from testing.clock import START

LABELS = {"app": "web", "stage": "dev"}
EMPTY_SET = "values: Invalid value: []: for 'in', 'notin' operators, values set can't be empty (app)"
NEEDLESS_SET = "values: Invalid value: ['web']: values set must be empty for exists and does not exist"


def need(key: str, operator: str, *values: str) -> LabelSelectorRequirement:
    return LabelSelectorRequirement(key=key, operator=operator, values=values)


@pytest.mark.parametrize(
    ("requirement", "want"),
    [
        pytest.param(need("app", "In", "api", "web"), True, id="in"),
        pytest.param(need("app", "In", "api"), False, id="in-other-value"),
        pytest.param(need("team", "In", "a"), False, id="in-missing"),
        pytest.param(need("team", "In", ""), False, id="in-missing-is-not-empty"),
        pytest.param(need("app", "NotIn", "api"), True, id="notin"),
        pytest.param(need("app", "NotIn", "api", "web"), False, id="notin-value-listed"),
        pytest.param(need("team", "NotIn", "a"), True, id="notin-missing"),
        pytest.param(need("app", "Exists"), True, id="exists"),
        pytest.param(need("team", "Exists"), False, id="exists-missing"),
        pytest.param(need("app", "DoesNotExist"), False, id="does-not-exist-but-does"),
        pytest.param(need("team", "DoesNotExist"), True, id="does-not-exist"),
    ],
)
def test_operator(requirement: LabelSelectorRequirement, want: bool) -> None:
    assert matches_selector(LabelSelector(match_expressions=(requirement,)), LABELS) is want


@pytest.mark.parametrize(
    ("labels", "expressions", "want"),
    [
        pytest.param({}, (), True, id="empty-selector-chooses-all"),
        pytest.param({"app": "web"}, (), True, id="label"),
        pytest.param({"app": "web", "stage": "prod"}, (), False, id="all-labels-must-match"),
        pytest.param({"team": ""}, (), False, id="missing-label-is-not-an-empty-one"),
        pytest.param({"app": "web"}, (need("stage", "In", "prod"),), False, id="labels-and-expressions"),
        pytest.param({"app": "api"}, (need("stage", "In", "dev"),), False, id="expressions-and-labels"),
        pytest.param({}, (need("app", "Exists"), need("team", "Exists")), False, id="all-expressions-must-hold"),
    ],
)
def test_requirements_are_all_needed(
    labels: dict[str, str], expressions: tuple[LabelSelectorRequirement, ...], want: bool
) -> None:
    assert matches_selector(LabelSelector(match_labels=labels, match_expressions=expressions), LABELS) is want


@pytest.mark.parametrize(
    ("requirement", "text"),
    [
        pytest.param(need("app", "In"), EMPTY_SET, id="in-of-nothing"),
        pytest.param(need("app", "NotIn"), EMPTY_SET, id="notin-of-nothing"),
        pytest.param(need("app", "Exists", "web"), NEEDLESS_SET, id="exists-with-values"),
        pytest.param(need("app", "DoesNotExist", "web"), NEEDLESS_SET, id="does-not-exist-with-values"),
        pytest.param(need("app", "Like", "w*"), '"Like" is not a valid label selector operator', id="unknown"),
        pytest.param(need("app", "in", "web"), '"in" is not a valid label selector operator', id="letter-case"),
        pytest.param(need("app", ""), '"" is not a valid label selector operator', id="no-operator"),
    ],
)
def test_bad_selector(requirement: LabelSelectorRequirement, text: str) -> None:
    decided_before = (need("team", "Exists"), requirement)
    with pytest.raises(BadSelector) as error:
        matches_selector(LabelSelector(match_labels={"app": "other"}, match_expressions=decided_before), LABELS)
    assert str(error.value) == text


V1, V2 = ImageRef(name="x/web", tag="1.0.0"), ImageRef(name="x/api", tag="2.0.0", digest="sha256:abc")
POLICIES = (
    image_policy("web", labels={"app": "web"}, latest=V1),
    image_policy("api", labels={"app": "api"}, latest=V2),
    image_policy("new", labels={"app": "web"}),
)


@pytest.mark.parametrize(
    ("selector", "want"),
    [
        pytest.param(None, {"web": V1, "api": V2}, id="unset-chooses-all-that-have-an-image"),
        pytest.param(LabelSelector(), {"web": V1, "api": V2}, id="empty-chooses-all"),
        pytest.param(LabelSelector(match_labels={"app": "web"}), {"web": V1}, id="some"),
        pytest.param(LabelSelector(match_labels={"app": "db"}), {}, id="none"),
    ],
)
def test_images_of_selected_policies(selector: LabelSelector | None, want: dict[str, ImageRef]) -> None:
    assert select_policies(automation(policy_selector=selector), POLICIES) == SelectedPolicies(want, {}, want)


def conditions(**statuses: str) -> tuple[Condition, ...]:
    return tuple(
        Condition(type=name, status=status, reason="R", message="m", last_transition_time=START)
        for name, status in statuses.items()
    )


@pytest.mark.parametrize(
    ("suspend", "told", "rest"),
    [
        pytest.param(False, {}, None, id="no-condition"),
        pytest.param(False, {"Ready": "True"}, None, id="ready"),
        pytest.param(False, {"Ready": "True", "Reconciling": "True"}, None, id="being-reconciled"),
        pytest.param(False, {"Ready": "Unknown"}, None, id="unknown"),
        pytest.param(False, {"Ready": "False", "Reconciling": "True"}, Pause.NOT_READY, id="retrying"),
        pytest.param(False, {"Ready": "False", "Stalled": "True"}, Pause.NOT_READY, id="stalled"),
        pytest.param(True, {"Ready": "True"}, Pause.SUSPENDED, id="suspended"),
        pytest.param(True, {"Ready": "False"}, Pause.SUSPENDED, id="suspended-and-not-ready"),
    ],
)
def test_policies_that_rest_are_not_used(suspend: bool, told: dict[str, str], rest: Pause | None) -> None:
    policy = image_policy("web", latest=V1, suspend=suspend)
    policy = replace(policy, status=replace(policy.status, conditions=conditions(**told)))
    found = select_policies(automation(), [policy, POLICIES[1]])
    assert found.images == {"api": V2} | ({} if rest else {"web": V1})
    assert found.paused == ({"web": rest} if rest else {})
    assert found.last == {"web": V1, "api": V2}


def test_resting_policies_of_others_are_not_told() -> None:
    selector = LabelSelector(match_labels={"app": "api"})
    others = image_policy("web", labels={"app": "web"}, latest=V1, suspend=True)
    assert select_policies(automation(policy_selector=selector), [others]) == SelectedPolicies({}, {}, {})


def test_bad_selector_is_told_also_without_policies() -> None:
    bad = LabelSelector(match_expressions=(need("app", "Like"),))
    with pytest.raises(BadSelector):
        select_policies(automation(policy_selector=bad), POLICIES)
    with pytest.raises(BadSelector):
        select_policies(automation(policy_selector=bad), [])
