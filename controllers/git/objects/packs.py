"""Write packs of new objects, and refuse foreign packs that would unfold beyond all bounds.

A pack states the size of each object before its compressed content, and each delta the size of its result. A hostile
pack turns a megabyte on the wire into gigabytes in memory, so the stated sizes are read before anything unfolds it:
contents are inflated piece by piece and thrown away. Whether the pack is otherwise sound is for the indexer to find
out. Follows gitformat-pack.
"""

import mmap
import os
import zlib
from collections.abc import Callable, Iterator, Sequence

from dulwich.pack import PackChunkGenerator, UnpackedObject

from controllers.git.errors import ProtocolError, RepositoryTooLarge
from controllers.git.objects.hashing import TYPES, NewObject, ObjectFormat

_OFS_DELTA, _REF_DELTA = 6, 7
_PIECE = 256 << 10
HEADER_BYTES = 12
MAX_SIZE_BITS = 64
MAX_OBJECTS = 500_000
"""In one pack: a tree of 100,000 files takes some 120,000."""
MAX_TREE_BYTES = 10 << 20
"""Of a folder: the indexer makes objects of some of them, all entries at once and with the interpreter's lock."""
CHECKED_EVERY = 1000


def build_pack(objects: Sequence[NewObject], object_format: ObjectFormat) -> bytes:
    """Return a pack of just these objects, without deltas: for a few small files, they cost more than they save."""
    return b"".join(PackChunkGenerator(object_format, len(objects), unpacked_objects(objects)))


def unpacked_objects(objects: Sequence[NewObject]) -> Iterator[UnpackedObject]:
    """Yield objects in the form that dulwich packs: whole, under their ids."""
    for o in objects:
        yield UnpackedObject(TYPES[o.kind], sha=bytes.fromhex(o.id), decomp_chunks=[o.data])


def check_pack(
    fd: int,
    object_format: ObjectFormat,
    *,
    max_object_bytes: int,
    max_total_bytes: int,
    check_time: Callable[[], object] = lambda: None,
) -> None:
    """Raise RepositoryTooLarge for a pack that would unfold to more, ProtocolError for a broken one.

    check_time: called from time to time; what it raises ends the check.
    Costs one inflation: some 40 ms for 10,000 small files.
    """
    id_bytes = object_format.oid_length  # of the checksum at the end, too
    if os.fstat(fd).st_size < HEADER_BYTES + id_bytes:
        raise ProtocolError("the remote sent a broken pack")
    with mmap.mmap(fd, 0, access=mmap.ACCESS_READ) as pack:
        if pack[:4] != b"PACK":
            raise ProtocolError("the remote sent a broken pack")
        at, total, count = HEADER_BYTES, 0, int.from_bytes(pack[8:12], "big")
        if count > MAX_OBJECTS:
            raise RepositoryTooLarge(f"the repository sends {count} objects at a time; at most {MAX_OBJECTS} are taken")
        for number in range(count):
            if number % CHECKED_EVERY == 0:
                check_time()
            kind, size, at = _header(pack, at, id_bytes)
            if size > max_object_bytes:
                raise RepositoryTooLarge(f"an object of the repository is larger than {max_object_bytes >> 20} MiB")
            if kind == TYPES["tree"] and size > MAX_TREE_BYTES:
                raise RepositoryTooLarge(f"a folder of the repository takes more than {MAX_TREE_BYTES >> 20} MiB")
            start, at = _inflate(pack, at, size)
            if kind in (_OFS_DELTA, _REF_DELTA):
                size = max(size, _delta_result(start))
            total += size
            if size > max_object_bytes or total > max_total_bytes:
                raise RepositoryTooLarge(f"the repository unfolds to more than {max_total_bytes >> 20} MiB")


def _header(pack: mmap.mmap, at: int, id_bytes: int) -> tuple[int, int, int]:
    """Return (type, size, offset of the compressed content) of the object at an offset."""
    try:
        byte = pack[at]
        kind, size, shift = (byte >> 4) & 7, byte & 15, 4
        at += 1
        while byte & 0x80 and shift < MAX_SIZE_BITS:
            byte = pack[at]
            size |= (byte & 0x7F) << shift
            shift += 7
            at += 1
        if kind == _REF_DELTA:
            at += id_bytes
        elif kind == _OFS_DELTA:
            while pack[at] & 0x80:
                at += 1
            at += 1
    except IndexError:
        raise ProtocolError("the remote sent a broken pack") from None
    return kind, size, at


def _inflate(pack: mmap.mmap, at: int, size: int) -> tuple[bytes, int]:
    """Inflate content of `size` bytes. Return its first bytes and the offset behind it."""
    inflater = zlib.decompressobj()
    start, inflated, step = b"", 0, min(size + 64, _PIECE)
    data = b""
    try:
        while not inflater.eof:
            if not data:
                data = pack[at : at + step]
                at += len(data)
                if not data:
                    raise ProtocolError("the remote sent a broken pack")
            out = inflater.decompress(data, _PIECE)
            data = inflater.unconsumed_tail
            start = start or out[:32]
            inflated += len(out)
            if inflated > size:
                raise ProtocolError("the remote sent a broken pack")
    except zlib.error:
        raise ProtocolError("the remote sent a broken pack") from None
    return start, at - len(inflater.unused_data)


def _delta_result(delta: bytes) -> int:
    """Return the size that a delta claims for its result: the second of the two numbers it begins with."""
    values, value, shift = [], 0, 0
    for byte in delta:
        value |= (byte & 0x7F) << shift
        shift += 7
        if not byte & 0x80:
            values.append(value)
            value, shift = 0, 0
            if len(values) == 2:
                return values[1]
    raise ProtocolError("the remote sent a broken pack")
