"""A folder for the objects of one process, removed by the next process when this one is killed.

A process that is killed (out of memory, `kill -9`) removes nothing, and a container's temporary folder outlives its
restarts: a crash loop would fill the node's disk. So each process locks its folder (flock, which the kernel drops with
the process), and whoever makes a new folder first removes those that nobody has locked, whatever they contain.
"""

import fcntl
import os
import shutil
import tempfile
from pathlib import Path

PREFIX = "tagline-git-"
PARENT_LOCK = f".tagline-git-{os.getuid()}.lock"
LOCK = "lock"


class WorkDir:
    """A folder, `path`, of this process alone until `remove`."""

    def __init__(self, parent: Path) -> None:
        """Make a folder in `parent` and remove those of dead processes. Raises OSError."""
        # One at a time: nobody must come upon a folder that is made and not yet locked.
        flags = os.O_CREAT | os.O_RDWR | os.O_CLOEXEC
        with os.fdopen(os.open(parent / PARENT_LOCK, flags | os.O_NOFOLLOW, 0o600), "r+") as parent_lock:
            fcntl.flock(parent_lock, fcntl.LOCK_EX)
            for leftover in parent.glob(f"{PREFIX}*"):
                if not _is_locked(leftover):
                    shutil.rmtree(leftover, ignore_errors=True)
            self.path = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
            self._lock = os.open(self.path / LOCK, flags, 0o600)
            fcntl.flock(self._lock, fcntl.LOCK_EX)

    def remove(self) -> None:
        """Remove the folder and everything in it."""
        shutil.rmtree(self.path, ignore_errors=True)
        os.close(self._lock)


def _is_locked(folder: Path) -> bool:
    """Return True while the process that made the folder lives, or when nobody can tell (another user's folder)."""
    try:
        lock = os.open(folder / LOCK, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(lock)
    return False
