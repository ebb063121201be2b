"""The marked files of a checkout, as a run finds those of a commit (`git.objects.scan`); not so narrow in size."""

import mmap
import os
import stat
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from controllers.git.objects.scan import File
from controllers.worktree.committed import AS_THEY_ARE, CommittedContents, UnknownContent
from controllers.worktree.errors import WorkTreeError

MAX_FILE_BYTES = 128 << 20
"""As for objects of Git: larger files are not read. What a run may edit is less: `check_sizes` of the scan."""
MARKER_KEY = b"$imagepolicy"
"""What a file must have to be worth a word when it is too large."""


@dataclass(frozen=True, slots=True)
class UnreadableFile:
    """A file that a run might have to edit and that cannot be read here."""

    path: str
    reason: str


@dataclass(frozen=True, slots=True)
class MarkedFiles:
    """What was found: files with a marker in the order of a directory walk, and files that could not be looked at."""

    files: Sequence[File]
    unreadable: Sequence[UnreadableFile]


def find_marked_files(
    root: Path,
    paths: Sequence[bytes],
    below: str,
    *,
    is_wanted: Callable[[str], bool],
    has_marker: Callable[[bytes], bool],
    contents: CommittedContents = AS_THEY_ARE,
) -> MarkedFiles:
    """Return the files at or below a path that have a wanted base name and `has_marker`, as they are committed.

    root: of the checkout. paths: its files, from the root. below: from the root, "" for all; a leading slash stands for
    the root. contents: of this root. A link to a file is followed where that lies below the path, too. Raises
    WorkTreeError where nothing is at the path.
    """
    top = os.path.realpath(os.fsencode(root))
    start = _resolve_start(top, os.fsencode(below.lstrip("/")), contents.absent)
    known = set(paths)
    files: list[File] = []
    unreadable: list[UnreadableFile] = []
    for path in paths:
        name = os.fsdecode(os.path.basename(path))
        if not is_wanted(name) or not _is_below(path, start):
            continue
        try:
            target = _target(top, path, start=start, known=known)
            if target is None and path in contents.absent:
                target = path
            data = _read_marked(top, target, has_marker, contents) if target is not None else None
        except OSError as error:
            unreadable.append(UnreadableFile(os.fsdecode(path), os.strerror(error.errno or 0)))
            continue
        except UnknownContent as error:
            unreadable.append(UnreadableFile(os.fsdecode(path), str(error)))
            continue
        except _TooLarge:
            reason = f"has markers and more than {MAX_FILE_BYTES >> 20} MiB"
            unreadable.append(UnreadableFile(os.fsdecode(path), reason))
            continue
        if target is not None and data is not None:
            files.append(File(os.fsdecode(path), os.fsdecode(target), data))
    return MarkedFiles(files, unreadable)


class _TooLarge(Exception):
    """A file that no run would edit."""


def _resolve_start(top: bytes, below: bytes, absent: Collection[bytes]) -> bytes:
    """Return the real path of the start, from the root; b"" for the root."""
    start = os.path.realpath(os.path.join(top, below))
    if start != top and not start.startswith(top + b"/"):
        raise WorkTreeError(f"the path {os.fsdecode(below)} leads out of {os.fsdecode(top)}")
    if not os.path.exists(start) and not any(_is_below(path, below) for path in absent):
        raise WorkTreeError(f"there is no {os.fsdecode(below)} in {os.fsdecode(top)}")
    return os.path.relpath(start, top) if start != top else b""


def _is_below(path: bytes, start: bytes) -> bool:
    return not start or path == start or path.startswith(start + b"/")


def _target(top: bytes, path: bytes, *, start: bytes, known: set[bytes]) -> bytes | None:
    """Return the file that a path stands for, from the root; None for what is not edited."""
    full = os.path.join(top, path)
    mode = os.lstat(full).st_mode if os.path.lexists(full) else 0  # 0: removed and not committed yet
    if stat.S_ISREG(mode):
        return path
    if not stat.S_ISLNK(mode):
        return None
    real = os.path.realpath(full)
    target = real.removeprefix(top + b"/")
    is_file = target in known and os.path.isfile(real) and not os.path.islink(real)
    return target if is_file and _is_below(target, start) else None


def _read_marked(
    top: bytes, path: bytes, has_marker: Callable[[bytes], bool], contents: CommittedContents
) -> bytes | None:
    """Return the bytes of a file that has the marker, None for others. Raises UnknownContent, _TooLarge, OSError."""
    try:
        data = _read_wanted(os.path.join(top, path), has_marker)
    except FileNotFoundError:
        if path not in contents.absent:
            raise
        data = contents.read_absent(path)
        return data if has_marker(data) else None
    name = contents.filter_of(path)
    if data is None and not name:  # nothing else makes a marker where there is none, but for encodings
        return _read_converted(top, path, has_marker, contents)
    if data is None:
        return None
    committed = contents.read(path, data)
    if has_marker(committed):
        return committed
    if name:
        raise UnknownContent(f"its markers are not in what is committed, which the filter '{name}' has made")
    return None


def _read_converted(
    top: bytes, path: bytes, has_marker: Callable[[bytes], bool], contents: CommittedContents
) -> bytes | None:
    """Return the bytes of a file whose encoding hides its markers in the work tree; None for others."""
    if not contents.is_encoded(path):
        return None
    with open(os.path.join(top, path), "rb") as file:
        data = contents.read(path, file.read(MAX_FILE_BYTES))
    return data if has_marker(data) else None


def _read_wanted(path: bytes, has_marker: Callable[[bytes], bool]) -> bytes | None:
    """Return the bytes of a file in the work tree that has the marker, None for others."""
    with open(path, "rb") as file:
        if os.fstat(file.fileno()).st_size > MAX_FILE_BYTES:
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
                if mapped.find(MARKER_KEY) < 0:
                    return None
            raise _TooLarge
        data = file.read()
        return data if has_marker(data) else None
