"""A folder for one process's objects, of which no killed process leaves anything behind for long.

A process that is killed (out of memory, `kill -9`) removes nothing, and a container's temporary folder outlives its
restarts: a crash loop would fill the node's disk. Each folder is therefore locked by its process (flock, which the
kernel drops with it), and whoever makes a new one first removes those that nobody holds. It does not look inside.
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
    """`path` is this process's alone until `remove`."""

    def __init__(self, parent: Path) -> None:
        """A fresh folder in `parent`; those of dead processes are removed. Raises OSError."""
        # One at a time, so that a folder is never seen between being made and being locked.
        flags = os.O_CREAT | os.O_RDWR | os.O_CLOEXEC
        with os.fdopen(os.open(parent / PARENT_LOCK, flags | os.O_NOFOLLOW, 0o600), "r+") as gate:
            fcntl.flock(gate, fcntl.LOCK_EX)
            for left in parent.glob(f"{PREFIX}*"):
                if not _is_locked(left):
                    shutil.rmtree(left, ignore_errors=True)
            self.path = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
            self._lock = os.open(self.path / LOCK, flags, 0o600)
            fcntl.flock(self._lock, fcntl.LOCK_EX)

    def remove(self) -> None:
        """Removes the folder and everything in it."""
        shutil.rmtree(self.path, ignore_errors=True)
        os.close(self._lock)


def _is_locked(folder: Path) -> bool:
    """True while the process that made the folder lives, or when that cannot be told (another user's)."""
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
