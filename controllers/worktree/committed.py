"""What a commit of a checkout would hold of a file, where the work tree holds something else, or nothing.

Git converts line ends, encodings and keywords on the way, and hands files to filters (git-lfs, git-crypt); a sparse
checkout leaves files out. Controllers see what is committed, and so must who judges for them.
https://git-scm.com/docs/gitattributes

Nothing is written to the repository, nothing is fetched, and no filter is run, since the repository may have said which
program that is. So the content of a file with a filter is what is staged, and unknown for one that has changed since.
"""

import bisect
import os
import re
import tempfile
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from controllers.worktree.errors import WorkTreeError
from controllers.worktree.paths import ask_git

MAX_FILE_BYTES: Final = 128 << 20
_GROUP: Final = 256
"""So many contents are asked for at a time."""
_GROUP_BYTES: Final = 16 << 20
"""So much of what nobody has asked for yet: where line ends are converted, every binary file is special, too."""
_DEBUG: Final = re.compile(rb"([^\0]+)\0  ctime: .*\n  mtime: (\d+:\d+)\n  dev: .*\n  uid: .*\n  size: (\d+).*\n")
_REGULAR: Final = (b"100644", b"100755")
_OFF: Final = (b"unset", b"unspecified")
_NO_FETCH: Final = {"GIT_NO_LAZY_FETCH": "1", "GIT_ALLOW_PROTOCOL": "none"}


class UnknownContent(Exception):
    """It is not known what would be committed of a file; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class _Staged:
    is_absent: bool
    """Not checked out."""
    id: str


class CommittedContents:
    """Contents of the files of a folder, by their paths from there. Safe to use from one thread."""

    def __init__(self, folder: Path, *, is_repository: bool) -> None:
        """Ask Git which files are special. Raises WorkTreeError."""
        self._folder = folder
        self._staged = _list_staged(folder) if is_repository else {}
        self.absent = {path for path, staged in self._staged.items() if staged.is_absent}
        """Files that a sparse checkout leaves out."""
        self._filters: dict[bytes, str] = {}
        """The program that a file goes through, by its name."""
        self._encoded: set[bytes] = set()
        self._marks: dict[bytes, bytes] = {}
        """What a file must have in the work tree to be another one when committed; empty: it is in any case."""
        if is_repository:
            self._read_attributes()
        self._special = sorted({*self._marks, *self.absent})
        self._changed: set[bytes] | None = None
        self._group: dict[bytes, bytes | str] = {}
        """Contents, or why they are unknown."""

    @property
    def is_plain(self) -> bool:
        """Whether every file is committed as it is."""
        return not self._special

    def read(self, path: bytes, data: bytes) -> bytes:
        """Return what is committed of a file. data: its bytes in the work tree.

        Raises UnknownContent, WorkTreeError.
        """
        mark = self._marks.get(path)
        if mark is None or mark not in data:
            return data
        return self._find(path)

    def read_absent(self, path: bytes) -> bytes:
        """Return the content of a file that is not checked out. Raises UnknownContent, WorkTreeError."""
        return self._find(path)

    def filter_of(self, path: bytes) -> str:
        """Return the name of the program that a file goes through when it is committed; empty for none."""
        return self._filters.get(path, "")

    def is_encoded(self, path: bytes) -> bool:
        """Return whether a file is in the work tree in an encoding of its own."""
        return path in self._encoded

    def is_opaque(self, path: bytes) -> bool:
        """Return whether the work tree does not show which words the committed file has."""
        return path in self._encoded or path in self._filters

    def why_read_only(self, path: bytes) -> str:
        """Return why an edit of what is committed cannot be made in the work tree; empty if it can. Raises OSError."""
        full = os.path.join(os.fsencode(self._folder), path)
        if path in self.absent and not os.path.lexists(full):
            return "it is not checked out: git sparse-checkout add it"
        mark = self._marks.get(path)
        if mark is None or mark == b"\r\n":
            return ""
        with open(full, "rb") as file:
            is_converted = mark in file.read(MAX_FILE_BYTES)
        return "Git converts it on the way into a commit: edit it by hand" if is_converted else ""

    def to_work_tree(self, path: bytes, old: bytes, new: bytes) -> bytes:
        """Return a new content as the work tree is to hold it. old: its bytes there now. Raises UnknownContent."""
        mark = self._marks.get(path)
        if mark is None or mark not in old:
            return new
        if mark != b"\r\n":
            raise UnknownContent(
                "Git converts it on the way into a commit, which cannot be undone here: edit it by hand"
            )
        is_mixed = old.count(b"\n") != old.count(b"\r\n")
        return new if is_mixed or b"\r\n" in new else new.replace(b"\n", b"\r\n")

    def _read_attributes(self) -> None:
        names = b"".join(path + b"\0" for path in _list_all(self._folder))
        words = ask_git(self._folder, "check-attr", "-z", "--stdin", "-a", stdin=names, environ=_NO_FETCH).split(b"\0")
        drivers = _filter_drivers(self._folder)
        auto = ask_git(self._folder, "config", "--get", "core.autocrlf", may_fail=True).strip() in {b"true", b"input"}
        not_text: set[bytes] = set()
        for path, attribute, value in zip(words[0::3], words[1::3], words[2::3], strict=False):
            is_off = value in _OFF
            match attribute:
                case b"filter" if not is_off and value in drivers:
                    self._filters[path] = os.fsdecode(value)
                    self._marks[path] = b""
                case b"working-tree-encoding" if not is_off:
                    self._encoded.add(path)
                    self._marks[path] = b""
                case b"ident" if not is_off:
                    self._marks.setdefault(path, b"$Id")
                case b"text" | b"eol" | b"crlf" if not is_off:
                    self._marks.setdefault(path, b"\r\n")
                case b"text" | b"crlf":
                    not_text.add(path)
        if auto:
            for path in names.split(b"\0"):
                if path and path not in not_text:
                    self._marks.setdefault(path, b"\r\n")

    def _find(self, path: bytes) -> bytes:
        if path in self._group:
            found = self._group[path]
        elif self._is_as_staged(path):
            self._group = self._read_group(path)
            found = self._group[path]
        elif path in self._filters:
            name = self._filters[path]
            found = f"it is committed through the filter '{name}', and has changes that are not staged: git add it"
        else:
            found = self._clean(path)
        if isinstance(found, str):
            raise UnknownContent(found)
        return found

    def _is_as_staged(self, path: bytes) -> bool:
        held = self._staged.get(path)
        return held is not None and (held.is_absent or path not in self._find_changed())

    def _read_group(self, path: bytes) -> dict[bytes, bytes | str]:
        """Return the staged content of a file, and of small ones behind it, which are likely to be asked for next."""
        at = bisect.bisect_left(self._special, path)
        group = filter(self._is_as_staged, self._special[at : at + _GROUP])
        return _read_objects(self._folder, {near: self._staged[near].id for near in group}, asked=path)

    def _find_changed(self) -> set[bytes]:
        if self._changed is None:
            listed = ask_git(self._folder, "ls-files", "-z", "-m", environ=_without_filters(self._filters.values()))
            self._changed = set(listed.split(b"\0"))
            if suspects := self._changed & self._filters.keys():
                self._changed -= _untouched(self._folder, suspects)
        return self._changed

    def _clean(self, path: bytes) -> bytes | str:
        """Return what `git add` would make of a file, or why that is unknown."""
        if not os.path.lexists(os.path.join(os.fsencode(self._folder), path)):
            return "it is not there"
        with tempfile.TemporaryDirectory(prefix="tagline-") as objects:
            environ = {"GIT_OBJECT_DIRECTORY": objects, **_without_filters(self._filters.values())}
            try:
                made = ask_git(self._folder, "hash-object", "-w", "--", os.fsdecode(path), environ=environ)
                return _read_objects(self._folder, {path: made.decode().strip()}, asked=path, environ=environ)[path]
            except WorkTreeError as error:
                return f"Git cannot convert it: {error}"


AS_THEY_ARE: Final = CommittedContents(Path(), is_repository=False)
"""Of files that nothing converts."""


def _list_staged(folder: Path) -> dict[bytes, _Staged]:
    """Return the regular files of the index."""
    found: dict[bytes, _Staged] = {}
    for entry in ask_git(folder, "ls-files", "-z", "-t", "-s").split(b"\0"):
        head, tab, path = entry.partition(b"\t")
        if not tab:
            continue
        tag, mode, name, _ = head.split(b" ")
        if mode in _REGULAR:
            found[path] = _Staged(tag == b"S", name.decode())
    return found


def _list_all(folder: Path) -> list[bytes]:
    listed = ask_git(folder, "ls-files", "-z", "--cached", "--others", "--exclude-standard").split(b"\0")
    return [path for path in listed if path]


def _filter_drivers(folder: Path) -> set[bytes]:
    """Return the names of filters that change what is committed."""
    listed = ask_git(folder, "config", "-z", "--get-regexp", r"^filter\..*\.(clean|process)$", may_fail=True)
    settings = (entry.partition(b"\n") for entry in listed.split(b"\0") if entry)
    return {key.removeprefix(b"filter.").rpartition(b".")[0] for key, _, value in settings if value}


def _untouched(folder: Path, paths: Collection[bytes]) -> set[bytes]:
    """Return the files that are of the time and size that the index has.

    Git compares contents, too, where a file is as young as the index, as after a clone; without the filter they differ.
    """
    found = set()
    for path, times, size in _DEBUG.findall(ask_git(folder, "ls-files", "-z", "--debug")):
        if path not in paths:
            continue
        try:
            status = os.lstat(os.path.join(os.fsencode(folder), path))
        except OSError:
            continue
        # An index without nanoseconds has 0 for them; a size of 0 is that of a file that was too young before.
        second, nanosecond = map(int, times.split(b":"))
        is_same_time = second == status.st_mtime_ns // 10**9 and nanosecond in {0, status.st_mtime_ns % 10**9}
        if is_same_time and int(size) in {0, status.st_size}:
            found.add(path)
    return found


def _without_filters(names: Iterable[str]) -> Mapping[str, str]:
    """Return variables that switch filters off."""
    settings = [
        (f"filter.{name}.{key}", value)
        for name in sorted(set(names))
        for key, value in (("clean", ""), ("smudge", ""), ("process", ""), ("required", "false"))
    ]
    environ = {"GIT_CONFIG_COUNT": str(len(settings))} if settings else {}
    for number, (key, value) in enumerate(settings):
        environ |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
    return environ


def _read_objects(
    folder: Path, ids: Mapping[bytes, str], *, asked: bytes, environ: Mapping[str, str] | None = None
) -> dict[bytes, bytes | str]:
    """Return the contents of objects by the paths that they are for; of others than `asked` as many as are small."""
    found: dict[bytes, bytes | str] = {}
    present = _local_ids(folder, ids.values())
    wanted = {path: name for path, name in ids.items() if name in present}
    for path in ids.keys() - wanted.keys():
        found[path] = "it is not checked out, and its content is not in this partial clone: git sparse-checkout add it"
    if not wanted:
        return found
    names = "".join(f"{name}\n" for name in wanted.values()).encode()
    environ = {**_NO_FETCH, **(environ or {})}
    sizes = ask_git(folder, "cat-file", "--batch-check=%(objectsize)", stdin=names, environ=environ).split(b"\n")
    small: dict[bytes, str] = {}
    left = _GROUP_BYTES
    for (path, name), size in zip(wanted.items(), sizes, strict=False):
        if not size.isdigit():
            found[path] = "its content is missing"
        elif int(size) > MAX_FILE_BYTES:
            found[path] = f"it has more than {MAX_FILE_BYTES >> 20} MiB"
        elif path == asked:
            small[path] = name
        elif int(size) <= left:
            small[path] = name
            left -= int(size)
    names = "".join(f"{name}\n" for name in small.values()).encode()
    answer = ask_git(folder, "cat-file", "--batch=%(objectsize)", stdin=names, environ=environ) if small else b""
    at = 0
    for path in small:
        end = answer.index(b"\n", at)
        size_bytes = int(answer[at:end])
        found[path] = answer[end + 1 : end + 1 + size_bytes]
        at = end + 1 + size_bytes + 1
    return found


def _local_ids(folder: Path, ids: Iterable[str]) -> set[str]:
    """Return the objects among some that can be read without asking a remote."""
    wanted = set(ids)
    promisors = ask_git(folder, "config", "--get-regexp", r"^remote\..*\.promisor$", may_fail=True)
    if not promisors:
        return wanted
    listed = ask_git(
        folder, "cat-file", "--batch-all-objects", "--unordered", "--batch-check=%(objectname)", environ=_NO_FETCH
    )
    return wanted & set(listed.decode().split())
