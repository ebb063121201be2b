"""The interface of a kind's reconciler: a `Run` in, an `Outcome` out.

A reconciler never touches conditions, events or requeueing. It replaces `run.status` as facts become known and
says how the pass ended; `lifecycle` turns that into one status write, one event and the next run.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Generic, Protocol, TypeVar

from controllers.runtime.key import KubeObject
from controllers.runtime.queue.ratelimit import spread
from controllers.runtime.reconcile.outcome import Outcome
from controllers.runtime.tracing import NO_TRACER, Tracer

T = TypeVar("T", bound=KubeObject)
S = TypeVar("S")


def _anyone() -> None:
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
    has_acted: bool = False
    """Something elsewhere was changed, or may have been: the run is not to be made again. The reconciler says so."""
    jitter_percentage: int = 0
    """Of `--interval-jitter-percentage`."""
    check_leader: Callable[[], None] = field(default=_anyone, repr=False)
    """Raises LostLeadership. Call it before what completes a side effect that has begun."""
    check: Callable[[], None] = field(default=_anyone, repr=False)
    """Call it right before a side effect, in any thread. Raises LostLeadership, and Superseded where nobody wants the
    object's side effects any more."""
    tracer: Tracer = field(default=NO_TRACER, repr=False)
    """Makes spans of the steps that are worth one."""

    def spread(self, interval: timedelta, *, since: datetime | None = None) -> timedelta:
        """Return an interval of the spec with its jitter, so that objects made together do not stay together.

        since: when it began, by default now. It is the same for one object and beginning: a restart changes no time.
        """
        seed = f"{self.object.metadata.uid} {(since or self.now).timestamp():.0f}"
        return spread(interval, percentage=self.jitter_percentage, seed=seed)

    @property
    def trace_attributes(self) -> dict[str, str | int | bool]:
        """Return which object the run is over, for a span."""
        meta = self.object.metadata
        return {"k8s.namespace.name": meta.namespace, "tagline.name": meta.name}


class Reconciler(Protocol[T, S]):
    """The algorithm of one kind. Called for several objects at the same time, never twice for one."""

    async def reconcile(self, run: Run[T, S]) -> Outcome:
        """Do one pass. Raises LostLeadership and ApiError; anything else counts as a crash."""
        ...
