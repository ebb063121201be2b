"""`testing.invariants`: each rule finds the history that violates it, and nothing in one that does not."""

from dataclasses import replace
from typing import Any

import pytest

from testing.invariants import (
    Allowance,
    Choice,
    Usage,
    Version,
    Write,
    check_choices,
    check_flat,
    check_leaders,
    check_versions,
    check_writes,
    choices_of,
)

EARLY, LATE = "2026-01-01T00:00:00Z", "2026-01-01T01:00:00Z"


def condition(
    type_: str, status: str, *, generation: int = 1, message: str = "fine", at: str = EARLY
) -> dict[str, Any]:
    return {
        "type": type_, "status": status, "reason": "Because", "message": message, "observedGeneration": generation,
        "lastTransitionTime": at,
    }  # fmt: skip


READY = condition("Ready", "True")
UNREADY = [condition("Reconciling", "True"), condition("Ready", "False")]
UNREADY_LATE = [condition("Reconciling", "True", at=LATE), condition("Ready", "False", at=LATE)]


def version(
    number: int,
    *conditions: dict[str, Any],
    generation: int = 1,
    observed: int = 1,
    kind: str = "ImagePolicy",
    uid: str = "u",
    requested_at: str = "",
    is_deleting: bool = False,
    **status: Any,
) -> Version:
    content = {"observedGeneration": observed, "conditions": list(conditions), **status}
    return Version(
        kind, "ns", "app", uid, number, generation, content, requested_at=requested_at, is_deleting=is_deleting,
        at=10.0 * number,
    )  # fmt: skip


def rules(history: list[Version]) -> list[str]:
    return [violation.rule for violation in check_versions(history)]


QUIET: dict[str, list[Version]] = {
    "an-empty-status": [replace(version(1), status={})],
    "somebody-else-who-was-faster": [
        version(1, condition("Healthy", "True"), observed=-1),
        version(2, READY, condition("Healthy", "True")),
    ],
    "what-was-so-before-anybody-looked": [
        replace(version(1, READY, generation=2, lastHandledReconcileAt="now"), is_listed=True),
        version(2, *UNREADY_LATE, generation=2, lastHandledReconcileAt="now", observed=2),
        version(3, condition("Ready", "True", generation=2), generation=2, observed=2),
        replace(
            version(4, condition("Ready", "True", generation=2, at=LATE), generation=2, observed=2), is_listed=True
        ),
    ],
    "from-nothing-to-ready": [replace(version(1), status={}), version(2, READY)],
    "a-failure-and-its-retry": [
        version(1, READY),
        version(2, condition("Reconciling", "True", at=LATE), condition("Ready", "False", at=LATE)),
        version(3, condition("Ready", "True", at="2026-01-01T02:00:00Z")),
    ],
    "old-truth-until-the-new-run-ends": [
        version(1, READY),
        version(2, READY, generation=2),
        version(3, condition("Ready", "True", generation=2), generation=2, observed=2),
    ],
    "old-truth-while-it-is-suspended": [
        version(1, READY),
        replace(version(2, READY, generation=2, observed=2), is_suspended=True),
        version(3, READY, generation=3, observed=2),
        version(4, condition("Ready", "True", generation=3), generation=3, observed=3),
    ],
    "facts-that-were-found-before-the-spec-changed": [
        version(1, READY),
        version(2, READY, generation=2),
        version(3, READY, generation=2, latestRef={"tag": "1.0.0"}),
    ],
    "a-request-that-was-handled": [
        version(1, READY),
        version(2, READY, requested_at="now"),
        version(3, READY, requested_at="now", lastHandledReconcileAt="now"),
    ],
    "an-earlier-request-that-was-handled": [
        version(1, READY, requested_at="one"),
        version(2, READY, requested_at="two"),
        version(3, READY, requested_at="two", lastHandledReconcileAt="one"),
    ],
    "a-label-of-an-object-that-is-deleted": [version(1, READY, is_deleting=True), version(2, READY, is_deleting=True)],
    "another-object-of-the-same-name": [version(1, READY, observed=1), version(2, READY, uid="v", observed=1)],
    "a-change-within-a-second-that-was-seen-late": [
        version(1, *UNREADY),
        replace(version(2, READY), written_at="2026-01-01T00:00:01Z"),
    ],
    "a-change-within-a-second": [
        replace(version(1, *UNREADY), at=1.0),
        replace(version(2, READY), at=1.2),
    ],
}


@pytest.mark.parametrize("history", QUIET.values(), ids=QUIET.keys())
def test_history_without_violation(history: list[Version]) -> None:
    assert rules(history) == []
    assert rules(history[::-1]) == []  # in whatever order they were collected


BROKEN: dict[str, tuple[str, list[Version]]] = {
    "observed-ahead": ("observedGeneration", [version(1, observed=2)]),
    "condition-ahead": ("observedGeneration", [version(1, READY, condition("Healthy", "True", generation=2))]),
    "observed-goes-back": (
        "observedGeneration",
        [version(1, READY, generation=2, observed=2), version(2, READY, generation=2, observed=1)],
    ),
    "two-of-a-type": ("conditions", [version(1, READY, READY)]),
    "long-message": ("message", [version(1, condition("Ready", "True", message="é" * 513))]),
    "ready-of-an-old-generation": (
        "ready",
        [
            version(1, *UNREADY, generation=2, observed=2),
            version(2, condition("Ready", "True", at=LATE), generation=2, observed=2),
        ],
    ),
    "ready-that-was-left-as-it-was": (
        "ready",
        [version(1, READY), version(2, READY, generation=2), version(3, READY, generation=2, observed=2)],
    ),
    "ready-before-it-is-observed": (
        "ready",
        [version(1, generation=2), version(2, condition("Ready", "True", generation=2), generation=2)],
    ),
    "ready-unknown": ("kstatus", [version(1, condition("Ready", "Unknown"))]),
    "ready-is-gone": ("kstatus", [version(1, READY), version(2, condition("Healthy", "True"))]),
    "a-listed-status": ("kstatus", [replace(version(1, condition("Ready", "False")), is_listed=True)]),
    "observed-goes-back-unseen": (
        "observedGeneration",
        [
            version(1, READY, generation=2, observed=2),
            replace(version(2, READY, generation=2, observed=1), is_listed=True),
        ],
    ),
    "no-ready": ("kstatus", [version(1, condition("Stalled", "True"))]),
    "reconciling-false": ("kstatus", [version(1, READY, condition("Reconciling", "False"))]),
    "ready-and-stalled": ("kstatus", [version(1, READY, condition("Stalled", "True"))]),
    "ready-and-reconciling": ("kstatus", [version(1, READY, condition("Reconciling", "True"))]),
    "stalled-and-reconciling": ("kstatus", [version(1, *UNREADY, condition("Stalled", "True"))]),
    "neither-stalled-nor-reconciling": ("kstatus", [version(1, condition("Ready", "False"))]),
    "time-moves-alone": (
        "lastTransitionTime",
        [version(1, READY), version(2, condition("Ready", "True", at=LATE))],
    ),
    "time-stays-behind": ("lastTransitionTime", [version(1, *UNREADY), version(2, READY)]),
    "time-stays-behind-the-write": (
        "lastTransitionTime",
        [version(1, *UNREADY), replace(version(2, READY), at=10.1, written_at="2026-01-01T00:00:05Z")],
    ),
    "request-that-nobody-made": (
        "lastHandledReconcileAt",
        [version(1, READY, requested_at="one"), version(2, READY, requested_at="one", lastHandledReconcileAt="two")],
    ),
    "written-while-being-deleted": (
        "deleted",
        [version(1, READY, is_deleting=True), version(2, READY, is_deleting=True, latestImage="x")],
    ),
    "back-and-forth": (
        "flapping",
        [version(number, condition("Ready", "True", message=f"{number % 2}")) for number in range(6)],
    ),
}


@pytest.mark.parametrize(("rule", "history"), BROKEN.values(), ids=BROKEN.keys())
def test_history_with_a_violation(rule: str, history: list[Version]) -> None:
    assert rule in rules(history)


def test_write_that_is_under_way_for_long_may_be_allowed() -> None:
    history = [version(1, *UNREADY), replace(version(2, READY), written_at="2026-01-01T00:00:05Z")]
    assert check_versions(history) != []
    assert check_versions(history, Allowance(write_seconds=10)) == []


@pytest.mark.parametrize(("off", "count"), [(3600, 0), (0, 1), (-3600, 1)])
def test_time_of_a_clock_that_was_off_may_be_allowed(off: int, count: int) -> None:
    history = [version(1, *UNREADY), replace(version(2, READY), written_at="2025-12-31T23:00:02Z")]
    assert len(check_versions(history, Allowance(write_seconds=10, clocks=(0, off)))) == count


def test_times_alone_are_no_other_state() -> None:
    history = [version(number, READY, lastScanResult={"scanTime": f"{number}"}) for number in range(9)]
    assert rules(history) == []


def patch(writer: str = "a", *, began: float = 0.0, what: str = "imagepolicies/status", **more: Any) -> Write:
    return Write(
        writer, began, began + 1, "patch", what, "app", **{"status": 200, "based_on": "1", "result": "2", **more}
    )


def test_write_of_what_is_there_is_found() -> None:
    assert check_writes([patch(), patch(status=409, result="1")], runs=1) == []
    (found,) = check_writes([patch(result="1")])
    assert found.rule == "idle write"


def test_a_process_may_find_out_once_that_a_field_is_dropped() -> None:
    lost = [patch(result="1"), patch("b", began=1, result="1"), patch(began=2, based_on="3", result="3")]
    assert check_writes(lost, drops=True) == []
    (found,) = check_writes([*lost, patch(began=3, result="1")], drops=True)
    assert found.rule == "idle write"


def test_second_status_of_a_run_is_found() -> None:
    (found,) = check_writes([patch(), patch(), patch(what="imagetaglists")], runs=1)
    assert found.rule == "one write a run"


def test_writes_of_two_leaders_are_found() -> None:
    leases = [
        patch("a", began=0, what="leases"),
        patch("b", began=10, what="leases"),
        patch("b", began=12, what="leases"),
    ]
    mine, late, theirs = patch("a", began=10.5), patch("a", began=12), patch("b", began=12)
    assert check_leaders([mine, theirs, replace(late, status=500)], leases) == []
    (found,) = check_leaders([mine, late, theirs], leases)
    assert "a wrote imagepolicies/status while b held the lease" in found.text


def test_write_after_the_lease_was_handed_over_is_found() -> None:
    leases = [patch("a", what="leases"), patch("", began=5, what="leases")]
    assert len(check_leaders([patch("a", began=7)], leases)) == 1


def test_choice_that_never_reached_git_is_found() -> None:
    in_time, late, never = Choice("p", "1", 0, 5), Choice("p", "2", 0, 15), Choice("p", "3", 0)
    assert [violation.text[:1] for violation in check_choices([in_time, late, never], within=10)] == ["2", "3"]


def automation(number: int, ready: str, tag: str) -> Version:
    status = condition("Ready", ready)
    policies = {"app": {"name": "reg/app", "tag": tag}}
    return version(number, status, kind="ImageUpdateAutomation", uid="a", observedPolicies=policies)


def chosen(number: int, tag: str) -> Version:
    return version(number, READY, latestRef={"name": "reg/app", "tag": tag})


def test_choices_are_read_from_histories() -> None:
    history = [
        chosen(1, "1"),
        automation(2, "True", "1"),
        chosen(3, "2"),
        chosen(4, "2"),
        chosen(5, "3"),
        automation(6, "True", "3"),
    ]
    # The second was overtaken by the third, with which Git has all that is still wanted.
    assert [(choice.ref, choice.at, choice.settled_at) for choice in choices_of(history)] == [
        ("1", 10.0, 20.0),
        ("2", 30.0, 50.0),
        ("3", 50.0, 60.0),
    ]


def test_condition_that_says_why_settles_a_choice() -> None:
    history = [chosen(1, "1"), automation(2, "False", "")]
    assert [choice.settled_at for choice in choices_of(history)] == [20.0]
    assert [choice.settled_at for choice in choices_of([chosen(1, "1"), automation(2, "True", "0")])] == [None]


def test_time_does_not_run_while_nobody_looks_after_a_choice() -> None:
    suspended = replace(automation(2, "True", "1"), is_suspended=True)
    history = [chosen(1, "1"), suspended, chosen(3, "2"), automation(9, "True", "1"), automation(10, "True", "2")]
    assert choices_of(history)[1:] == [Choice("app", "2", 30.0, 100.0)]
    history[2:2] = [chosen(3, "2"), replace(suspended, resource_version=8, at=80.0)]
    assert choices_of(history)[1:] == [Choice("app", "2", 80.0, 100.0)]
    deleted = replace(automation(2, "True", "1"), is_deleting=True)
    (one,) = choices_of([deleted, chosen(3, "1")])
    assert one == Choice("app", "1", 30.0)


def test_choice_is_settled_when_every_automation_has_it() -> None:
    other = replace(automation(3, "True", "0"), name="more", uid="b")
    assert [choice.settled_at for choice in choices_of([chosen(1, "1"), other, automation(4, "True", "1")])] == [None]
    later = replace(automation(5, "True", "1"), name="more", uid="b")
    assert [c.settled_at for c in choices_of([chosen(1, "1"), other, automation(4, "True", "1"), later])] == [50.0]


@pytest.mark.parametrize(
    ("after", "what"),
    [
        (Usage(125, 20, 10, 30), "mib"),
        (Usage(100, 24, 10, 30), "descriptors"),
        (Usage(100, 20, 13, 30), "threads"),
        (Usage(100, 20, 10, 32), "tasks"),
    ],
)
def test_growth_is_found(after: Usage, what: str) -> None:
    before, slack = Usage(100, 20, 10, 30), Usage(24, 3, 2, 1)
    assert check_flat(before, Usage(124, 23, 12, 31), slack) == []
    assert [violation.subject for violation in check_flat(before, after, slack)] == [what]
