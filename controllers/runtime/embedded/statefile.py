"""The one file in which state survives: opened by one process, checked, brought to the newest format.

A process that is killed leaves every transaction that was answered: SQLite's write-ahead log is replayed at the next
start. Nothing is flushed to the disk at each write, so after a power failure the last writes may be missing; what is
there is then a state of a moment ago.
A file that cannot be trusted is kept aside under another name, and the caller is given a sentence about it.
https://www.sqlite.org/wal.html, https://www.sqlite.org/pragma.html#pragma_application_id
"""

import fcntl
import hashlib
import hmac
import os
import shutil
import socket
import sqlite3
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final

from controllers.net.library_errors import describe
from controllers.runtime.embedded.errors import NewerState, NotAState, StateInUse, StateUnavailable
from controllers.runtime.embedded.tables import create_file_tables

APPLICATION_ID: Final = 0x7461676C  # "tagl"
MIGRATIONS: Final[Sequence[Callable[[sqlite3.Connection], None]]] = (create_file_tables,)
"""What turns a file of format n into one of format n + 1. A released one never changes."""
BUSY_SECONDS: Final = 5.0
"""How long another program's transaction is awaited."""
_MAGIC: Final = b"SQLite format 3\0"
_HEADER_BYTES: Final = 100
_COMPANIONS: Final = ("", "-wal", "-shm")
_COPIED: Final = ("", "-wal")  # the third is made anew of the second
_MACHINE_ID: Final = Path("/etc/machine-id")
_MACHINE_FACT, _HOST_FACT = "machine", "host"


@dataclass(frozen=True, slots=True)
class StateFile:
    """An open state file."""

    connection: sqlite3.Connection
    lock: int = -1
    """Descriptor that holds the lock; -1 for state in memory."""
    notices: tuple[str, ...] = ()
    """What became of an earlier file, in sentences for the user."""

    def close(self) -> None:
        """Write everything back into the file and let another process have it."""
        self.connection.close()
        if self.lock >= 0:
            os.ftruncate(self.lock, 0)  # who takes it to read does not write into it whose it is
            os.close(self.lock)


@dataclass(slots=True)
class _Opening:
    path: Path
    """The user's file, which messages name."""
    file: Path
    """What is opened: the user's file, or a copy of it that is thrown away."""
    machine: str
    check_machine: bool
    now: datetime
    notices: list[str] = field(default_factory=list)


def machine_identity(file: Path = _MACHINE_ID) -> str:
    """Return what distinguishes this machine from others, without giving its ID away; empty where it has none."""
    try:
        text = file.read_text("ascii").strip()
    except (OSError, UnicodeDecodeError):
        return ""
    # As sd_id128_get_machine_app_specific: the ID itself is confidential.
    return hmac.new(text.encode(), b"tagline state file", hashlib.sha256).hexdigest()[:32] if text else ""


def open_memory() -> StateFile:
    """Return state that is forgotten at the end."""
    connection = _connect(":memory:")
    _migrate(connection, MIGRATIONS)
    return StateFile(connection)


def open_state(
    path: Path,
    *,
    now: datetime,
    machine: str,
    check_machine: bool = True,
    migrations: Sequence[Callable[[sqlite3.Connection], None]] = MIGRATIONS,
) -> StateFile:
    """Open a state file, or make one that only its owner may read.

    machine: the identity of this one; empty where it has none. check_machine: keep the file of another machine aside,
    rather than going on with it. Raises StateError.
    """
    lock = _lock(path)
    opening = _Opening(path, path, machine, check_machine, now)
    try:
        connection = _open(opening, migrations)
    except BaseException:
        os.close(lock)
        raise
    return StateFile(connection, lock, tuple(opening.notices))


def open_copy(
    path: Path,
    *,
    now: datetime,
    machine: str,
    check_machine: bool = True,
    migrations: Sequence[Callable[[sqlite3.Connection], None]] = MIGRATIONS,
) -> StateFile:
    """Return the state that `open_state` would go on with, in memory; nothing is made, changed or renamed at `path`.

    The notices say what `open_state` would do. Raises StateError for a file that cannot be used.
    """
    try:
        folder = tempfile.TemporaryDirectory(prefix="tagline-state-")
    except OSError as error:
        raise StateUnavailable(f"cannot copy the state file {path}: {describe(error)}") from None
    with folder:
        # SQLite replays a killed process's log into the file that it opens, so it is not given the user's.
        opening = _Opening(path, Path(folder.name, "state.db"), machine, check_machine, now)
        _copy_unused(path, opening.file)
        connection = _open(opening, migrations)
        try:
            memory = _connect(":memory:")
            connection.backup(memory)
        finally:
            connection.close()
    return StateFile(memory, notices=tuple(opening.notices))


def _copy_unused(path: Path, copy: Path) -> None:
    """Copy a state file, if there is one, while no other process writes it. Raises StateInUse, StateUnavailable."""
    real = Path(os.path.realpath(path))  # SQLite's log is beside that
    is_locked = False
    while not is_locked:
        with _shared_lock(path) as is_locked:
            for companion in _COPIED:
                part = copy.with_name(copy.name + companion)
                try:
                    shutil.copyfile(real.with_name(real.name + companion), part)
                except (FileNotFoundError, NotADirectoryError):
                    part.unlink(missing_ok=True)
                except OSError as error:
                    raise StateUnavailable(f"cannot copy the state file {path}: {describe(error)}") from None
        if not _lock_name(path).exists():  # else a process may have begun meanwhile
            return


@contextmanager
def _shared_lock(path: Path) -> Iterator[bool]:
    """Keep writers of a state file away; the answer is False where none has ever made the lock."""
    try:
        lock = os.open(_lock_name(path), os.O_RDONLY | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        yield False
        return
    except OSError as error:
        raise StateUnavailable(f"cannot use the state file {path}: {describe(error)}: {error.filename}") from None
    try:
        _take(lock, path, fcntl.LOCK_SH)
        yield True
    finally:
        os.close(lock)


def _open(opening: _Opening, migrations: Sequence[Callable[[sqlite3.Connection], None]]) -> sqlite3.Connection:
    """Return the connection to a usable file; one that is not is kept aside first. Raises StateError."""
    _require_ours(opening, formats=len(migrations))
    try:
        return _open_checked(opening, migrations)
    except sqlite3.DatabaseError as error:
        _keep_aside(opening, "damaged", f"is damaged ({error})")
        return _open_checked(opening, migrations)


def _lock(path: Path) -> int:
    """Return a descriptor that holds the lock of a state file. Raises StateInUse, StateUnavailable."""
    name = _lock_name(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = os.open(name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StateUnavailable(f"cannot use the state file {path}: {describe(error)}: {error.filename}") from None
    try:
        _take(lock, path, fcntl.LOCK_EX)
    except BaseException:
        os.close(lock)
        raise
    os.ftruncate(lock, 0)
    os.pwrite(lock, f"process {os.getpid()} on {socket.gethostname()}\n".encode(), 0)
    return lock


def _lock_name(path: Path) -> Path:
    return path.with_name(f"{path.name}.lock")


def _take(lock: int, path: Path, how: int) -> None:
    """Lock an open file, or raise StateInUse, StateUnavailable."""
    try:
        fcntl.flock(lock, how | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.pread(lock, 200, 0).decode("utf-8", "replace").strip()
        raise StateInUse(
            f"the state file {path} is in use by another tagline{holder and f' ({holder})'}: wait for it to end, or "
            "name another file with --state"
        ) from None
    except OSError as error:
        raise StateUnavailable(f"cannot lock the state file {path}: {describe(error)}") from None


def _require_ours(opening: _Opening, *, formats: int) -> None:
    """Raise for a file that must be left alone: somebody else's, a newer version's, one that cannot be read."""
    path = opening.path
    try:
        with opening.file.open("rb") as file:
            header = file.read(_HEADER_BYTES)
    except FileNotFoundError:
        return
    except OSError as error:
        raise StateUnavailable(f"cannot read the state file {path}: {describe(error)}") from None
    if not any(header):  # empty, or what a power failure leaves of a file
        if header:
            _keep_aside(opening, "damaged", "is damaged (it holds nothing but zeros)")
        return
    application, format_ = header[68:72], int.from_bytes(header[60:64], "big")
    if not header.startswith(_MAGIC) or application not in (bytes(4), APPLICATION_ID.to_bytes(4, "big")):
        raise NotAState(f"{path} is not a state file of tagline; it was not touched. Name another file with --state")
    if format_ > formats:
        raise NewerState(
            f"the state file {path} was written by a newer version of tagline (format {format_}, this version knows "
            f"{formats}); it was not touched. Use that version, or name another file with --state"
        )


def _open_checked(opening: _Opening, migrations: Sequence[Callable[[sqlite3.Connection], None]]) -> sqlite3.Connection:
    """Return the connection to a file that is whole, ours and of the newest format. Raises DatabaseError."""
    path = opening.path
    try:
        os.close(os.open(opening.file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        opening.file.chmod(0o600)
    except OSError as error:
        raise StateUnavailable(f"cannot use the state file {path}: {describe(error)}") from None
    connection = _connect_unused(opening)
    try:
        if (verdict := connection.execute("PRAGMA quick_check(1)").fetchone()[0]) != "ok":
            raise sqlite3.DatabaseError(verdict)
        foreign = opening.check_machine and _other_host(connection, opening.machine)
        if not foreign:
            _migrate(connection, migrations)
            _sign(connection, opening.machine)
            return connection
    except sqlite3.OperationalError as error:
        connection.close()
        raise StateUnavailable(f"cannot use the state file {path}: {error}") from None
    except BaseException:
        connection.close()
        raise
    connection.close()
    _keep_aside(opening, "other-machine", f"was written on another machine ({foreign})")
    return _open_checked(opening, migrations)


def _connect_unused(opening: _Opening) -> sqlite3.Connection:
    """Connect to a file that no other program uses at the moment. Raises DatabaseError, StateUnavailable."""
    try:
        return _connect(str(opening.file))
    except sqlite3.OperationalError as error:  # locked by a shell or a backup: that is no damage
        raise StateUnavailable(f"cannot use the state file {opening.path}: {error}") from None


def _connect(database: str) -> sqlite3.Connection:
    connection = sqlite3.connect(database, isolation_level=None, timeout=BUSY_SECONDS)
    try:
        # Exclusive: no shared memory beside the file, and a program without our lock cannot write into it.
        for pragma in ("locking_mode = EXCLUSIVE", "journal_mode = WAL", "synchronous = NORMAL"):
            connection.execute(f"PRAGMA {pragma}")
    except BaseException:
        connection.close()
        raise
    return connection


def _migrate(connection: sqlite3.Connection, migrations: Sequence[Callable[[sqlite3.Connection], None]]) -> None:
    """Bring the file to the newest format: all of the way, or not at all."""
    found: int = connection.execute("PRAGMA user_version").fetchone()[0]
    if found == len(migrations):
        return
    connection.execute("BEGIN EXCLUSIVE")
    try:
        for migration in migrations[found:]:
            migration(connection)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {len(migrations)}")
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise


def _other_host(connection: sqlite3.Connection, machine: str) -> str:
    """Return the host that the file is from, if that is another machine; empty for this one or when it is unknown."""
    facts: dict[str, str] = {}
    with suppress(sqlite3.OperationalError):  # a new file has no facts yet
        facts = dict(connection.execute("SELECT name, value FROM facts"))
    theirs = facts.get(_MACHINE_FACT, "")
    return (facts.get(_HOST_FACT) or "unknown") if machine and theirs and theirs != machine else ""


def _sign(connection: sqlite3.Connection, machine: str) -> None:
    signed = {_MACHINE_FACT: machine, _HOST_FACT: socket.gethostname()}
    connection.executemany("INSERT OR REPLACE INTO facts VALUES (?, ?)", signed.items())


def _keep_aside(opening: _Opening, why: str, what: str) -> None:
    """Rename the file and what belongs to it, and note a sentence about it. Raises StateUnavailable."""
    path, file = opening.path, opening.file
    aside = file.with_name(f"{file.name}.{why}-{opening.now:%Y%m%dT%H%M%SZ}")
    number = 1
    while aside.exists():
        number += 1
        aside = file.with_name(f"{file.name}.{why}-{opening.now:%Y%m%dT%H%M%SZ}-{number}")
    try:
        for companion in _COMPANIONS:
            with suppress(FileNotFoundError):
                file.with_name(file.name + companion).rename(aside.with_name(aside.name + companion))
    except OSError as error:
        raise StateUnavailable(f"the state file {path} {what} and cannot be renamed: {describe(error)}") from None
    if file == path:
        opening.notices.append(f"the state file {path} {what}: it is kept as {aside}, and a new one is begun")
    else:
        opening.notices.append(
            f"the state file {path} {what}: it was not touched and not used. A run that writes would keep it aside "
            "under another name and begin a new one"
        )
