"""How a run ends: four values that travel unchanged from a reconciler to the work queue.

  Ready      it reached its end: Ready=True, run again after a while or when something changes
  Retry      it failed and may succeed next time: Ready=False, run again with backoff
  Waiting    another object or time has to move first: Ready=False, run again when it does; nothing failed
  Stalled    only a new spec can help: Stalled=True, no further run

`conditions` and `lifecycle` turn them into conditions, events and status, `controller` into queue calls and metrics.
An exception that reaches the lifecycle is a crash, except for the API server's own errors, which are a `Retry`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, TypeAlias

SECRET_RETRY: Final = timedelta(seconds=30)
"""`max_delay` for a missing Secret: with the rights we ask for it cannot be watched, so it is looked for this often."""


@dataclass(frozen=True, slots=True)
class Ready:
    """The run reached its end."""

    message: str
    """Of Ready=True, reason Succeeded."""
    requeue_after: timedelta | None = None
    """When to run again; None: when something changes."""
    event: str | None = None
    """Text of the Normal event when something happened. Unset: `message`, if it changed or the object recovered."""
    no_change: str | None = None
    """Text of the Normal event when nothing happened: aggregated, rate limited, never sent to the receiver."""
    warnings: tuple[tuple[str, str], ...] = ()
    """(reason, message) of further Warning events: what the owner should know though the run succeeded."""


@dataclass(frozen=True, slots=True)
class Retry:
    """The run failed and is repeated: with growing delays, unless the other side named a time. Counts as an error."""

    reason: str
    message: str
    max_delay: timedelta | None = None
    """Bounds the growing delays, for causes that nothing reports as gone (a missing Secret)."""
    retry_after: timedelta | None = None
    """Replaces the growing delays: the other side asked to wait this long."""
    left_alone: timedelta = timedelta()
    """The other side was not asked, since it is left alone for this long: no run before that can do better."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """The run cannot go on before another object or time has moved. Not an error: no backoff, no line in the log."""

    reason: str
    message: str
    requeue_after: timedelta | None = None
    """When to look again. None: when a watch reports a change; with the reason DependencyNotReady, by which a kind says
    that an object is missing or not ready, also after `--requeue-dependency`."""
    warn: bool = True
    """Record a Warning event. False where nothing is wrong, only not there yet."""


@dataclass(frozen=True, slots=True)
class Stalled:
    """The run cannot succeed before the spec changes. Counts as a terminal error."""

    reason: str
    message: str


Outcome: TypeAlias = Ready | Retry | Waiting | Stalled

OnError: TypeAlias = Mapping[type[Exception], Callable[[Any], Outcome]]
"""How a kind's errors end its runs: class → function of the error. A row covers subclasses that have no row."""


def outcome_of(error: Exception, table: OnError) -> Outcome:
    """Return what the most specific row of `table` makes of `error`; raise `error` itself when no row covers it."""
    for class_ in type(error).__mro__:
        if make_outcome := table.get(class_):
            return make_outcome(error)
    raise error
