"""The cached objects of one remote: a bare object directory that may be lost at any time.

It holds packs, and with each commit in `complete_commits` its whole tree; older history is absent (every fetch has
depth 1). One thread uses it at a time. Each object is checked against its id when it is read, so the content of a
damaged file is never committed: `CorruptObject` is raised, and the owner wipes the store and fetches anew. There is no
repacking: a store with many packs is started anew, which costs one shallow fetch and also drops what nobody needs any
more. Small commits of ours are kept in memory until there are some: to write a pack takes longer than the commit.
"""

import shutil
import struct
import zlib
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path

from dulwich.errors import ApplyDeltaError, ChecksumMismatch, FileFormatException, ObjectFormatException
from dulwich.object_store import DiskObjectStore
from dulwich.objects import ObjectID
from dulwich.pack import PackFileDisappeared, UnresolvedDeltas

from controllers.git.errors import CacheFailed, CorruptObject, ProtocolError, RefNotFound
from controllers.git.objects.commits import parse_parents
from controllers.git.objects.hashing import SHA1, TYPES, NewObject, ObjectFormat, hash_object
from controllers.git.objects.packs import check_pack, unpacked_objects

MAX_PACKS = 64
MAX_COMPLETE = 16
MAX_ANCESTORS = 10_000
RECENT_BYTES = 32 << 10
"""Kept in memory at most, for each store: thousands of remotes have one each."""
SPOOL_NAME = "incoming.pack"

_CORRUPTION_ERRORS = (
    ApplyDeltaError, ChecksumMismatch, FileFormatException, ObjectFormatException,
    UnresolvedDeltas, PackFileDisappeared,
    zlib.error, struct.error, KeyError, ValueError, IndexError, AssertionError, OSError,
)  # fmt: skip
"""What dulwich raises over damaged files."""


_COMMIT_WANTED = "write the hash of a commit, or name a branch with ref.branch or a tag with ref.tag"


class ObjectStore:
    """See the module. A new store is empty, and in SHA-1 until `wipe` changes that."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.object_format = SHA1
        self.complete_commits: list[str] = []
        self._recent: dict[str, NewObject] = {}
        """Of our last commits, which no pack has yet; by id."""
        self._recent_bytes = 0
        self._file_bytes: int | None = 0
        """Of all files; None where they have changed since."""
        self._objects = self._open()

    def _open(self) -> DiskObjectStore:
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        return DiskObjectStore.init(self.path / "objects", object_format=self.object_format)

    def close(self) -> None:
        """Close the files; they are opened again when needed."""
        self._objects.close()

    def wipe(self, object_format: ObjectFormat | None = None) -> None:
        """Empty the store. A format, if given, is that of the objects to come."""
        self.object_format = object_format or self.object_format
        self.remove()
        self._objects = self._open()

    def remove(self) -> None:
        """Close the store and remove its files for good."""
        self._objects.close()
        self.complete_commits.clear()
        self._forget_recent()
        self._file_bytes = None
        shutil.rmtree(self.path, ignore_errors=True)

    def size_bytes(self) -> int:
        """Return the size of all files, and of what is in memory, together."""
        if self._file_bytes is None:
            self._file_bytes = sum(f.stat().st_size for f in self.path.rglob("*") if f.is_file())
        return self._file_bytes + self._recent_bytes

    def has_too_many_packs(self) -> bool:
        """Return True when there are too many packs to look through."""
        return self._objects.count_pack_files() >= MAX_PACKS

    def has(self, commit: str) -> bool:
        """Return True when a commit and its whole tree are here."""
        return commit in self.complete_commits

    def add_pack(
        self,
        chunks: Iterable[bytes],
        commit: str,
        *,
        max_object_bytes: int,
        max_total_bytes: int,
        check_time: Callable[[], object] = lambda: None,
    ) -> None:
        """Add a (thin) pack that completes `commit`.

        Raises ProtocolError, RepositoryTooLarge, CacheFailed, and RefNotFound for an object that is not a commit.
        check_time: called from time to time; what it raises ends the work.
        """

        def on_progress(_: object) -> None:
            check_time()

        self._write_recent()  # a thin pack builds on what the remote was told that we have
        self._file_bytes = None
        spool = self.path / SPOOL_NAME
        broken = ""  # raised below: a traceback kept alive would keep the files mapped
        try:
            with spool.open("w+b") as file:
                for chunk in chunks:
                    file.write(chunk)
                file.flush()
                check_pack(
                    file.fileno(), self.object_format,
                    max_object_bytes=max_object_bytes, max_total_bytes=max_total_bytes, check_time=check_time,
                )  # fmt: skip
                file.seek(0)
                self._objects.add_thin_pack(file.read, None, progress=on_progress)
        except OSError as e:
            raise CacheFailed(f"cannot write to the object cache: {e.strerror or type(e).__name__}") from None
        except _CORRUPTION_ERRORS as e:
            broken = type(e).__name__
        finally:
            spool.unlink(missing_ok=True)
            for unfinished in (self.path / "objects").rglob("tmp_pack_*"):
                unfinished.unlink(missing_ok=True)
        if broken:
            raise ProtocolError(f"the remote sent a broken pack ({broken})")
        try:
            self.read(commit, "commit")
        except CorruptObject:
            kind = self._kind(commit)
        else:
            self._mark_complete(commit)
            return
        if kind is None:
            raise ProtocolError(f"the remote did not send commit {commit}")
        raise RefNotFound(f"object '{commit}' is a {kind}, not a commit: {_COMMIT_WANTED}")

    def _kind(self, object_id: str) -> str | None:
        """Return what an object is when it is no commit; None when it is damaged or not here."""
        for kind in ("tag", "tree", "blob"):
            with suppress(CorruptObject):
                self.read(object_id, kind)
                return kind
        return None

    def has_room(self, objects: Sequence[NewObject]) -> bool:
        """Return whether `add_commit` keeps them in memory, and does nothing that takes time."""
        return self._recent_bytes + sum(len(new.data) for new in self._unknown(objects)) <= RECENT_BYTES

    def add_commit(self, commit: str, objects: Sequence[NewObject]) -> None:
        """Add one of our commits on a complete parent. If that fails, it will be fetched."""
        unknown = self._unknown(objects)
        self._recent |= {new.id: new for new in unknown}
        self._recent_bytes += sum(len(new.data) for new in unknown)
        self._mark_complete(commit)
        if self._recent_bytes > RECENT_BYTES:
            self._write_recent()

    def _unknown(self, objects: Sequence[NewObject]) -> list[NewObject]:
        """Return the objects that memory lacks: a file that goes back to what it was has been there before."""
        return [new for new in objects if new.id not in self._recent]

    def _write_recent(self) -> None:
        """Write a pack of what is in memory. If that fails, the commits will be fetched."""
        if not self._recent:
            return
        self._file_bytes = None
        try:
            self._objects.add_pack_data(len(self._recent), unpacked_objects(list(self._recent.values())))
        except _CORRUPTION_ERRORS:
            self.complete_commits.clear()
        self._forget_recent()

    def _forget_recent(self) -> None:
        self._recent.clear()
        self._recent_bytes = 0

    def _mark_complete(self, commit: str) -> None:
        self.complete_commits.append(commit)
        del self.complete_commits[:-MAX_COMPLETE]

    def read(self, object_id: str, kind: str) -> bytes:
        """Return the content of an object. Raises CorruptObject."""
        if (recent := self._recent.get(object_id)) and recent.kind == kind:
            return recent.data
        try:
            type_num, data = self._objects.get_raw(ObjectID(object_id.encode()))
        except _CORRUPTION_ERRORS:
            type_num, data = 0, b""  # raised below: a traceback kept alive would keep the files mapped
        if type_num != TYPES[kind] or hash_object(kind, data, self.object_format) != object_id:
            raise CorruptObject(f"object {object_id} is missing or damaged")
        return data

    def ancestors(self, commit: str) -> set[str]:
        """Return the commit and those of its ancestors that are here; history ends where our fetches cut it off."""
        todo, ancestors = [commit], set[str]()
        while todo and len(ancestors) < MAX_ANCESTORS:
            commit = todo.pop()
            if commit in ancestors:
                continue
            ancestors.add(commit)
            with suppress(CorruptObject):  # beyond our history
                todo.extend(parse_parents(self.read(commit, "commit")))
        return ancestors
