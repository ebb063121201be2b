"""Sound packs pass; those that would explode, and broken ones, do not."""

import zlib
from hashlib import sha1
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controllers.git.errors import ProtocolError, RepositoryTooLarge
from controllers.git.objects.hashing import SHA1, SHA256, ObjectFormat, new_object
from controllers.git.objects.packs import build_pack, check_pack
from testing.gitserver import BareRepository

BLOB, OFS_DELTA, REF_DELTA = 3, 6, 7


def varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def record(kind: int, content: bytes, *, claims: int | None = None, base: bytes = b"") -> bytes:
    size = len(content) if claims is None else claims
    first = kind << 4 | size & 15
    head = bytes([first | 0x80]) + varint(size >> 4) if size > 15 else bytes([first])
    return head + base + zlib.compress(content)


def pack(*unpacked_objects: bytes) -> bytes:
    body = b"PACK" + (2).to_bytes(4, "big") + len(unpacked_objects).to_bytes(4, "big") + b"".join(unpacked_objects)
    return body + sha1(body, usedforsecurity=False).digest()


def check(
    data: bytes, tmp_path: Path, *, object_format: ObjectFormat = SHA1, most: int = 1 << 20, total: int = 1 << 22
) -> None:
    path = tmp_path / "pack"
    path.write_bytes(data)
    with path.open("rb") as file:
        check_pack(file.fileno(), object_format, max_object_bytes=most, max_total_bytes=total)


@pytest.mark.parametrize("object_format", [SHA1, SHA256], ids=str)
@pytest.mark.parametrize("deltas", ["--delta-base-offset", "--no-delta-base-offset"])
def test_git_s_own_packs_pass(tmp_path: Path, object_format: ObjectFormat, deltas: str) -> None:
    repository = BareRepository(tmp_path / "r.git", object_format=object_format.name)
    for n in range(5):
        repository.commit({f"{f}.txt": f"{f}\n" * 200 + f"{n}" for f in range(20)})
    repository.git("pack-objects", "-q", "--all", "--depth=5", deltas, str(tmp_path / "of-git"))
    (path,) = tmp_path.glob("of-git-*.pack")
    check(path.read_bytes(), tmp_path, object_format=object_format)


@given(st.lists(st.binary(max_size=5000), max_size=5), st.sampled_from((SHA1, SHA256)))
def test_our_own_packs_pass(
    tmp_path_factory: pytest.TempPathFactory, contents: list[bytes], object_format: ObjectFormat
) -> None:
    packed = build_pack([new_object("blob", c, object_format) for c in contents], object_format)
    check(packed, tmp_path_factory.mktemp("p"), object_format=object_format)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(pack(record(BLOB, b"x", claims=2 << 20)), id="claims-too-much"),
        pytest.param(pack(record(BLOB, bytes(2 << 20))), id="unfolds-to-too-much"),
        pytest.param(pack(*[record(BLOB, bytes(1 << 20))] * 5), id="too-much-together"),
        pytest.param(
            pack(record(REF_DELTA, varint(10) + varint(1 << 40) + b"\x90\xff", base=b"b" * 20)), id="delta-explodes"
        ),
        pytest.param(pack(record(OFS_DELTA, varint(10) + varint(1 << 40) + b"x", base=b"\x81\x01")), id="offset-delta"),
    ],
)
def test_packs_that_explode(data: bytes, tmp_path: Path) -> None:
    assert len(data) < 20_000
    with pytest.raises(RepositoryTooLarge):
        check(data, tmp_path)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"PACK", id="short"),
        pytest.param(b"KCAP" + pack(record(BLOB, b"x"))[4:], id="no-pack"),
        pytest.param(pack(record(BLOB, b"x" * 99))[:-60], id="cut"),
        pytest.param(pack(record(BLOB, b"hello", claims=3)), id="claims-too-little"),
        pytest.param(pack(b"\x30" + b"no zlib" * 9), id="not-compressed"),
        pytest.param(pack()[:8] + (9).to_bytes(4, "big") + bytes(20), id="too-few-objects"),
        pytest.param(pack(record(REF_DELTA, b"\xff", base=b"b" * 20)), id="delta-without-size"),
        pytest.param(pack(b"\xff" * 40), id="endless-size"),
    ],
)
def test_broken_packs(data: bytes, tmp_path: Path) -> None:
    with pytest.raises(ProtocolError):
        check(data, tmp_path)
