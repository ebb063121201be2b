"""What the reconciler of a kind sees of the machinery: a `Run` in, `Ready` out, or `Stalled` or `NotReady` raised.

A reconciler never touches conditions, events or requeueing. It replaces `run.status` as facts become known and
says how the pass ended; `lifecycle` turns that into one status write, one event and the next run.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Generic, Protocol, TypeVar

T = TypeVar("T")
S = TypeVar("S")


def _always_leader() -> None:
    return None


@dataclass(slots=True)
class Run(Generic[T, S]):
    """One pass over one object."""

    object: T
    """As read, not older than our own last write. Frozen."""
    status: S
    """Facts so far, persisted on every path, errors included. The reconciler replaces it."""
    progress: str
    """What is being done now; becomes the Reconciling message if this run fails."""
    now: datetime
    """Start of the run: UTC, whole seconds."""
    requested: bool = False
    """A reconcile was asked for by annotation and no run has succeeded since."""
    new_generation: bool = False
    """The spec is not the one that `status.observedGeneration` stands for."""
    leader_check: Callable[[], None] = field(default=_always_leader, repr=False)

    async def check_leader(self) -> None:
        """Raise LostLeadership unless this process may act; to be awaited right before a side effect."""
        self.leader_check()


@dataclass(frozen=True, slots=True)
class Ready:
    """A successful end of a run."""

    message: str
    """Of Ready=True, reason Succeeded."""
    after: timedelta | None
    """When to run again; None: when something changes."""
    event: str | None = None
    """Text of the Normal event when something happened. Unset: `message`, if it changed or the object recovered."""
    no_change: str | None = None
    """Text of the Normal event when nothing happened: aggregated, rate limited, never sent to the receiver."""
    warnings: tuple[tuple[str, str], ...] = ()
    """(reason, message) of further Warning events: what the owner should know though the run succeeded."""


class Stalled(Exception):
    """The spec has to change first: Stalled=True, no retry."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message


class NotReady(Exception):
    """It did not work out this time: Ready=False, and the run is repeated.

    By default with growing delays, at most `max_delay`; with `retry_after` after that time; with `wait` only when
    something that is watched changes. `warn`: tell a Warning event; False where nothing is wrong, only not there yet.
    """

    def __init__(
        self,
        reason: str,
        message: str,
        *,
        retry_after: timedelta | None = None,
        max_delay: timedelta | None = None,
        wait: bool = False,
        warn: bool = True,
    ) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.retry_after = retry_after
        self.max_delay = max_delay
        self.wait = wait
        self.warn = warn


class Reconciler(Protocol[T, S]):
    """The algorithm of one kind. Called for several objects at the same time, never twice for one."""

    async def reconcile(self, run: Run[T, S]) -> Ready:
        """Do one pass. Raises Stalled, NotReady, LostLeadership; anything else counts as a crash."""
        ...
