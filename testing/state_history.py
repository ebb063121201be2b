"""Every version of the objects of an embedded API: recorded by its state file itself, or in the process that has it.

In a file a trigger copies what is stored, in the transaction that stores it: nothing is missed, whenever the process is
killed.
"""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from api.kinds import RECONCILED
from controllers.clock import Clock
from controllers.runtime.embedded.history import Change
from controllers.runtime.embedded.statefile import open_state
from testing.invariants import Allowance, Version, Violation, check_versions

_PLURALS = frozenset(kind.resource.plural for kind in RECONCILED)
_KINDS = ", ".join(f"'{plural}'" for plural in sorted(_PLURALS))
_NOW = "(julianday('now') - 2440587.5) * 86400.0"
"""Unix time: it begins on that Julian day."""
_RECORD = (
    f"CREATE TRIGGER record_version AFTER INSERT ON objects WHEN NEW.plural IN ({_KINDS}) "  # noqa: S608
    f"BEGIN INSERT INTO recorded VALUES (NEW.body, {_NOW}); END"
)


class VersionRecorder:
    """All versions since it was added to the history of an embedded API."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._versions: dict[str, list[Version]] = {}
        self._changed: set[str] = set()

    def offer(self, change: Change) -> None:
        """Take a change if it is one of the three kinds."""
        if change.new is not None and change.id.plural in _PLURALS:
            version = Version.of(json.loads(change.new), at=self._clock.monotonic())
            self._versions.setdefault(version.uid, []).append(version)
            self._changed.add(version.uid)

    def check(self, allowance: Allowance) -> list[Violation]:
        """Return what the objects violate that have changed since the last call."""
        changed, self._changed = self._changed, set()
        return check_versions((version for uid in changed for version in self._versions[uid]), allowance)


def record_versions(path: Path) -> None:
    """Begin a state file that records. Raises StateError, or sqlite3.OperationalError for one that records already."""
    with _opened(path) as connection:
        connection.execute("CREATE TABLE recorded (body BLOB NOT NULL, at REAL NOT NULL)")
        connection.execute(_RECORD)


def recorded_versions(path: Path) -> list[Version]:
    """Return all versions that a state file has had, oldest first, while no process uses it.

    Raises AssertionError where an object is not in the record as it is, StateError.
    """
    with _opened(path) as connection:
        found = [
            Version.of(json.loads(body), at=at)
            for body, at in connection.execute("SELECT body, at FROM recorded ORDER BY rowid")
        ]
        present = [
            Version.of(json.loads(body))
            for (body,) in connection.execute(f"SELECT body FROM objects WHERE plural IN ({_KINDS})")  # noqa: S608
        ]
    last = {version.uid: version.resource_version for version in found}
    lost = [version.subject for version in present if last.get(version.uid) != version.resource_version]
    assert not lost, f"the record lacks the last versions of {lost}"
    return found


@contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    file = open_state(path, now=datetime.now(UTC), machine="", check_machine=False)
    try:
        yield file.connection
    finally:
        file.close()
