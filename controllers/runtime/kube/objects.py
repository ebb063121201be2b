"""What the machinery reads of an object of a reconciled kind, and which changes of it are worth a run."""

from typing import Protocol

from api.meta import Condition, ObjectMeta
from api.names import REQUESTED_AT


class Spec(Protocol):
    """What the machinery reads of a spec."""

    @property
    def suspend(self) -> bool: ...


class Status(Protocol):
    """What the machinery reads of a status; it writes the encoded form."""

    @property
    def conditions(self) -> tuple[Condition, ...]: ...
    @property
    def observed_generation(self) -> int: ...
    @property
    def last_handled_reconcile_at(self) -> str: ...


class ReconciledObject(Protocol):
    """An object of a reconciled kind."""

    @property
    def api_version(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def metadata(self) -> ObjectMeta: ...
    @property
    def spec(self) -> Spec: ...
    @property
    def status(self) -> Status: ...


def needs_reconcile(old: ReconciledObject | None, new: ReconciledObject | None) -> bool:
    """Return whether a kind's own object changed so that it has to run.

    It does when it appeared, was replaced or is gone, when its generation changed, when the requestedAt annotation has
    a new value, and when its deletion began. Changes of its status and of other metadata do not count.
    """
    if old is None or new is None:
        return old is not new
    requested = new.metadata.annotations.get(REQUESTED_AT)
    return is_edit(old, new) or (requested is not None and requested != old.metadata.annotations.get(REQUESTED_AT))


def is_edit(old: ReconciledObject | None, new: ReconciledObject | None) -> bool:
    """Return whether what an earlier run met says nothing about the next: a new spec or object, or its end."""
    if old is None or new is None:
        return old is not new
    was, now = old.metadata, new.metadata
    return (
        was.uid != now.uid
        or was.generation != now.generation
        or (was.deletion_timestamp is None and now.deletion_timestamp is not None)
    )
