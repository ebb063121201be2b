"""Packs that are sound pass, packs that would explode or are broken do not."""

import zlib
from hashlib import sha1
from pathlib import Path

import pytest
from dulwich.objects import Blob
from hypothesis import given
from hypothesis import strategies as st

from .commits import pack_of
from .errors import ProtocolError, TooLarge
from .packcheck import check_pack
from .testing import BareRepository

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


def pack(*records: bytes) -> bytes:
    body = b"PACK" + (2).to_bytes(4, "big") + len(records).to_bytes(4, "big") + b"".join(records)
    return body + sha1(body, usedforsecurity=False).digest()


def check(data: bytes, tmp_path: Path, *, most: int = 1 << 20, total: int = 1 << 22) -> None:
    path = tmp_path / "pack"
    path.write_bytes(data)
    with path.open("rb") as file:
        check_pack(file.fileno(), max_object_bytes=most, max_total_bytes=total)


def test_git_s_own_packs_pass(tmp_path: Path) -> None:
    repository = BareRepository(tmp_path / "r.git")
    for n in range(5):
        repository.commit({f"{f}.txt": f"{f}\n" * 200 + f"{n}" for f in range(20)})
    repository.git("repack", "-adq", "--depth=5")
    (path,) = (repository.path / "objects/pack").glob("*.pack")
    check(path.read_bytes(), tmp_path)


@given(st.lists(st.binary(max_size=5000), max_size=5))
def test_our_own_packs_pass(tmp_path_factory: pytest.TempPathFactory, contents: list[bytes]) -> None:
    check(pack_of(tuple(Blob.from_string(c) for c in contents)), tmp_path_factory.mktemp("p"))


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
    with pytest.raises(TooLarge):
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
