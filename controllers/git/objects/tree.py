"""Git trees as values: look up paths, follow links inside the repository, replace and make files. Pure.

All of it works on a function that reads objects. Symbolic links are followed only within the tree; what lies outside
of it does not exist. Submodules are left alone. Names are bytes, as in Git.
"""

import posixpath
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from cachetools import LRUCache
from dulwich.errors import ObjectFormatException
from dulwich.objects import ObjectID, Tree, parse_tree

from controllers.git.errors import BadPath, PathMissing, PathOutside, PathTaken, ProtocolError, RepositoryTooLarge
from controllers.git.objects.hashing import NewObject, ObjectFormat, format_of, new_object

MAX_DEPTH = 256
NEW_FILE_MODE = stat.S_IFREG | 0o644
MAX_LINKS = 40
MAX_LINK_BYTES = 4096
MAX_STEPS = 1000
"""Folders and links on the way of one path."""
MAX_ALL_STEPS = 200_000
"""On the way of all links of a run."""
MAX_TREE_ENTRIES = 200_000
"""In one folder."""

ReadObject = Callable[[str, str], bytes]
"""(object id, "tree" or "blob") → its content."""


@dataclass(frozen=True, slots=True)
class TreeEntry:
    """A file, folder, link or submodule of a tree. path: from the root of the repository."""

    path: bytes
    mode: int
    id: str

    @property
    def is_folder(self) -> bool:
        return stat.S_ISDIR(self.mode)

    @property
    def is_file(self) -> bool:
        return stat.S_ISREG(self.mode)

    @property
    def is_link(self) -> bool:
        return stat.S_ISLNK(self.mode)


def list_entries(read: ReadObject, tree_id: str) -> list[TreeEntry]:
    """Return the entries of a tree in the order of a directory walk: by name, byte by byte."""
    return sorted(_parsed(read, tree_id), key=lambda e: e.path)


def _parsed(read: ReadObject, tree_id: str) -> list[TreeEntry]:
    raw, id_bytes = read(tree_id, "tree"), format_of(tree_id).oid_length
    # Each name ends with NUL, and one in twelve ids has one. The parser makes all entries at once, with the lock.
    if raw.count(b"\0") > MAX_TREE_ENTRIES * 5 // 4:
        raise RepositoryTooLarge(f"a folder of the repository has more than {MAX_TREE_ENTRIES} entries")
    try:
        return [TreeEntry(name, mode, sha.decode()) for name, mode, sha in parse_tree(raw, sha_len=id_bytes)]
    except (ObjectFormatException, ValueError) as e:
        raise ProtocolError(f"tree {tree_id} is malformed") from e


class Lookup:
    """Looks up names in folders, and what links say, each read once. For one run; counts its steps."""

    def __init__(self, read: ReadObject) -> None:
        self._read = read
        self._folders: LRUCache[str, dict[bytes, TreeEntry]] = LRUCache(2 * MAX_TREE_ENTRIES, getsizeof=len)
        self._links: LRUCache[str, bytes] = LRUCache(MAX_ALL_STEPS)
        self._steps = 0

    def child(self, folder: TreeEntry, name: bytes) -> TreeEntry | None:
        """Return an entry of a folder, its path from the root. Raises RepositoryTooLarge after very many steps."""
        self._steps += 1
        if self._steps > MAX_ALL_STEPS:
            raise RepositoryTooLarge(f"the links of the repository take more than {MAX_ALL_STEPS} steps to follow")
        names = self._folders.get(folder.id)
        if names is None:
            names = {entry.path: entry for entry in _parsed(self._read, folder.id)}
            self._folders[folder.id] = names
        entry = names.get(name)
        return TreeEntry(posixpath.join(folder.path, name), entry.mode, entry.id) if entry else None

    def link(self, entry: TreeEntry) -> bytes:
        """Return what a link says."""
        target = self._links.get(entry.id)
        if target is None:
            target = self._read(entry.id, "blob")
            if len(target) <= MAX_LINK_BYTES:
                self._links[entry.id] = target
        return target


def find_entry(read: ReadObject, root: str, path: str) -> TreeEntry:
    """Return the file or folder at a path from the root, links followed. Raises PathMissing, PathOutside."""
    if path.startswith("/"):
        path = path.lstrip("/")  # as Flux does: an absolute path starts at the repository's root
    try:
        entry = resolve_path(Lookup(read), root, path.encode("utf-8", "surrogateescape"))
    except LeadsOutside:
        raise PathOutside(path) from None
    if entry is None:
        raise PathMissing(path)
    return entry


class LeadsOutside(Exception):
    """A path, or a link on it, leaves the repository."""


def resolve_path(lookup: Lookup, root: str, path: bytes) -> TreeEntry | None:
    """Return the entry that a path leads to, links followed; None when there is none, or when it is too far.

    Raises LeadsOutside, RepositoryTooLarge.
    """
    here = [TreeEntry(b"", stat.S_IFDIR, root)]
    todo = path.split(b"/")[::-1]
    links = steps = 0
    while todo:
        name = todo.pop()
        steps += 1
        if steps > MAX_STEPS:
            return None
        if name in (b"", b"."):
            continue
        if name == b"..":
            here.pop()
            if not here:
                raise LeadsOutside
            continue
        if not here[-1].is_folder:
            return None
        entry = lookup.child(here[-1], name)
        if entry is None:
            return None
        if not entry.is_link:
            here.append(entry)
            continue
        links += 1
        target = lookup.link(entry)
        if links > MAX_LINKS or len(target) > MAX_LINK_BYTES:
            return None
        if target.startswith(b"/"):
            raise LeadsOutside
        todo.extend(target.split(b"/")[::-1])
    return here[-1]


def is_below(path: bytes, folder: bytes) -> bool:
    """Return True when a path is the folder or in it. The root is the empty path."""
    return not folder or path == folder or path.startswith(folder + b"/")


def replace_files(read: ReadObject, root: str, files: Mapping[bytes, bytes]) -> tuple[str, list[NewObject]]:
    """Replace the content of existing files; modes and all else stay. Return (id of the tree, new objects).

    Only trees on the way to a changed file are written. Raises PathMissing where there is no file at a path.
    """
    return _Writer(read, format_of(root), makes=False).write(root, _nest(files), at=b"")


def put_files(
    read: ReadObject, root: str, files: Mapping[bytes, bytes], object_format: ObjectFormat
) -> tuple[str, list[NewObject]]:
    """Replace files, and make those that are not there, with their folders. Return (id of the tree, new objects).

    root: empty for a tree without any file. Raises PathTaken where a link, a submodule, a folder in place of a file or
    a file in place of a folder is on the way, and BadPath for a path that no clone could check out.
    """
    return _Writer(read, object_format, makes=True).write(root, _nest(files), at=b"")


def _nest(files: Mapping[bytes, bytes]) -> dict[bytes, object]:
    """Return folders as mappings from names to what is in them, files as their content."""
    nested: dict[bytes, object] = {}
    for path, content in files.items():
        *folders, name = path.split(b"/")
        if len(folders) > MAX_DEPTH:
            raise RepositoryTooLarge(f"a path has more than {MAX_DEPTH} folders")
        level = nested
        for folder in folders:
            level = level.setdefault(folder, {})  # type: ignore[assignment]  # a folder maps to a level
        level[name] = content
    return nested


@dataclass(frozen=True, slots=True)
class _Writer:
    """Makes trees in which files have new content."""

    read: ReadObject
    object_format: ObjectFormat
    makes: bool
    """Whether files and folders that are not there are made."""

    def write(self, tree_id: str, changes: Mapping[bytes, object], *, at: bytes) -> tuple[str, list[NewObject]]:
        """Return a tree with the changes, and the new objects. tree_id: empty for a folder that is not there."""
        tree = Tree()
        there = {entry.path: entry for entry in (_parsed(self.read, tree_id) if tree_id else ())}
        for entry in there.values():
            tree.add(entry.path, entry.mode, ObjectID(entry.id.encode()))
        new_objects: list[NewObject] = []
        for name, change in changes.items():
            path = posixpath.join(at, name)
            before = there.get(name)
            if before is None:
                self._check_new(name, path)
            if isinstance(change, bytes) and (before is None or before.is_file):
                blob = new_object("blob", change, self.object_format)
                mode, child = before.mode if before else NEW_FILE_MODE, blob.id
                below = [blob] if before is None or before.id != blob.id else []
            elif isinstance(change, Mapping) and (before is None or before.is_folder):
                mode = stat.S_IFDIR
                child, below = self.write(before.id if before else "", change, at=path)
            else:
                raise (PathTaken if self.makes else PathMissing)(_shown(path))
            new_objects.extend(below)
            tree[name] = (mode, ObjectID(child.encode()))
        new = new_object("tree", tree.as_raw_string(), self.object_format)
        if new.id != tree_id:
            new_objects.append(new)
        return new.id, new_objects

    def _check_new(self, name: bytes, path: bytes) -> None:
        if not self.makes:
            raise PathMissing(_shown(path))
        # 20 ms that only those pay who make files.
        from dulwich.index import validate_path_element_hfs, validate_path_element_ntfs  # noqa: PLC0415

        # Servers take such a tree unless they are told to check; then nobody can check it out any more.
        if not name or b"\0" in name or not (validate_path_element_ntfs(name) and validate_path_element_hfs(name)):
            raise BadPath(_shown(path))


def _shown(path: bytes) -> str:
    return path.decode("utf-8", "replace")
