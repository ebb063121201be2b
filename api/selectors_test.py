"""Label selectors."""

import pytest

from api.meta import LabelSelector, LabelSelectorRequirement
from api.selectors import BadSelector, matches

LABELS = {"app": "web", "stage": "dev"}
EMPTY_SET = "values: Invalid value: []: for 'in', 'notin' operators, values set can't be empty (app)"
NEEDLESS_SET = 'values: Invalid value: ["web"]: values set must be empty for exists and does not exist'


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
    assert matches(LabelSelector(match_expressions=(requirement,)), LABELS) is want


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
    assert matches(LabelSelector(match_labels=labels, match_expressions=expressions), LABELS) is want


@pytest.mark.parametrize(
    ("requirement", "text"),
    [
        pytest.param(need("app", "In"), EMPTY_SET, id="in-of-nothing"),
        pytest.param(need("app", "NotIn"), EMPTY_SET, id="notin-of-nothing"),
        pytest.param(need("app", "Exists", "web"), NEEDLESS_SET, id="exists-with-values"),
        pytest.param(need("app", "DoesNotExist", "web"), NEEDLESS_SET, id="does-not-exist-with-values"),
        pytest.param(
            need("app", "Exists", "a", 'b"é'),
            NEEDLESS_SET.replace('["web"]', r'["a","b\"é"]'),
            id="exists-with-several",
        ),
        pytest.param(need("app", "Like", "w*"), '"Like" is not a valid label selector operator', id="unknown"),
        pytest.param(need("app", "in", "web"), '"in" is not a valid label selector operator', id="letter-case"),
        pytest.param(need("app", ""), '"" is not a valid label selector operator', id="no-operator"),
    ],
)
def test_bad_selector(requirement: LabelSelectorRequirement, text: str) -> None:
    decided_before = (need("team", "Exists"), requirement)
    with pytest.raises(BadSelector) as error:
        matches(LabelSelector(match_labels={"app": "other"}, match_expressions=decided_before), LABELS)
    assert str(error.value) == text
