from datetime import UTC, datetime
from typing import Any

import pytest

from hack.cligolden.cases import BadInput, parts_of
from hack.cligolden.kube import Object
from hack.cligolden.reaction import filled, is_due
from hack.cligolden.states import changes, dated, key_of, labels_of

REQUESTED = "reconcile.fluxcd.io/requestedAt"


def stored(name: str, *, generation: int = 1, kind: str = "ImageRepository", **content: Any) -> Object:
    metadata = {
        "name": name, "namespace": "apps", "uid": name, "resourceVersion": "1", "generation": generation,
        "labels": content.pop("labels", {}), "annotations": content.pop("annotations", {}),
    }  # fmt: skip
    return {"kind": kind, "metadata": metadata, "status": {"x": generation}, **content}


def changed(before: list[Object], after: list[Object]) -> dict[str, Any]:
    return changes({key_of(item): item for item in before}, {key_of(item): item for item in after})


def test_a_new_status_is_no_change() -> None:
    assert changed([stored("a", spec={"x": 1})], [stored("a", spec={"x": 1}, generation=2)]) == {}


def test_events_are_no_change() -> None:
    assert changed([], [stored("a", kind="Event")]) == {}


def test_objects_come_and_go() -> None:
    made = stored("b", kind="Secret", type="Opaque", data={"k": "dg=="}, labels={"a": "b"})
    assert changed([stored("a", spec={})], [made]) == {
        "ImageRepository/apps/a": "deleted",
        "Secret/apps/b": {"created": {"type": "Opaque", "data": {"k": "dg=="}, "labels": {"a": "b"}}},
    }


def test_fields_are_told_with_what_they_were() -> None:
    before = stored("a", spec={"image": "x", "ref": {"a": 1}, "suspend": True}, labels={"old": "1"})
    after = stored("a", spec={"image": "y", "ref": {"a": 2}}, labels={"new": "2"}, annotations={REQUESTED: "now"})
    assert changed([before], [after]) == {
        "ImageRepository/apps/a": {
            f"annotations.{REQUESTED}": [None, "now"],
            "labels.new": [None, "2"],
            "labels.old": ["1", None],
            "spec.image": ["x", "y"],
            "spec.ref": [{"a": 1}, {"a": 2}],
            "spec.suspend": [True, None],
        }
    }


def test_events_get_their_times() -> None:
    event = dated({"kind": "Event", "secondsAgo": 90}, datetime(2026, 1, 1, 0, 2, tzinfo=UTC))
    assert event == {"kind": "Event", "firstTimestamp": "2026-01-01T00:00:30Z", "lastTimestamp": "2026-01-01T00:00:30Z"}


@pytest.mark.parametrize("state", ["", "fleets", "fleet+", "none+events", "fleet+event"])
def test_states_that_nobody_knows_are_bad_input(state: str) -> None:
    with pytest.raises(BadInput):
        parts_of(state)


def test_crds_are_labelled_as_the_state_says() -> None:
    assert labels_of(()) == {}
    labelled = labels_of(("labelled-crds",))
    assert labelled["app.kubernetes.io/part-of"] == "flux"
    assert labels_of(("labelled-crds", "bootstrapped")).keys() - labelled.keys() == {
        "kustomize.toolkit.fluxcd.io/name",
        "kustomize.toolkit.fluxcd.io/namespace",
    }
    assert labels_of(("labelled-crds", "helm")) == {**labelled, "app.kubernetes.io/managed-by": "Helm"}


@pytest.mark.parametrize(
    ("when", "before", "now", "due"),
    [
        ("created", None, stored("a"), True),
        ("updated", stored("a"), stored("a"), False),
        ("updated", stored("a"), stored("a", generation=2), True),
        ("resumed", stored("a"), stored("a", generation=2, spec={"suspend": True}), False),
        ("resumed", stored("a"), stored("a", generation=2, spec={}), True),
        ("resumed", stored("a"), stored("a", spec={}), False),
        ("requested", stored("a"), stored("a"), False),
        ("requested", stored("a"), stored("a", annotations={REQUESTED: "1"}), True),
        ("requested", stored("a", annotations={REQUESTED: "1"}), stored("a", annotations={REQUESTED: "1"}), False),
        ("requested", stored("a", annotations={REQUESTED: "1"}), stored("a", annotations={REQUESTED: "2"}), True),
    ],
)
def test_a_controller_reacts_once_it_is_asked(when: str, before: Object | None, now: Object, due: bool) -> None:
    assert is_due(when, before, now) == due


def test_a_reactions_status_speaks_of_the_object() -> None:
    item = stored("a", generation=3, annotations={REQUESTED: "now"})
    status = {"observedGeneration": "<generation>", "conditions": [{"at": "<requestedAt>", "reason": "x"}]}
    assert filled(status, item) == {"observedGeneration": 3, "conditions": [{"at": "now", "reason": "x"}]}
