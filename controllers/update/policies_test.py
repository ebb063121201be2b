"""The policies that an automation selects, and their images."""

import pytest
from msgspec.structs import replace

from api.imagepolicy import ImageRef
from api.meta import Condition, LabelSelector, LabelSelectorRequirement
from api.selectors import BadSelector
from controllers.runtime.key import Key
from controllers.update.policies import PauseReason, SelectedPolicies, find_pause, select_policies
from testing.builders import automation, image_policy
from testing.clock import START

V1, V2 = ImageRef(name="x/web", tag="1.0.0"), ImageRef(name="x/api", tag="2.0.0", digest="sha256:abc")
WEB, API = Key("apps", "web"), Key("apps", "api")
POLICIES = (
    image_policy("web", labels={"app": "web"}, latest=V1),
    image_policy("api", labels={"app": "api"}, latest=V2),
    image_policy("new", labels={"app": "web"}),
)


@pytest.mark.parametrize(
    ("selector", "want"),
    [
        pytest.param(None, {WEB: V1, API: V2}, id="unset-chooses-all-that-have-an-image"),
        pytest.param(LabelSelector(), {WEB: V1, API: V2}, id="empty-chooses-all"),
        pytest.param(LabelSelector(match_labels={"app": "web"}), {WEB: V1}, id="some"),
        pytest.param(LabelSelector(match_labels={"app": "db"}), {}, id="none"),
    ],
)
def test_images_of_selected_policies(selector: LabelSelector | None, want: dict[Key, ImageRef]) -> None:
    assert select_policies(automation(policy_selector=selector), POLICIES) == SelectedPolicies(want, {}, want)


def conditions(**statuses: str) -> tuple[Condition, ...]:
    return tuple(
        Condition(type=name, status=status, reason="R", message="m", last_transition_time=START)
        for name, status in statuses.items()
    )


@pytest.mark.parametrize(
    ("suspend", "statuses", "pause"),
    [
        pytest.param(False, {}, None, id="no-condition"),
        pytest.param(False, {"Ready": "True"}, None, id="ready"),
        pytest.param(False, {"Ready": "True", "Reconciling": "True"}, None, id="being-reconciled"),
        pytest.param(False, {"Ready": "Unknown"}, None, id="unknown"),
        pytest.param(False, {"Ready": "False", "Reconciling": "True"}, PauseReason.NOT_READY, id="retrying"),
        pytest.param(False, {"Ready": "False", "Stalled": "True"}, PauseReason.NOT_READY, id="stalled"),
        pytest.param(True, {"Ready": "True"}, PauseReason.SUSPENDED, id="suspended"),
        pytest.param(True, {"Ready": "False"}, PauseReason.SUSPENDED, id="suspended-and-not-ready"),
    ],
)
def test_paused_policies_are_not_used(suspend: bool, statuses: dict[str, str], pause: PauseReason | None) -> None:
    policy = image_policy("web", latest=V1, suspend=suspend)
    policy = replace(policy, status=replace(policy.status, conditions=conditions(**statuses)))
    found = select_policies(automation(), [policy, POLICIES[1]])
    assert found.images == {API: V2} | ({} if pause else {WEB: V1})
    assert found.paused == ({WEB: pause} if pause else {})
    assert found.last_chosen == {WEB: V1, API: V2}


@pytest.mark.parametrize(
    ("generation", "observed", "pause"),
    [
        pytest.param(2, 2, None, id="chosen-by-this-spec"),
        pytest.param(2, 1, PauseReason.NOT_READY, id="chosen-by-the-former-spec"),
        pytest.param(2, 0, None, id="a-status-without-generations"),
    ],
)
def test_what_a_former_spec_chose_is_not_used(generation: int, observed: int, pause: PauseReason | None) -> None:
    (ready,) = conditions(Ready="True")
    policy = image_policy("web", latest=V1)
    policy = replace(
        policy,
        metadata=replace(policy.metadata, generation=generation),
        status=replace(policy.status, conditions=(replace(ready, observed_generation=observed),)),
    )
    assert find_pause(policy) is pause


def test_paused_policies_of_others_are_left_out() -> None:
    selector = LabelSelector(match_labels={"app": "api"})
    others = image_policy("web", labels={"app": "web"}, latest=V1, suspend=True)
    assert select_policies(automation(policy_selector=selector), [others]) == SelectedPolicies({}, {}, {})


def test_bad_selector_is_reported_also_without_policies() -> None:
    bad = LabelSelector(match_expressions=(LabelSelectorRequirement(key="app", operator="Like"),))
    with pytest.raises(BadSelector):
        select_policies(automation(policy_selector=bad), POLICIES)
    with pytest.raises(BadSelector):
        select_policies(automation(policy_selector=bad), [])
