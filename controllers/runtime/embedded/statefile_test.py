import os
import signal
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from controllers.runtime.embedded import statefile
from controllers.runtime.embedded.errors import NewerState, NotAState, StateInUse, StateUnavailable
from controllers.runtime.embedded.statefile import MIGRATIONS, StateFile, machine_identity, open_copy, open_state

NOW = datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)
NEXT: Sequence[Callable[[sqlite3.Connection], object]] = (
    *MIGRATIONS,
    lambda connection: connection.execute("CREATE TABLE more (value TEXT)"),
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "app.db"


def reopen(path: Path, **options: object) -> StateFile:
    return open_state(path, **({"now": NOW, "machine": "here"} | options))  # type: ignore[arg-type]


def remember(file: StateFile, value: str) -> None:
    file.connection.execute("INSERT OR REPLACE INTO facts VALUES ('test', ?)", (value,))


def remembered(file: StateFile) -> str:
    return str(file.connection.execute("SELECT max(value) FROM facts WHERE name = 'test'").fetchone()[0])


def write(path: Path, value: str = "kept") -> None:
    file = reopen(path)
    remember(file, value)
    file.close()


def copied(path: Path, **options: object) -> StateFile:
    return open_copy(path, **({"now": NOW, "machine": "here"} | options))  # type: ignore[arg-type]


def snapshot(folder: Path) -> dict[str, tuple[object, ...]]:
    """Return everything that a run could change of a folder."""
    return {
        str(entry.relative_to(folder)): (
            status.st_ino, status.st_mode, status.st_mtime_ns, entry.read_bytes() if entry.is_file() else b""
        )
        for entry in (folder, *folder.rglob("*"))
        for status in (entry.stat(),)
    }  # fmt: skip


def test_only_its_owner_may_read_it(path: Path) -> None:
    path.parent.mkdir()
    path.touch(0o644)
    file = reopen(path)
    remember(file, "x")
    modes = {entry.name: stat.S_IMODE(entry.stat().st_mode) for entry in path.parent.iterdir()}
    file.close()
    assert set(modes) == {"app.db", "app.db.lock", "app.db-wal"}
    assert set(modes.values()) == {0o600}
    assert {entry.name for entry in path.parent.iterdir()} == {"app.db", "app.db.lock"}


def test_what_was_written_is_there_the_next_time(path: Path) -> None:
    write(path)
    file = reopen(path)
    assert (remembered(file), file.notices) == ("kept", ())
    file.close()


def test_a_second_process_is_told_who_has_it(path: Path) -> None:
    file = reopen(path)
    with pytest.raises(StateInUse, match=rf"in use by another tagline \(process {os.getpid()} on "):
        reopen(path)
    file.close()
    reopen(path).close()


def write_and_die(path: Path) -> None:
    """Write as a process does that is killed: the log is not written back, the lock file names it."""
    code = (
        "import sys, os, signal; from pathlib import Path; from datetime import datetime, UTC\n"
        "from controllers.runtime.embedded.statefile import open_state\n"
        "file = open_state(Path(sys.argv[1]), now=datetime.now(UTC), machine='here')\n"
        "file.connection.execute(\"INSERT INTO facts VALUES ('test', 'kept')\")\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run([sys.executable, "-c", code, path], check=False)
    assert done.returncode == -signal.SIGKILL


def test_a_killed_process_leaves_the_lock_and_what_it_wrote(path: Path) -> None:
    write_and_die(path)
    file = reopen(path)
    assert (remembered(file), file.notices) == ("kept", ())
    file.close()


DAMAGES = pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda data: bytes(len(data)), id="zeros"),
        pytest.param(lambda data: data[:5000], id="cut"),
        pytest.param(lambda data: data[:4096] + os.urandom(len(data) - 4096), id="overwritten"),
        pytest.param(lambda data: data[:100] + os.urandom(3996) + data[4096:], id="first-page"),
    ],
)


@DAMAGES
def test_a_damaged_file_is_kept_aside_and_reported(path: Path, damage: Callable[[bytes], bytes]) -> None:
    write(path)
    damaged = damage(path.read_bytes())
    path.write_bytes(damaged)
    file = reopen(path)
    aside = path.with_name("app.db.damaged-20300102T030405Z")
    assert remembered(file) == "None"
    (notice,) = file.notices
    assert f"the state file {path} is damaged" in notice
    assert f"it is kept as {aside}, and a new one is begun" in notice
    assert aside.read_bytes() == damaged
    file.close()
    path.write_bytes(damaged)
    reopen(path).close()
    assert path.with_name("app.db.damaged-20300102T030405Z-2").read_bytes() == damaged


def test_a_file_that_another_program_uses_is_no_damaged_one(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(path)
    monkeypatch.setattr(statefile, "BUSY_SECONDS", 0.0)
    shell = sqlite3.connect(path, isolation_level=None)
    try:
        shell.execute("BEGIN")
        shell.execute("SELECT * FROM facts").fetchall()
        with pytest.raises(StateUnavailable, match=f"cannot use the state file {path}: database is locked"):
            reopen(path)
    finally:
        shell.close()
    assert not list(path.parent.glob("*.damaged-*"))
    file = reopen(path)
    assert (remembered(file), file.notices) == ("kept", ())
    file.close()


def test_an_empty_file_is_a_beginning(path: Path) -> None:
    path.parent.mkdir()
    path.touch()
    file = reopen(path)
    assert file.notices == ()
    file.close()


def test_another_machines_file_is_kept_aside_unless_it_may_move(path: Path) -> None:
    write(path)
    moved = reopen(path, machine="there", check_machine=False)
    assert (remembered(moved), moved.notices) == ("kept", ())
    moved.close()
    unknown = reopen(path, machine="")  # a container without an identity
    assert remembered(unknown) == "kept"
    unknown.close()
    write(path)
    other = reopen(path, machine="there")
    (notice,) = other.notices
    assert "was written on another machine (" in notice
    assert remembered(other) == "None"
    other.close()
    aside = reopen(path.with_name("app.db.other-machine-20300102T030405Z"))
    assert remembered(aside) == "kept"
    aside.close()


@pytest.mark.parametrize("content", [b"kind: ImagePolicy\n", b"\x7fELF" + bytes(200)], ids=["text", "binary"])
def test_other_files_are_left_alone(path: Path, content: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(content)
    with pytest.raises(NotAState, match="was not touched"):
        reopen(path)
    assert path.read_bytes() == content


def test_another_programs_database_is_left_alone(path: Path) -> None:
    path.parent.mkdir()
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA application_id = 7")
    connection.execute("CREATE TABLE theirs (a)")
    connection.close()
    with pytest.raises(NotAState):
        reopen(path)


def test_an_older_format_is_brought_to_the_newest(path: Path) -> None:
    write(path)
    file = reopen(path, migrations=NEXT)
    assert remembered(file) == "kept"
    file.connection.execute("INSERT INTO more VALUES ('x')")
    file.close()


def test_a_migration_that_fails_changes_nothing(path: Path) -> None:
    def failing(connection: sqlite3.Connection) -> None:
        connection.execute("DELETE FROM facts")
        connection.execute("no sql")

    write(path)
    with pytest.raises(StateUnavailable, match="syntax error"):
        reopen(path, migrations=(*MIGRATIONS, failing))
    file = reopen(path)
    assert remembered(file) == "kept"
    file.close()


def test_a_newer_format_is_left_alone(path: Path) -> None:
    reopen(path, migrations=NEXT).close()
    before = path.read_bytes()
    with pytest.raises(NewerState, match=r"newer version of tagline \(format 2, this version knows 1\)"):
        reopen(path)
    assert path.read_bytes() == before
    reopen(path, migrations=NEXT).close()


def test_the_operating_systems_refusal_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StateUnavailable, match="cannot use the state file"):
        reopen(tmp_path / "file" / "app.db")
    (tmp_path / "folder").mkdir()
    with pytest.raises(StateUnavailable, match="cannot read the state file"):
        reopen(tmp_path / "folder")


@DAMAGES
def test_a_copy_of_a_damaged_file_is_empty_and_the_file_stays(path: Path, damage: Callable[[bytes], bytes]) -> None:
    write(path)
    path.write_bytes(damage(path.read_bytes()))
    before = snapshot(path.parent)
    file = copied(path)
    (notice,) = file.notices
    assert f"the state file {path} is damaged" in notice
    assert "it was not touched and not used. A run that writes would keep it aside" in notice
    assert remembered(file) == "None"
    file.close()
    assert snapshot(path.parent) == before


def test_a_copy_of_another_machines_file_is_empty_and_the_file_stays(path: Path) -> None:
    write(path)
    before = snapshot(path.parent)
    other = copied(path, machine="there")
    (notice,) = other.notices
    assert "was written on another machine (" in notice
    assert "it was not touched and not used" in notice
    assert remembered(other) == "None"
    other.close()
    moved = copied(path, machine="there", check_machine=False)
    assert (remembered(moved), moved.notices) == ("kept", ())
    moved.close()
    assert snapshot(path.parent) == before
    file = reopen(path)
    assert (remembered(file), file.notices) == ("kept", ())
    file.close()


def test_a_copy_has_what_a_killed_process_wrote_and_is_brought_to_the_newest_format(path: Path, tmp_path: Path) -> None:
    write_and_die(path)
    link = tmp_path / "link.db"
    link.symlink_to(path)
    before = snapshot(tmp_path)
    assert path.with_name("app.db-wal").stat().st_size
    for place in (path, link):
        file = copied(place, migrations=NEXT)
        assert (remembered(file), file.notices) == ("kept", ())
        file.connection.execute("INSERT INTO more VALUES ('x')")
        file.close()
    assert snapshot(tmp_path) == before


def test_a_copy_of_nothing_makes_nothing(path: Path, tmp_path: Path) -> None:
    file = copied(path)
    assert (remembered(file), file.notices) == ("None", ())
    file.close()
    assert list(tmp_path.iterdir()) == []


def test_a_copy_needs_no_lock_file_and_no_right_to_write(path: Path) -> None:
    write(path)
    path.with_name("app.db.lock").unlink()
    path.chmod(0o400)
    path.parent.chmod(0o500)
    before = snapshot(path.parent)
    file = copied(path)
    assert remembered(file) == "kept"
    file.close()
    assert snapshot(path.parent) == before
    path.parent.chmod(0o700)


def test_a_file_in_use_is_not_copied(path: Path) -> None:
    file = reopen(path)
    with pytest.raises(StateInUse, match=rf"in use by another tagline \(process {os.getpid()} on "):
        copied(path)
    file.close()
    copied(path).close()


def test_no_copy_is_made_of_what_is_no_state_of_this_version(path: Path, tmp_path: Path) -> None:
    reopen(path, migrations=NEXT).close()
    before = snapshot(tmp_path)
    with pytest.raises(NewerState, match="was not touched"):
        copied(path)
    with pytest.raises(StateUnavailable, match="cannot copy the state file"):
        copied(path.parent)
    assert snapshot(tmp_path) == before


def test_a_machine_is_recognised_without_giving_its_id_away(tmp_path: Path) -> None:
    file = tmp_path / "machine-id"
    assert machine_identity(file) == ""
    file.write_text("")
    assert machine_identity(file) == ""
    file.write_text("0123456789abcdef0123456789abcdef\n")
    identity = machine_identity(file)
    assert identity == machine_identity(file)
    assert len(identity) == 32
    assert "0123456789abcdef" not in identity
