"""Find the files of a tree that contain a marker, without reading again what did not change.

An object never changes under its id. So the cache keeps, for each blob, whether it contains the marker and, for each
tree, which files below it do: after one changed file, a run reads that file and the folders on its path. Blocking.
"""

import posixpath
import stat
import threading
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass

from cachetools import LRUCache

from controllers.git.errors import RepositoryTooLarge
from controllers.git.objects.tree import (
    MAX_DEPTH,
    LeadsOutside,
    Lookup,
    ReadObject,
    TreeEntry,
    find_entry,
    is_below,
    list_entries,
    resolve_path,
)
from controllers.net.foreign_text import sanitize

MAX_FILES = 100_000
MAX_FILE_BYTES = 1 << 20
"""Of a file with markers. Parsing one of that size takes up to 17 s, when it is nothing but brackets."""
MAX_RUN_BYTES = 32 << 20
"""Of all files with markers together; a file counts under each of its names."""
MAX_CACHED_BLOBS = 100_000
MAX_CACHED_TREES = 200_000


@dataclass(frozen=True, slots=True)
class File:
    """A file that contains the marker.

    path: where the walk found it, from the root of the repository. target: where its content is stored; differs from
    `path` for a symbolic link, and is what an edit has to name.
    """

    path: str
    target: str
    data: bytes


@dataclass(frozen=True, slots=True)
class FileFilter:
    """Which files to find: those whose base name `is_wanted` and whose content `has_marker`.

    Both: the same function object each time, as they are part of the keys of the cache.
    """

    is_wanted: Callable[[str], bool]
    has_marker: Callable[[bytes], bool]


class ScanCache:
    """Results for blobs and trees, bounded, for all remotes together. Thread-safe."""

    def __init__(self, *, blobs: int = MAX_CACHED_BLOBS, trees: int = MAX_CACHED_TREES) -> None:
        self._lock = threading.Lock()
        self._blobs: LRUCache[Hashable, bool] = LRUCache(blobs)
        self._trees: LRUCache[Hashable, tuple[TreeEntry, ...]] = LRUCache(
            trees, getsizeof=lambda entries: 1 + len(entries)
        )

    def blob(self, key: Hashable) -> bool | None:
        with self._lock:
            return self._blobs.get(key)

    def tree(self, key: Hashable) -> tuple[TreeEntry, ...] | None:
        with self._lock:
            return self._trees.get(key)

    def put_blob(self, key: Hashable, contains: bool) -> None:
        with self._lock:
            self._blobs[key] = contains

    def put_tree(self, key: Hashable, entries: tuple[TreeEntry, ...]) -> None:
        with self._lock:
            if 1 + len(entries) <= self._trees.maxsize:
                self._trees[key] = entries


def find_marked_files(
    read: ReadObject, root: str, path: str, *, file_filter: FileFilter, cache: ScanCache
) -> list[File]:
    """Return the files at or below `path` that match, in the order of a directory walk.

    A link to a file is followed when that file lies below `path`, too; other links and submodules are skipped.
    Raises PathMissing, PathOutside, RepositoryTooLarge.
    """
    start = find_entry(read, root, path)
    scan = _Scan(read, file_filter, cache)
    if start.is_folder:
        entries = [_prefixed(e, start.path) for e in scan.below(start.id, depth=0)]
    else:
        name = posixpath.basename(start.path).decode("utf-8", "surrogateescape")
        entries = [start] if file_filter.is_wanted(name) and scan.contains(start) else []
    files, lookup, contents = [], Lookup(read), _Contents(read)
    for entry in entries:
        target = _target(lookup, root, entry) if entry.is_link else entry
        if target is None or not target.is_file or not is_below(target.path, start.path):
            continue
        if not (entry is target or scan.contains(target)):
            continue
        files.append(File(_text(entry.path), _text(target.path), contents.read(entry.path, target.id)))
    return files


class _Contents:
    """The contents of a run's files, each kept once, and bounded as what follows costs memory and time by them."""

    def __init__(self, read: ReadObject) -> None:
        self._read = read
        self._known: dict[str, bytes] = {}
        self._bytes = 0

    def read(self, path: bytes, blob: str) -> bytes:
        """Return the content of a blob. Raises RepositoryTooLarge, which names the file and what to do."""
        data = self._known.get(blob)
        if data is None:
            data = self._known[blob] = self._read(blob, "blob")
        self._bytes += len(data)
        _check_size(_text(path), len(data), self._bytes)
        return data


def check_sizes(files: Iterable[File]) -> None:
    """Raise RepositoryTooLarge for files with markers that are larger than a run reads, one of them or all together."""
    total = 0
    for file in files:
        total += len(file.data)
        _check_size(file.path, len(file.data), total)


def _check_size(path: str, size: int, total: int) -> None:
    check_bound(path, size, MAX_FILE_BYTES, f"{MAX_FILE_BYTES >> 20} MiB", "a file with markers")
    check_bound(path, total, MAX_RUN_BYTES, f"{MAX_RUN_BYTES >> 20} MiB", "files with markers together")


def check_bound(path: str, value: int, bound: int, limit: str, what: str) -> None:
    """Raise RepositoryTooLarge for a value beyond its bound; the message names the file and what to do."""
    if value > bound:
        name = sanitize(path.encode("utf-8", "surrogateescape"))
        raise RepositoryTooLarge(f"'{name}': {what} may have at most {limit}; split it, or narrow spec.update.path")


class _Scan:
    def __init__(self, read: ReadObject, file_filter: FileFilter, cache: ScanCache) -> None:
        self._read = read
        self._filter = file_filter
        self._cache = cache

    def below(self, tree_id: str, *, depth: int) -> tuple[TreeEntry, ...]:
        """Return files with the marker, and links with a wanted name, below a tree; paths start at that tree."""
        key = (tree_id, self._filter)
        entries = self._cache.tree(key)
        if entries is None:
            entries = tuple(self._walk_tree(tree_id, depth))
            self._cache.put_tree(key, entries)
        return entries

    def _walk_tree(self, tree_id: str, depth: int) -> list[TreeEntry]:
        if depth > MAX_DEPTH:
            raise RepositoryTooLarge(f"the repository has more than {MAX_DEPTH} folders in each other")
        entries: list[TreeEntry] = []
        for entry in list_entries(self._read, tree_id):
            if entry.is_folder:
                entries += [_prefixed(e, entry.path) for e in self.below(entry.id, depth=depth + 1)]
            elif self._filter.is_wanted(_text(entry.path)) and (entry.is_link or self.contains(entry)):
                entries.append(entry)
            if len(entries) > MAX_FILES:
                raise RepositoryTooLarge(f"more than {MAX_FILES} files with markers")
        return entries

    def contains(self, entry: TreeEntry) -> bool:
        if not stat.S_ISREG(entry.mode):
            return False
        key = (entry.id, self._filter.has_marker)
        contains = self._cache.blob(key)
        if contains is None:
            contains = self._filter.has_marker(self._read(entry.id, "blob"))
            self._cache.put_blob(key, contains)
        return contains


def _target(lookup: Lookup, root: str, link: TreeEntry) -> TreeEntry | None:
    try:
        return resolve_path(lookup, root, link.path)
    except LeadsOutside:
        return None


def _prefixed(entry: TreeEntry, folder: bytes) -> TreeEntry:
    return TreeEntry(posixpath.join(folder, entry.path), entry.mode, entry.id) if folder else entry


def _text(path: bytes) -> str:
    return path.decode("utf-8", "surrogateescape")
