"""Which changes wake policies: those that can change a choice, and no others."""

import pytest
from msgspec.structs import replace

from api.core import Namespace
from api.imagerepository import ImageRepository
from api.meta import AccessFrom, Condition, NamespaceSelector, ObjectMeta
from api.names import READY
from controllers.imagepolicy.predicates import affects_policies, labels_changed
from testing.builders import image_repository, scanned
from testing.clock import START

BEFORE = image_repository(status=scanned("1"))
UNSCANNED = image_repository()


def with_status(**fields: object) -> ImageRepository:
    return replace(BEFORE, status=replace(BEFORE.status, **fields))


def with_spec(**fields: object) -> ImageRepository:
    return replace(BEFORE, spec=replace(BEFORE.spec, **fields))


READY_NOW = Condition(type=READY, status="True", reason="Succeeded", message="", last_transition_time=START)
LATER = scanned("1", scan_time=START.replace(hour=1)).last_scan_result


@pytest.mark.parametrize(
    ("old", "new", "want"),
    [
        pytest.param(None, BEFORE, True, id="appeared"),
        pytest.param(BEFORE, None, True, id="went"),
        pytest.param(None, None, False, id="never-was"),
        pytest.param(BEFORE, BEFORE, False, id="nothing-changed"),
        pytest.param(UNSCANNED, BEFORE, True, id="first-scan"),
        pytest.param(BEFORE, image_repository(status=scanned("2")), True, id="new-revision"),
        pytest.param(BEFORE, with_status(last_scan_result=LATER), False, id="unchanged-scan"),
        pytest.param(with_status(last_scan_result=LATER), BEFORE, True, id="scan-that-corrects-times"),
        pytest.param(BEFORE, with_status(conditions=(READY_NOW,)), False, id="condition"),
        pytest.param(BEFORE, with_status(canonical_image_name="ghcr.io/org/b"), True, id="scanned-for-another-image"),
        pytest.param(BEFORE, with_spec(image="ghcr.io/org/b"), True, id="image-renamed"),
        pytest.param(BEFORE, with_spec(access_from=AccessFrom()), True, id="access-closed"),
        pytest.param(
            with_spec(access_from=AccessFrom()),
            with_spec(access_from=AccessFrom(namespace_selectors=(NamespaceSelector(),))),
            True,
            id="access-opened",
        ),
        pytest.param(BEFORE, with_spec(interval="1m"), False, id="interval"),
        pytest.param(BEFORE, with_spec(suspend=True), False, id="suspended"),
        pytest.param(
            BEFORE, replace(BEFORE, metadata=replace(BEFORE.metadata, uid="another")), True, id="made-anew-in-between"
        ),
        pytest.param(
            BEFORE, replace(BEFORE, metadata=replace(BEFORE.metadata, labels={"a": "b"})), False, id="its-own-labels"
        ),
    ],
)
def test_change_of_a_repository(old: ImageRepository | None, new: ImageRepository | None, want: bool) -> None:
    assert affects_policies(old, new) is want


def namespace(**labels: str) -> Namespace:
    return Namespace(metadata=ObjectMeta(name="apps", labels=labels))


@pytest.mark.parametrize(
    ("old", "new", "want"),
    [
        pytest.param(namespace(a="b"), namespace(a="c"), True, id="label-changed"),
        pytest.param(namespace(), namespace(a="b"), True, id="label-added"),
        pytest.param(namespace(a="b"), namespace(), True, id="label-removed"),
        pytest.param(namespace(a="b"), namespace(a="b"), False, id="same-labels"),
        pytest.param(None, namespace(a="b"), True, id="seen-later-than-its-policies"),
        pytest.param(namespace(a="b"), None, False, id="gone-and-its-policies-with-it"),
    ],
)
def test_change_of_a_namespace(old: Namespace | None, new: Namespace | None, want: bool) -> None:
    assert labels_changed(old, new) is want
