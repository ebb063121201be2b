"""Objects in SQLite: rows in, rows out. Knows nothing of kinds.

There are two tables of the same form: one in the file, and one in memory for what must not reach a disk. A transaction
spans both. https://www.sqlite.org/lang_attach.html
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, NamedTuple

_MEMORY: Final = "volatile"
_SCHEMAS: Final = ("main", _MEMORY)
_CREATE: Final = """
    CREATE TABLE {schema}.objects (
        api_group TEXT NOT NULL, plural TEXT NOT NULL, namespace TEXT NOT NULL, name TEXT NOT NULL,
        uid TEXT NOT NULL, version INTEGER NOT NULL, body BLOB NOT NULL,
        PRIMARY KEY (api_group, plural, namespace, name)
    );
    CREATE INDEX {schema}.objects_by_uid ON objects (uid);
    CREATE TABLE {schema}.owners (
        owner TEXT NOT NULL, api_group TEXT NOT NULL, plural TEXT NOT NULL, namespace TEXT NOT NULL, name TEXT NOT NULL,
        PRIMARY KEY (owner, api_group, plural, namespace, name)
    ) WITHOUT ROWID;
"""
_WHERE: Final = "api_group = ? AND plural = ? AND namespace = ? AND name = ?"


class ObjectId(NamedTuple):
    """What an object is found by."""

    group: str
    plural: str
    namespace: str
    name: str


@dataclass(frozen=True, slots=True)
class Row:
    """A stored object."""

    id: ObjectId
    uid: str
    version: int
    body: bytes
    owners: tuple[str, ...] = ()
    """Uids of the owners; only for writing."""


def create_file_tables(connection: sqlite3.Connection) -> None:
    """Make the tables of a new state file, format 1."""
    _execute_all(connection, _CREATE.format(schema="main"))
    connection.execute("CREATE TABLE main.facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID")


def _execute_all(connection: sqlite3.Connection, script: str) -> None:
    # Not executescript: it would commit first.
    for statement in filter(str.strip, script.split(";")):
        connection.execute(statement)


class Tables:
    """The objects of one connection, whose file has its tables. Belongs to one thread. Raises sqlite3.Error."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        """Take over a connection in autocommit mode (`isolation_level=None`)."""
        self._db = connection
        connection.execute(f"ATTACH ':memory:' AS {_MEMORY}")
        _execute_all(connection, _CREATE.format(schema=_MEMORY))
        self.version = int(self.fact("version") or 0)
        """The last resourceVersion that was given."""
        self._file_changed = False

    @contextmanager
    def transaction(self, *, keep: bool = True) -> Iterator[None]:
        """Keep all of the changes in the block, or none. keep: False undoes them at the end in any case."""
        version, self._file_changed = self.version, False
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            if self._file_changed:  # versions of what is in memory only are forgotten with it
                self.set_fact("version", str(self.version))
            self._db.execute("COMMIT" if keep else "ROLLBACK")
            self.version = self.version if keep else version
        except BaseException:
            self.version = version
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise

    def fact(self, name: str) -> str | None:
        """Return something that is known about the file."""
        row = self._db.execute("SELECT value FROM main.facts WHERE name = ?", (name,)).fetchone()
        return None if row is None else str(row[0])

    def set_fact(self, name: str, value: str) -> None:
        """Store something about the file."""
        self._db.execute("INSERT OR REPLACE INTO main.facts VALUES (?, ?)", (name, value))

    def get(self, place: ObjectId, *, on_disk: bool) -> Row | None:
        """Return one object."""
        query = f"SELECT uid, version, body FROM {_schema(on_disk)}.objects WHERE {_WHERE}"  # noqa: S608
        found = self._db.execute(query, place).fetchone()
        return None if found is None else Row(place, *found)

    def select(self, group: str, plural: str, namespace: str, *, on_disk: bool) -> list[Row]:
        """Return the objects of a kind by namespace and name; namespace: empty for all."""
        query = (
            f"SELECT namespace, name, uid, version, body FROM {_schema(on_disk)}.objects "  # noqa: S608
            "WHERE api_group = ? AND plural = ? AND (? = '' OR namespace = ?) ORDER BY namespace, name"
        )
        found = self._db.execute(query, (group, plural, namespace, namespace))
        return [Row(ObjectId(group, plural, where, name), *rest) for where, name, *rest in found]

    def put(self, row: Row, *, on_disk: bool) -> None:
        """Store an object in place of what there was."""
        self._file_changed |= on_disk
        schema = _schema(on_disk)
        insert = f"INSERT OR REPLACE INTO {schema}.objects VALUES (?, ?, ?, ?, ?, ?, ?)"  # noqa: S608
        self._db.execute(insert, (*row.id, row.uid, row.version, row.body))
        self._forget_owners(row.id, schema)
        own = f"INSERT OR IGNORE INTO {schema}.owners VALUES (?, ?, ?, ?, ?)"  # noqa: S608
        self._db.executemany(own, [(owner, *row.id) for owner in row.owners])

    def delete(self, place: ObjectId, *, on_disk: bool) -> None:
        """Remove an object."""
        self._file_changed |= on_disk
        schema = _schema(on_disk)
        self._db.execute(f"DELETE FROM {schema}.objects WHERE {_WHERE}", place)  # noqa: S608
        self._forget_owners(place, schema)

    def dependents(self, uid: str) -> list[ObjectId]:
        """Return the objects that an object owns, alone or with others."""
        return self._places("owners WHERE owner = ?", uid)

    def within(self, namespace: str) -> list[ObjectId]:
        """Return everything in a namespace."""
        return self._places("objects WHERE namespace = ?", namespace)

    def has_uid(self, uid: str) -> bool:
        """Return whether the object with this uid is still there."""
        return bool(self._places("objects WHERE uid = ?", uid))

    def close(self) -> None:
        """Write everything back into the one file and close it."""
        self._db.close()

    def _places(self, rows: str, value: str) -> list[ObjectId]:
        """Return what is found in the tables on disk and in memory."""
        queries = (f"SELECT api_group, plural, namespace, name FROM {schema}.{rows}" for schema in _SCHEMAS)  # noqa: S608
        return [ObjectId(*found) for query in queries for found in self._db.execute(query, (value,))]

    def _forget_owners(self, place: ObjectId, schema: str) -> None:
        self._db.execute(f"DELETE FROM {schema}.owners WHERE {_WHERE}", place)  # noqa: S608


def _schema(on_disk: bool) -> str:
    return _SCHEMAS[not on_disk]
