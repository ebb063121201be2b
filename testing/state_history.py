"""Every version of the objects in a state file of `tagline automate`, recorded by the file itself.

A trigger copies what is stored, in the transaction that stores it: nothing is missed, whenever the process is killed.
"""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from api.kinds import RECONCILED
from controllers.runtime.embedded.statefile import open_state
from testing.invariants import Version

_KINDS = ", ".join(f"'{kind.resource.plural}'" for kind in RECONCILED)
_NOW = "(julianday('now') - 2440587.5) * 86400.0"
"""Unix time: it begins on that Julian day."""
_RECORD = (
    f"CREATE TRIGGER record_version AFTER INSERT ON objects WHEN NEW.plural IN ({_KINDS}) "  # noqa: S608
    f"BEGIN INSERT INTO recorded VALUES (NEW.body, {_NOW}); END"
)


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
