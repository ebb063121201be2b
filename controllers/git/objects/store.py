"""The objects known of one remote: a bare object directory that may be lost at any time.

It holds packs, each commit in `complete` with its whole tree; older history is absent (every fetch has depth 1). One
thread uses it at a time. Each object is checked against its name when it is read, so what a damaged file says is never
committed: `CorruptObject` is raised, and the owner wipes the store and fetches anew. There is no repacking: a store with many
packs is started anew, which costs one shallow fetch and also drops what nobody needs any more.
"""

import shutil
import struct
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from dulwich.errors import ApplyDeltaError, ChecksumMismatch, FileFormatException, ObjectFormatException
from dulwich.object_store import DiskObjectStore
from dulwich.objects import ObjectID
from dulwich.pack import PackFileDisappeared, UnpackedObject, UnresolvedDeltas

from controllers.git.errors import CacheFailed, ProtocolError
from controllers.git.objects.names import SHA1, TYPES, NewObject, ObjectFormat, object_name
from controllers.git.objects.pack_limits import check_pack

MAX_PACKS = 64
MAX_COMPLETE = 16
MAX_ANCESTORS = 10_000
SPOOL_NAME = "incoming.pack"

_CORRUPTION_ERRORS = (
    ApplyDeltaError, ChecksumMismatch, FileFormatException, ObjectFormatException,
    UnresolvedDeltas, PackFileDisappeared,
    zlib.error, struct.error, KeyError, ValueError, IndexError, AssertionError, OSError,
)  # fmt: skip
"""What dulwich raises over files that are not what they should be."""


class CorruptObject(Exception):
    """The store lacks an object that it should have, or has it wrong."""


class ObjectStore:
    """Empty at first, and for SHA-1 until `wipe` says otherwise."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.object_format = SHA1
        self.complete: list[str] = []
        self._objects = self._open()

    def _open(self) -> DiskObjectStore:
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        return DiskObjectStore.init(self.path / "objects", object_format=self.object_format)

    def close(self) -> None:
        """Closes files; they are opened again when needed."""
        self._objects.close()

    def wipe(self, object_format: ObjectFormat | None = None) -> None:
        """Empties the store; what comes next is named in the given format, if one is given."""
        self.object_format = object_format or self.object_format
        self._objects.close()
        self.complete.clear()
        shutil.rmtree(self.path, ignore_errors=True)
        self._objects = self._open()

    def remove(self) -> None:
        """Closes the store and removes its files for good."""
        self._objects.close()
        self.complete.clear()
        shutil.rmtree(self.path, ignore_errors=True)

    def size_bytes(self) -> int:
        return sum(f.stat().st_size for f in self.path.rglob("*") if f.is_file())

    def has_too_many_packs(self) -> bool:
        """True when the packs have become too many to look through."""
        return self._objects.count_pack_files() >= MAX_PACKS

    def has(self, commit: str) -> bool:
        return commit in self.complete

    def add_pack(self, chunks: Iterable[bytes], commit: str, *, max_object_bytes: int, max_total_bytes: int) -> None:
        """Takes in a (thin) pack after which `commit` is complete. Raises ProtocolError, RepositoryTooLarge, CacheFailed."""
        spool = self.path / SPOOL_NAME
        broken = ""  # raised below: a traceback kept alive would keep the files mapped
        try:
            with spool.open("w+b") as file:
                for chunk in chunks:
                    file.write(chunk)
                file.flush()
                check_pack(
                    file.fileno(), self.object_format,
                    max_object_bytes=max_object_bytes, max_total_bytes=max_total_bytes,
                )  # fmt: skip
                file.seek(0)
                self._objects.add_thin_pack(file.read, None)
        except OSError as e:
            raise CacheFailed(f"cannot write to the object cache: {e.strerror or type(e).__name__}") from None
        except _CORRUPTION_ERRORS as e:
            broken = type(e).__name__
        finally:
            spool.unlink(missing_ok=True)
        if broken:
            raise ProtocolError(f"the remote sent a broken pack ({broken})")
        try:
            self.read(commit, "commit")
        except CorruptObject:
            raise ProtocolError(f"the remote did not send commit {commit}") from None
        self._mark_complete(commit)

    def add_commit(self, commit: str, objects: Sequence[NewObject]) -> None:
        """Takes in a commit of ours, given a complete parent. What cannot be kept will be fetched."""
        try:
            self._objects.add_pack_data(len(objects), unpacked_objects(objects))
        except _CORRUPTION_ERRORS:
            return
        self._mark_complete(commit)

    def _mark_complete(self, commit: str) -> None:
        self.complete.append(commit)
        del self.complete[:-MAX_COMPLETE]

    def read(self, object_id: str, kind: str) -> bytes:
        """The content of an object. Raises CorruptObject."""
        try:
            type_num, data = self._objects.get_raw(ObjectID(object_id.encode()))
        except _CORRUPTION_ERRORS:
            type_num, data = 0, b""  # raised below: a traceback kept alive would keep the files mapped
        if type_num != TYPES[kind] or object_name(kind, data, self.object_format) != object_id:
            raise CorruptObject(object_id)
        return data

    def ancestors(self, commit: str) -> set[str]:
        """The commit and what is known to be behind it; incomplete where our history is cut off."""
        todo, found = [commit], set[str]()
        while todo and len(found) < MAX_ANCESTORS:
            commit = todo.pop()
            if commit in found:
                continue
            found.add(commit)
            with suppress(CorruptObject):  # beyond our history
                todo.extend(parents(self.read(commit, "commit")))
        return found


def unpacked_objects(objects: Sequence[NewObject]) -> Iterator[UnpackedObject]:
    """Objects as dulwich packs them: whole, under the names that they have."""
    for o in objects:
        yield UnpackedObject(TYPES[o.kind], sha=bytes.fromhex(o.id), decomp_chunks=[o.data])


def parents(commit: bytes) -> list[str]:
    """The parents named in a commit object."""
    head = commit.partition(b"\n\n")[0].split(b"\n")
    return [line[7:].decode("ascii", "replace") for line in head if line.startswith(b"parent ")]


def parse_tree_id(commit: bytes) -> str:
    """The tree named in a commit object. Raises CorruptObject."""
    first = commit.partition(b"\n")[0]
    if not first.startswith(b"tree "):
        raise CorruptObject("not a commit")
    return first[5:].decode("ascii", "replace")
