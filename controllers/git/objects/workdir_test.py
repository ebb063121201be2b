import os
import signal
import subprocess
import sys
from pathlib import Path

from controllers.git.objects.workdir import LOCK, PARENT_LOCK, PREFIX, WorkDir

HOLD = """
import sys
from pathlib import Path
from controllers.git.objects.workdir import WorkDir
held = WorkDir(Path(sys.argv[1]))
(held.path / "pack").write_text("objects")
print(held.path, flush=True)
sys.stdin.read()
"""


def folders(parent: Path) -> set[Path]:
    return set(parent.glob(f"{PREFIX}*"))


def test_folders_of_living_processes_are_left_alone_and_of_killed_ones_removed(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, tmp_path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout
        theirs = Path(other.stdout.readline().strip())
        first = WorkDir(tmp_path)
        assert folders(tmp_path) == {theirs, first.path}
        os.kill(other.pid, signal.SIGKILL)
        other.wait()
    second = WorkDir(tmp_path)
    assert folders(tmp_path) == {first.path, second.path}
    first.remove()
    second.remove()
    assert list(tmp_path.iterdir()) == [tmp_path / PARENT_LOCK]


def test_folder_that_was_never_locked_is_removed(tmp_path: Path) -> None:
    (tmp_path / f"{PREFIX}half-made").mkdir()
    made = WorkDir(tmp_path)
    assert folders(tmp_path) == {made.path}
    made.remove()


def test_folder_that_cannot_be_read_is_left_alone(tmp_path: Path) -> None:
    foreign = tmp_path / f"{PREFIX}foreign"
    foreign.mkdir()
    (foreign / LOCK).mkdir()  # opening it fails as an unreadable file would, also for root
    made = WorkDir(tmp_path)
    assert folders(tmp_path) == {foreign, made.path}
    made.remove()


def test_folder_is_readable_by_its_owner_only(tmp_path: Path) -> None:
    made = WorkDir(tmp_path)
    assert made.path.stat().st_mode & 0o777 == 0o700
    made.remove()
