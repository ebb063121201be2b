"""Which changes of policies and sources are worth a run."""

from typing import Any

import pytest
from msgspec.structs import replace

from api.core import Namespace
from api.gitrepository import GitRepository
from api.imagepolicy import ImagePolicy, ImageRef, SelectionStatus
from api.imageupdateautomation import Finding
from api.meta import Condition, LabelSelector, LabelSelectorRequirement
from controllers.imageupdateautomation.predicates import (
    is_concerned,
    labels_changed,
    policy_change_delay,
    policy_changed,
    reach_changed,
    source_changed,
)
from testing.builders import access_from, automation, git_repository, image_policy, namespace_with
from testing.clock import START

WEB = image_policy("web", latest=ImageRef(name="x/web", tag="1"))
FAILED = Condition(type="Ready", status="False", reason="R", message="m", last_transition_time=START)


def with_status(**status: Any) -> ImagePolicy:
    return replace(WEB, status=replace(WEB.status, **status))


@pytest.mark.parametrize(
    ("old", "new", "want"),
    [
        pytest.param(None, WEB, True, id="appeared"),
        pytest.param(WEB, None, True, id="went"),
        pytest.param(WEB, with_status(latest_ref=ImageRef(name="x/web", tag="2")), True, id="image"),
        pytest.param(WEB, with_status(conditions=(FAILED,)), True, id="paused"),
        pytest.param(WEB, replace(WEB, metadata=replace(WEB.metadata, labels={"a": "b"})), True, id="labels"),
        pytest.param(WEB, with_status(selection=SelectionStatus(tag="1")), False, id="other-status"),
        pytest.param(WEB, replace(WEB, metadata=replace(WEB.metadata, resource_version="2")), False, id="version"),
    ],
)
def test_policy(old: ImagePolicy | None, new: ImagePolicy | None, want: bool) -> None:
    assert policy_changed(old, new) is want


def at_generation(generation: int, *, ready: int, latest: str = "1", **spec: Any) -> ImagePolicy:
    condition = replace(FAILED, status="True", observed_generation=ready)
    policy = with_status(conditions=(condition,), latest_ref=ImageRef(name="x/web", tag=latest))
    meta = replace(WEB.metadata, generation=generation)
    return replace(policy, metadata=meta, spec=replace(WEB.spec, **spec))


def failing_at(ready: int, *, generation: int = 0) -> ImagePolicy:
    policy = at_generation(generation or ready, ready=ready)
    return replace(policy, status=replace(policy.status, conditions=(replace(FAILED, observed_generation=ready),)))


@pytest.mark.parametrize(
    ("old", "new", "want"),
    [
        pytest.param(at_generation(1, ready=1), at_generation(2, ready=1), False, id="edited"),
        pytest.param(at_generation(2, ready=1), at_generation(3, ready=1), False, id="edited-again"),
        pytest.param(at_generation(2, ready=1), at_generation(2, ready=2), True, id="chosen-by-the-new-spec"),
        pytest.param(at_generation(2, ready=1), failing_at(2), True, id="failed-by-the-new-spec"),
        pytest.param(failing_at(1), failing_at(1, generation=2), False, id="failing-one-edited"),
        pytest.param(at_generation(1, ready=1), at_generation(2, ready=1, suspend=True), True, id="suspended"),
        pytest.param(
            at_generation(2, ready=1, suspend=True),
            at_generation(3, ready=1, suspend=True),
            False,
            id="edited-while-suspended",
        ),
        pytest.param(at_generation(2, ready=1, suspend=True), at_generation(3, ready=1), True, id="resumed"),
        pytest.param(at_generation(1, ready=1), at_generation(2, ready=1, latest="2"), True, id="image-besides"),
    ],
)
def test_a_new_spec_of_a_policy_is_worth_a_run_once_it_has_chosen(
    old: ImagePolicy, new: ImagePolicy, want: bool
) -> None:
    assert policy_changed(old, new) is want


OPEN = replace(WEB, spec=replace(WEB.spec, access_from=access_from(team="fleet")))


@pytest.mark.parametrize(
    ("old", "new", "want"),
    [
        pytest.param(None, OPEN, True, id="appeared"),
        pytest.param(OPEN, None, True, id="went"),
        pytest.param(WEB, OPEN, True, id="opened"),
        pytest.param(OPEN, WEB, True, id="closed"),
        pytest.param(OPEN, replace(OPEN, status=replace(OPEN.status, latest_ref=None)), True, id="image"),
        pytest.param(OPEN, replace(OPEN, metadata=replace(OPEN.metadata, resource_version="2")), False, id="version"),
        pytest.param(WEB, with_status(latest_ref=ImageRef(name="x/web", tag="2")), False, id="never-open"),
    ],
)
def test_policy_of_another_namespace(old: ImagePolicy | None, new: ImagePolicy | None, want: bool) -> None:
    assert reach_changed(old, new) is want


HERE = namespace_with("apps", team="fleet")


@pytest.mark.parametrize(
    ("old", "new", "want"),
    [
        pytest.param(None, HERE, True, id="appeared"),
        pytest.param(HERE, None, False, id="went"),
        pytest.param(HERE, namespace_with("apps", team="web"), True, id="labels"),
        pytest.param(HERE, namespace_with("apps", team="fleet"), False, id="other"),
    ],
)
def test_namespace(old: Namespace | None, new: Namespace | None, want: bool) -> None:
    assert labels_changed(old, new) is want


FLEET = git_repository()


@pytest.mark.parametrize(
    ("old", "new", "want"),
    [
        pytest.param(None, FLEET, True, id="appeared"),
        pytest.param(FLEET, None, True, id="went"),
        pytest.param(FLEET, replace(FLEET, metadata=replace(FLEET.metadata, generation=2)), True, id="spec"),
        pytest.param(FLEET, replace(FLEET, metadata=replace(FLEET.metadata, resource_version="2")), False, id="status"),
    ],
)
def test_source(old: GitRepository | None, new: GitRepository | None, want: bool) -> None:
    assert source_changed(old, new) is want


@pytest.mark.parametrize(
    ("text", "seconds"), [("", 0), ("90s", 90), ("1m30s", 90), pytest.param("soon", 0, id="no-duration")]
)
def test_a_change_of_a_policy_waits_as_long_as_the_automation_says(text: str, seconds: int) -> None:
    assert policy_change_delay(automation(policy_change_delay=text)).total_seconds() == seconds


LABELLED = replace(WEB, metadata=replace(WEB.metadata, labels={"app": "web"}))
SELECTS, LEAVES_OUT = LabelSelector(match_labels={"app": "web"}), LabelSelector(match_labels={"app": "api"})
WRONG = LabelSelector(match_expressions=(LabelSelectorRequirement(key="a", operator="Like"),))


@pytest.mark.parametrize("delay", ["", "1m"])
@pytest.mark.parametrize(
    ("selector", "want"),
    [
        pytest.param(SELECTS, True, id="selected"),
        pytest.param(LEAVES_OUT, False, id="left-out"),
        pytest.param(None, True, id="all"),
        pytest.param(WRONG, True, id="wrong"),
    ],
)
def test_a_policy_that_is_left_out_does_not_start_a_run(delay: str, selector: LabelSelector | None, want: bool) -> None:
    concerned = automation(policy_change_delay=delay, policy_selector=selector)
    assert is_concerned(concerned, LABELLED, is_running=False) is want


FINDING = Finding(reason="UnknownPolicy", message="m")
CHOSEN = ImageRef(name="x/web", tag="1")


@pytest.mark.parametrize(
    ("status", "is_running"),
    [
        pytest.param({"findings": (FINDING,)}, False, id="a-marker-may-name-it"),
        pytest.param({"observed_policies": {"web": CHOSEN}}, False, id="it-was-selected"),
        pytest.param({}, True, id="what-the-run-finds-is-not-known-yet"),
    ],
)
@pytest.mark.parametrize(("delay", "want"), [("", True), ("1m", False)])
def test_a_policy_that_is_left_out_may_matter_all_the_same(
    status: dict[str, Any], is_running: bool, delay: str, want: bool
) -> None:
    before = automation(policy_change_delay=delay, policy_selector=LEAVES_OUT)
    concerned = replace(before, status=replace(before.status, **status))
    assert is_concerned(concerned, LABELLED, is_running=is_running) is want


def test_a_policy_of_another_namespace_that_was_selected_matters() -> None:
    before = automation(policy_selector=LEAVES_OUT)
    elsewhere = replace(LABELLED, metadata=replace(LABELLED.metadata, namespace="shared"))
    for name, want in (("shared/web", True), ("web", False)):
        concerned = replace(before, status=replace(before.status, observed_policies={name: CHOSEN}))
        assert is_concerned(concerned, elsewhere, is_running=False) is want
