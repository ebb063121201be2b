"""What `status.conditions` says after a run: pure functions from the conditions as read to those to be written.

Follows kstatus and the Kubernetes API conventions in the form Flux's runtime uses them: `Ready` always,
`Reconciling` and `Stalled` only while True and never both. One deliberate difference from Flux:
`lastTransitionTime` moves with the status alone, not with reason and message.
Conditions of other types belong to other writers and pass through untouched.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import assert_never

from api.meta import Condition
from api.names import PROGRESSING_WITH_RETRY, READY, RECONCILING, STALLED, SUCCEEDED
from controllers.net.foreign_text import escape_lines
from controllers.runtime.reconcile.outcome import Outcome, Ready, Retry, Stalled, Waiting

MESSAGE_LIMIT_BYTES = 1024
OWNED = (STALLED, RECONCILING, READY)
"""The conditions that are ours, in the order in which they are written."""


def summarize(
    before: Iterable[Condition], outcome: Outcome, *, progress: str, generation: int, now: datetime
) -> tuple[Condition, ...]:
    """Return the conditions that state `outcome` for `generation`, in the order Flux lists them.

    before: as read, any order; at most one of a type
    progress: what a run was doing that did not reach its end
    now: UTC, whole seconds; used where a status changes
    """
    by_type = {condition.type: condition for condition in before}

    def make_condition(type_: str, status: str, *, reason: str, message: str) -> Condition:
        old = by_type.get(type_)
        return Condition(
            type=type_,
            status=status,
            reason=reason,
            message=truncate_message(message),
            observed_generation=generation,
            last_transition_time=old.last_transition_time if old and old.status == status else now,
        )

    match outcome:
        case Ready(message=message):
            ours = [make_condition(READY, "True", reason=SUCCEEDED, message=message)]
        case Retry(reason=reason, message=message) | Waiting(reason=reason, message=message):
            ours = [
                make_condition(RECONCILING, "True", reason=PROGRESSING_WITH_RETRY, message=progress),
                make_condition(READY, "False", reason=reason, message=message),
            ]
        case Stalled(reason=reason, message=message):
            ours = [
                make_condition(STALLED, "True", reason=reason, message=message),
                make_condition(READY, "False", reason=reason, message=message),
            ]
        case _:
            assert_never(outcome)
    foreign = [condition for condition in by_type.values() if condition.type not in OWNED]
    foreign.sort(key=lambda condition: (-condition.observed_generation, condition.type))
    return (*ours, *foreign)


def find_condition(conditions: Iterable[Condition], type_: str) -> Condition | None:
    """Return the condition of that type; None when there is none."""
    return next((condition for condition in conditions if condition.type == type_), None)


def is_true(conditions: Iterable[Condition], type_: str) -> bool:
    """Return whether the condition is there and True."""
    condition = find_condition(conditions, type_)
    return condition is not None and condition.status == "True"


def is_ready(conditions: Iterable[Condition]) -> bool:
    """Return whether Ready is True and neither Reconciling nor Stalled is."""
    conditions = tuple(conditions)
    return is_true(conditions, READY) and not is_true(conditions, RECONCILING) and not is_true(conditions, STALLED)


def is_failing(conditions: Iterable[Condition]) -> bool:
    """Return whether the last run failed, so that it has to be repeated."""
    condition = find_condition(conditions, READY)
    return condition is not None and condition.status == "False"


def truncate_message(message: str) -> str:
    """Return the message in at most 1 KiB of UTF-8, ending in `...` when something was cut.

    What of it cannot be shown is escaped: names of files and references, and servers' words, may be in it.
    """
    message = escape_lines(message)
    encoded = message.encode()
    if len(encoded) <= MESSAGE_LIMIT_BYTES:
        return message
    return encoded[: MESSAGE_LIMIT_BYTES - 3].decode(errors="ignore") + "..."
