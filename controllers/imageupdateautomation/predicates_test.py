"""Which changes of policies and sources are worth a run."""

from typing import Any

import pytest
from msgspec.structs import replace

from api.gitrepository import GitRepository
from api.imagepolicy import ImagePolicy, ImageRef, SelectionStatus
from api.meta import Condition
from controllers.imageupdateautomation.predicates import policy_changed, source_changed
from testing.builders import git_repository, image_policy
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
