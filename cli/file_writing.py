"""Writes files of a checkout, all or none.

New contents are written beside the old files and then renamed. Names in a repository are not ours: a symbolic link in
the place of a file, or of a folder on the way to it, could lead what is written to anywhere, and is refused.
"""

import os
import signal
import stat
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from controllers.net.foreign_text import escape

_PREFIX: Final = ".tagline-"
"""Of temporary files; not the name of the file, which may be as long as the file system allows."""


class NotWritten(Exception):
    """The text says which file could not be written, why, and whether others were."""


class _Fault(Exception):
    """A file cannot be written; the text is its name and the reason."""


@dataclass(slots=True)
class _Replacement:
    """A file in the state of being replaced. Names of files; empty where there is none."""

    target: Path
    new: str = ""
    """The new content."""
    old: str = ""
    """A second name of the old content, until all is done."""


@dataclass(slots=True)
class _Writing:
    replacements: list[_Replacement] = field(default_factory=list)
    folders: list[Path] = field(default_factory=list)
    """Those that were made for it."""


def write_files(folder: Path, contents: Mapping[str, bytes]) -> None:
    """Replace or make files as a whole, all or none. contents: by path, relative to the folder.

    Ctrl-C counts before the first file is replaced or after the last one. Raises NotWritten; nothing has changed then,
    unless the text says otherwise.
    """
    writing = _Writing()
    try:
        for path in contents:
            _require_replaceable(folder, path)
        for path, data in contents.items():
            with _naming(folder / path):
                _prepare(folder / path, data, writing)
        with _uninterrupted():
            _replace_all(writing)
        writing.folders.clear()
    except _Fault as fault:
        raise NotWritten(f"nothing was written: {fault}") from None
    finally:
        _clear(writing)


def why_unwritable(folder: Path, path: str) -> str:
    """Return why `write_files` would refuse a path, whatever the content; empty if it would not."""
    try:
        _require_replaceable(folder, path)
    except _Fault as fault:
        return str(fault)
    return ""


def _require_replaceable(folder: Path, path: str) -> None:
    """Raise _Fault unless a path is that of a file, or of nothing yet, that is reached without symbolic links.

    path: relative to the folder. One that leads out of it was given by the user, so its folders may be links.
    """
    target = folder / path
    inside = os.path.normpath(path)
    steps = [] if inside.startswith("..") or os.path.isabs(inside) else [*Path(inside).parents][:-1]
    for step in (*(folder / step for step in reversed(steps)), target):
        with _naming(target):
            mode = _mode(step)
        if stat.S_ISLNK(mode):
            raise _Fault(f"{_shown(step)}: a symbolic link, through which nothing is written: name a file itself")
    if stat.S_ISDIR(mode):
        raise _Fault(f"{_shown(target)}: a folder: name a file in it")
    if mode and not stat.S_ISREG(mode):
        raise _Fault(f"{_shown(target)}: no file: name another one")


def _mode(path: Path) -> int:
    """Return the mode of what has a name, 0 where nothing has it. Raises OSError."""
    try:
        return path.lstat().st_mode
    except FileNotFoundError:
        return 0


def _prepare(target: Path, data: bytes, writing: _Writing) -> None:
    """Write a file beside its target, with the target's permissions. Raises OSError."""
    missing = [parent for parent in target.parents if not parent.exists()]
    for parent in reversed(missing):
        parent.mkdir()
        writing.folders.append(parent)
    descriptor, temporary = tempfile.mkstemp(prefix=_PREFIX, dir=target.parent)
    writing.replacements.append(_Replacement(target, temporary))
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
    os.chmod(temporary, stat.S_IMODE(_mode(target)) or 0o644)


def _replace_all(writing: _Writing) -> None:
    """Put the new files in the place of the old ones; put those back when that fails. Raises _Fault, NotWritten."""
    done: list[_Replacement] = []
    try:
        for replacement in writing.replacements[:-1]:  # the last one is replaced or not, so it needs no second name
            with _naming(replacement.target):
                replacement.old = _keep(replacement.target)
        for replacement in writing.replacements:
            with _naming(replacement.target):
                os.replace(replacement.new, replacement.target)
            replacement.new = ""
            done.append(replacement)
    except _Fault as fault:
        if changed := [replacement for replacement in done if not _put_back(replacement)]:
            names = ", ".join(map(_leave, changed))
            raise NotWritten(f"{fault}; these files were written before that and cannot be put back: {names}") from None
        raise


def _leave(replacement: _Replacement) -> str:
    """Keep the old content that could not be put back; return the names of both."""
    old, replacement.old = replacement.old, ""
    return _shown(replacement.target) + (f" (its old content is in {_shown(Path(old))})" if old else "")


def _keep(target: Path) -> str:
    """Give a file a second name, and return that; empty where there is no file. Raises OSError."""
    if not _mode(target):
        return ""
    descriptor, kept = tempfile.mkstemp(prefix=_PREFIX, dir=target.parent)
    os.close(descriptor)
    os.unlink(kept)
    try:
        os.link(target, kept, follow_symlinks=False)
    except OSError:  # a file system without second names
        Path(kept).write_bytes(target.read_bytes())
        os.chmod(kept, stat.S_IMODE(_mode(target)))
    return kept


def _put_back(replacement: _Replacement) -> bool:
    """Undo a replacement; return whether that worked."""
    try:
        if replacement.old:
            os.replace(replacement.old, replacement.target)
            replacement.old = ""
        else:
            os.unlink(replacement.target)
    except OSError:
        return False
    return True


def _clear(writing: _Writing) -> None:
    """Remove what was made on the way: all names but those of the files, and folders if they are left empty."""
    for replacement in writing.replacements:
        for name in filter(None, (replacement.new, replacement.old)):
            with suppress(OSError):
                os.unlink(name)
    for folder in reversed(writing.folders):
        with suppress(OSError):
            folder.rmdir()


@contextmanager
def _naming(target: Path) -> Iterator[None]:
    """Raise _Fault for the target in place of an OSError, which names a file that nobody knows."""
    try:
        yield
    except OSError as error:
        raise _Fault(f"{_shown(target)}: {error.strerror or type(error).__name__}") from None


def _shown(path: Path) -> str:
    return escape(os.fspath(path))


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Keep Ctrl-C for the end."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    pending: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _: pending.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if pending:
        raise KeyboardInterrupt
