from datetime import UTC, datetime

import pytest

from api.meta import Condition
from controllers.runtime.reconcile.conditions import (
    MESSAGE_LIMIT_BYTES,
    is_failing,
    is_ready,
    summarize,
    truncate_message,
)
from controllers.runtime.reconcile.outcome import Outcome, Ready, Retry, Stalled, Waiting

BEFORE = datetime(2024, 1, 1, tzinfo=UTC)
NOW = datetime(2024, 1, 2, tzinfo=UTC)


def condition(
    type: str, status: str, reason: str = "R", message: str = "m", *, generation: int = 1, at: datetime = BEFORE
) -> Condition:
    return Condition(
        type=type,
        status=status,
        reason=reason,
        message=message,
        observed_generation=generation,
        last_transition_time=at,
    )


READY = condition("Ready", "True", "Succeeded", "all well")
FAILED = condition("Ready", "False", "Denied", "no")
RETRYING = condition("Reconciling", "True", "ProgressingWithRetry", "scanning")
STALLED = condition("Stalled", "True", "BadImage", "no such form")
FOREIGN = condition("example.com/Checked", "False", generation=1)
FOREIGN_NEWER = condition("example.com/Zeal", "True", generation=3)


@pytest.mark.parametrize(
    ("before", "outcome", "want"),
    [
        pytest.param(
            [],
            Ready("all well"),
            [condition("Ready", "True", "Succeeded", "all well", generation=2, at=NOW)],
            id="new-object-succeeds",
        ),
        pytest.param(
            [READY],
            Ready("better"),
            [condition("Ready", "True", "Succeeded", "better", generation=2)],
            id="transition-time-stays-when-only-the-message-changes",
        ),
        pytest.param(
            [RETRYING, FAILED],
            Ready("all well"),
            [condition("Ready", "True", "Succeeded", "all well", generation=2, at=NOW)],
            id="recovery-removes-reconciling",
        ),
        pytest.param(
            [STALLED, FAILED],
            Ready("all well"),
            [condition("Ready", "True", "Succeeded", "all well", generation=2, at=NOW)],
            id="corrected-spec-removes-stalled",
        ),
        pytest.param(
            [READY],
            Retry("Denied", "no"),
            [
                condition("Reconciling", "True", "ProgressingWithRetry", "scanning", generation=2, at=NOW),
                condition("Ready", "False", "Denied", "no", generation=2, at=NOW),
            ],
            id="failure-keeps-reconciling-with-the-progress",
        ),
        pytest.param(
            [RETRYING, FAILED],
            Retry("Throttled", "still no"),
            [
                condition("Reconciling", "True", "ProgressingWithRetry", "scanning", generation=2),
                condition("Ready", "False", "Throttled", "still no", generation=2),
            ],
            id="another-failure-tells-the-new-reason",
        ),
        pytest.param(
            [STALLED, FAILED],
            Waiting("Failed", "no"),
            [
                condition("Reconciling", "True", "ProgressingWithRetry", "scanning", generation=2, at=NOW),
                condition("Ready", "False", "Failed", "no", generation=2),
            ],
            id="failure-removes-stalled",
        ),
        pytest.param(
            [RETRYING, READY],
            Stalled("BadImage", "no such form"),
            [
                condition("Stalled", "True", "BadImage", "no such form", generation=2, at=NOW),
                condition("Ready", "False", "BadImage", "no such form", generation=2, at=NOW),
            ],
            id="stalled-removes-reconciling-and-ready-mirrors-it",
        ),
        pytest.param(
            [STALLED, FAILED],
            Stalled("BadOther", "other"),
            [
                condition("Stalled", "True", "BadOther", "other", generation=2),
                condition("Ready", "False", "BadOther", "other", generation=2),
            ],
            id="stalled-for-a-new-reason-tells-the-new-reason",
        ),
        pytest.param(
            [FOREIGN, READY, FOREIGN_NEWER],
            Ready("all well"),
            [condition("Ready", "True", "Succeeded", "all well", generation=2), FOREIGN_NEWER, FOREIGN],
            id="foreign-conditions-are-kept-behind-ours-newest-first",
        ),
    ],
)
def test_conclude(before: list[Condition], outcome: Outcome, want: list[Condition]) -> None:
    assert summarize(before, outcome, progress="scanning", generation=2, now=NOW) == tuple(want)


@pytest.mark.parametrize(
    "outcome", [Ready("m"), Retry("R", "m"), Waiting("R", "m"), Stalled("R", "m")], ids=lambda v: type(v).__name__
)
def test_the_same_outcome_again_changes_nothing(outcome: Outcome) -> None:
    once = summarize([FOREIGN], outcome, progress="p", generation=2, now=BEFORE)
    assert summarize(once, outcome, progress="p", generation=2, now=NOW) == once


@pytest.mark.parametrize(
    ("conditions", "ready", "failing"),
    [
        pytest.param([], False, False, id="none"),
        pytest.param([READY], True, False, id="ready"),
        pytest.param([READY, RETRYING], False, False, id="ready-but-reconciling"),
        pytest.param([READY, STALLED], False, False, id="ready-but-stalled"),
        pytest.param([RETRYING, FAILED], False, True, id="failing"),
        pytest.param([condition("Ready", "Unknown")], False, False, id="unknown"),
    ],
)
def test_predicates(conditions: list[Condition], *, ready: bool, failing: bool) -> None:
    assert (is_ready(conditions), is_failing(conditions)) == (ready, failing)


@pytest.mark.parametrize(
    ("message", "want"),
    [
        pytest.param("short", "short", id="short"),
        pytest.param("x" * 1024, "x" * 1024, id="just-fits"),
        pytest.param("x" * 1025, "x" * 1021 + "...", id="cut"),
        pytest.param("é" * 600, "é" * 510 + "...", id="never-inside-a-character"),
    ],
)
def test_messages_are_bounded_in_bytes(message: str, want: str) -> None:
    assert truncate_message(message) == want
    assert len(truncate_message(message).encode()) <= MESSAGE_LIMIT_BYTES
