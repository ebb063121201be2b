"""What `status.conditions` says after a run: pure functions from the conditions as read to those to be written.

Follows kstatus and the Kubernetes API conventions in the form Flux's runtime uses them: `Ready` always,
`Reconciling` and `Stalled` only while True and never both. One deliberate difference to Flux:
`lastTransitionTime` moves with the status alone, not with reason and message.
Conditions of other types belong to somebody else and pass through untouched.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from api.meta import FAILED, PROGRESSING_WITH_RETRY, READY, RECONCILING, STALLED, SUCCEEDED, Condition

MESSAGE_LIMIT_BYTES = 1024
_OWNED = (STALLED, RECONCILING, READY)  # in the order they are written


@dataclass(frozen=True, slots=True)
class Succeeded:
    """The run reached its end."""

    message: str
    reason: str = SUCCEEDED


@dataclass(frozen=True, slots=True)
class Failing:
    """The run failed and will be repeated; `progress` is what it was doing."""

    message: str
    progress: str
    reason: str = FAILED


@dataclass(frozen=True, slots=True)
class Stuck:
    """The run failed and only a new spec can help."""

    message: str
    reason: str


Verdict = Succeeded | Failing | Stuck


def summarize(
    before: Iterable[Condition], verdict: Verdict, *, generation: int, now: datetime
) -> tuple[Condition, ...]:
    """Return the conditions that tell `verdict` about `generation`, in the order Flux lists them.

    before: as read, any order; at most one of a type
    now: UTC, whole seconds; used where a status changes
    """
    known = {condition.type: condition for condition in before}

    def make_condition(type_: str, status: str, *, reason: str, message: str) -> Condition:
        old = known.get(type_)
        return Condition(
            type=type_,
            status=status,
            reason=reason,
            message=truncate_message(message),
            observed_generation=generation,
            last_transition_time=old.last_transition_time if old and old.status == status else now,
        )

    match verdict:
        case Succeeded(message=message, reason=reason):
            ours = [make_condition(READY, "True", reason=reason, message=message)]
        case Failing(message=message, progress=progress, reason=reason):
            ours = [
                make_condition(RECONCILING, "True", reason=PROGRESSING_WITH_RETRY, message=progress),
                make_condition(READY, "False", reason=reason, message=message),
            ]
        case Stuck(message=message, reason=reason):
            ours = [
                make_condition(STALLED, "True", reason=reason, message=message),
                make_condition(READY, "False", reason=reason, message=message),
            ]
    foreign = [condition for condition in known.values() if condition.type not in _OWNED]
    foreign.sort(key=lambda condition: (-condition.observed_generation, condition.type))
    return (*ours, *foreign)


def find_condition(conditions: Iterable[Condition], type_: str) -> Condition | None:
    """Return the condition of that type."""
    return next((condition for condition in conditions if condition.type == type_), None)


def is_true(conditions: Iterable[Condition], type_: str) -> bool:
    """True when the condition is there and True."""
    condition = find_condition(conditions, type_)
    return condition is not None and condition.status == "True"


def is_ready(conditions: Iterable[Condition]) -> bool:
    """True when Ready is True and neither Reconciling nor Stalled is."""
    conditions = tuple(conditions)
    return is_true(conditions, READY) and not is_true(conditions, RECONCILING) and not is_true(conditions, STALLED)


def is_failing(conditions: Iterable[Condition]) -> bool:
    """True when the last run failed and is owed a repetition."""
    condition = find_condition(conditions, READY)
    return condition is not None and condition.status == "False"


def truncate_message(message: str) -> str:
    """Return the message in at most 1 KiB of UTF-8, ending in `...` when something was cut."""
    encoded = message.encode()
    if len(encoded) <= MESSAGE_LIMIT_BYTES:
        return message
    return encoded[: MESSAGE_LIMIT_BYTES - 3].decode(errors="ignore") + "..."
