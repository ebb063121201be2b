"""A folder of files on this machine, most often a Git checkout: which files it has, and how they are read.

Git is asked only which files it ignores. Repositories inside the folder, submodules among them, are left out.
Symbolic links are not followed: what they lead to is in the folder anyway, or is not ours to change.
"""

import errno
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from cli.file_writing import NotWritten
from cli.reading import TooLarge, UnfitFile, read_file
from controllers.net.foreign_text import escape
from controllers.net.url import show_remote
from controllers.worktree.committed import AS_THEY_ARE, CommittedContents, UnknownContent
from controllers.worktree.errors import WorkTreeError
from controllers.worktree.paths import ask_git

MAX_FILE_BYTES = 10 << 20
"""Nobody writes larger manifests by hand."""


_Identity = tuple[int, int, int] | None
"""Inode, size and time of a file; None where there is none."""


class BadFolder(Exception):
    """The folder cannot be used; the text says what to do."""


@dataclass(frozen=True, slots=True)
class UnreadFile:
    """A file that was left out, and why."""

    path: str
    reason: str
    is_fault: bool = True
    """Whether it should have been read; False for what the checkout leaves out on purpose."""


@dataclass(frozen=True, slots=True)
class CheckedOutFolder:
    """A folder, or one file of it."""

    folder: Path
    """What paths are relative to."""
    files: tuple[str, ...]
    """Slash-separated paths, sorted; also of files that turn out to be links or gone."""
    root: Path
    """Of the Git repository; the folder itself where there is none."""
    is_file: bool
    """Whether one file was named instead of a folder."""
    branch: str = ""
    """The branch that is checked out; empty where there is none."""
    contents: CommittedContents = AS_THEY_ARE
    """What a commit would hold of the files."""
    _identities: dict[str, _Identity] = field(default_factory=dict, repr=False, compare=False)
    """By path, of what was read first."""

    @property
    def is_whole(self) -> bool:
        """Whether this is all that is known to belong together: a repository, or without one what was named."""
        return not self.is_repository or (not self.is_file and not self.in_repository)

    @property
    def is_repository(self) -> bool:
        """Whether it is in a Git repository."""
        return (self.root / ".git").exists()

    def read(self, path: str) -> bytes:
        """Return what a commit would hold of a file. Raises UnknownContent, WorkTreeError, UnfitFile, OSError."""
        name = os.fsencode(path)
        self._identities.setdefault(path, _identify(self.folder / path))
        try:
            data = read_file(os.path.join(self.folder, path), limit=MAX_FILE_BYTES, follow_links=False)
        except FileNotFoundError:
            if name not in self.contents.absent:
                raise
            return self.contents.read_absent(name)
        return self.contents.read(name, data)

    def why_read_only(self, path: str) -> str:
        """Return why an edit of a file cannot be written to the work tree; empty if it can. Raises OSError."""
        return self.contents.why_read_only(os.fsencode(path))

    def to_work_tree(self, path: str, new: bytes) -> bytes:
        """Return a new content of a file as the work tree is to hold it; where there is no file, it is that already.

        Raises NotWritten for a file that is another one than was read, or gone; OSError.
        """
        full = self.folder / path
        now = _identify(full)
        if self._identities.get(path, now) != now:
            raise NotWritten(f"nothing was written: {escape(path)} has changed since it was read: run this again")
        return self.contents.to_work_tree(os.fsencode(path), full.read_bytes(), new) if now else new

    @property
    def in_repository(self) -> str:
        """Where the folder is in its repository; empty for the root."""
        inside = self.folder.resolve().relative_to(self.root.resolve()).as_posix()
        return "" if inside == "." else inside


def open_checkout(path: str, *, hidden: bool, listing: bool = True) -> CheckedOutFolder:
    """Return the files of a folder, or the one file that `path` names.

    hidden: also files and folders whose names begin with a dot. listing: False asks nobody for files and what they
    are committed as. Raises BadFolder.
    """
    place = Path(path)
    if not os.path.exists(path):
        if "://" in path:
            raise BadFolder(f"{show_remote(path)} is a URL: clone it, and name the clone")
        raise BadFolder(f"{path}: there is no such file or folder")
    if not os.path.isdir(path):
        folder = place.parent
        root = _find_root(folder)
        if not listing:
            return CheckedOutFolder(folder, (), root or folder, True)
        return CheckedOutFolder(
            folder, (place.name,), root or folder, True, _read_branch(root), _open_contents(folder, root)
        )
    if (place / "HEAD").is_file() and (place / "objects").is_dir() and not (place / ".git").exists():
        raise BadFolder(f"{path} is a bare repository, which has no files to read: clone it, and name the clone")
    root = _find_root(place)
    if not listing:
        return CheckedOutFolder(place, (), root or place, False)
    found: Iterable[str] = _list_by_git(place) if root else _walk(place)
    if not hidden:
        found = (name for name in found if not name.startswith(".") and "/." not in name)
    files = tuple(sorted(found))
    return CheckedOutFolder(place, files, root or place, False, _read_branch(root), _open_contents(place, root))


def read_files(
    checkout: CheckedOutFolder, wanted: Callable[[str], bool], unread: list[UnreadFile]
) -> Iterator[tuple[str, bytes]]:
    """Yield path and bytes of the files whose paths are wanted, but for empty ones, as they are committed.

    unread: gets what cannot be read.
    """
    for path in checkout.files:
        if not wanted(path):
            continue
        try:
            data = checkout.read(path)
        except UnknownContent as error:
            unread.append(UnreadFile(path, f"left out: {error}", is_fault=False))
        except WorkTreeError as error:
            unread.append(UnreadFile(path, f"left out: {error}"))
        except TooLarge as error:
            unread.append(UnreadFile(path, f"left out: {error}"))
        except UnfitFile:
            continue
        except OSError as error:
            if error.errno not in {errno.ENOENT, errno.ELOOP, errno.ENOTDIR}:  # deleted, a link, below a link
                unread.append(UnreadFile(path, f"left out: {error.strerror or type(error).__name__}"))
        else:
            if data:
                yield path, data


def report_left_out(unread: Iterable[UnreadFile]) -> Iterator[str]:
    """Yield sentences on files that the checkout leaves out: one for each reason."""
    by_reason: dict[str, list[str]] = {}
    for file in unread:
        if not file.is_fault:
            by_reason.setdefault(file.reason, []).append(file.path)
    for reason, paths in by_reason.items():
        more = f" and {len(paths) - 1} more" if len(paths) > 1 else ""
        yield f"{escape(paths[0])}{more}: {reason}"


def _identify(file: Path) -> _Identity:
    """Return what is another one after most edits; contents are not compared."""
    try:
        status = file.lstat()
    except OSError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns


def _open_contents(folder: Path, root: Path | None) -> CommittedContents:
    """Return what a commit would hold of a folder's files. Raises BadFolder."""
    try:
        return CommittedContents(folder, is_repository=root is not None)
    except WorkTreeError as error:
        raise BadFolder(str(error)) from None


def _find_root(folder: Path) -> Path | None:
    """Return the root of the repository that a folder is in."""
    here = folder.resolve()
    return next((parent for parent in (here, *here.parents) if (parent / ".git").exists()), None)


def _read_branch(root: Path | None) -> str:
    """Return the branch that HEAD names, "" for a detached one or none."""
    if root is None:
        return ""
    dot_git = root / ".git"
    with suppress(OSError, ValueError):
        if dot_git.is_file():  # a worktree or a submodule
            dot_git = root / dot_git.read_text().removeprefix("gitdir:").strip()
        head = (dot_git / "HEAD").read_text().strip()
        if head.startswith("ref: refs/heads/"):
            return head.removeprefix("ref: refs/heads/")
    return ""


def _list_by_git(folder: Path) -> list[str]:
    """Return the files that Git has or would add. Raises BadFolder where Git cannot say."""
    try:
        listed = ask_git(folder, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    except WorkTreeError as error:
        raise BadFolder(str(error)) from None
    return list({os.fsdecode(name) for name in listed.split(b"\0") if name})


def _walk(folder: Path) -> Iterator[str]:
    """Yield the files below a folder, without `.git` and what is in repositories of its own."""
    base = os.fspath(folder)
    for parent, folders, names in os.walk(base):
        folders[:] = [
            name for name in folders if name != ".git" and not os.path.exists(os.path.join(parent, name, ".git"))
        ]
        inside = os.path.relpath(parent, base)
        yield from (name if inside == "." else f"{inside}/{name}" for name in names)
