"""What an OpenPGP key may cost, judged by its packets (RFC 9580) before the library reads it. Pure.

Bounded are the size of the file, the number of packets, the size of the numbers that are computed with, and the work
that turns a passphrase into a key (string-to-key, RFC 9580, 3.7): of Argon2, a key may ask for terabytes and weeks.
"""

import base64
import binascii
import re
from collections.abc import Iterator

from controllers.net.key_bounds import MAX_RSA_BITS, KeyRefused

MAX_FILE_BYTES = 256 << 10
MAX_PACKETS = 512
MAX_ARGON2_KIB = 64 << 10
MAX_ARGON2_PASSES = 4
MAX_ARGON2_LANES = 16
SECRET_KEY, SECRET_SUBKEY = 5, 7
ARGON2 = 4
AEAD_PROTECTED, CFB_PROTECTED, MALLEABLE_PROTECTED = 253, 254, 255
BEGIN = re.compile(rb"-----BEGIN PGP PRIVATE KEY BLOCK-----[ \t\r]*+\n")
END = b"-----END PGP PRIVATE KEY BLOCK-----"
CHECKSUM = re.compile(rb"\n=[A-Za-z0-9+/]{4}\s*+\Z")
MPIS_OF = {1: 2, 2: 2, 3: 2, 16: 3, 17: 4, 20: 3}
"""Public numbers of RSA, Elgamal and DSA by algorithm."""
POINTS_OF = {18: True, 19: False, 22: False}
"""ECDH, ECDSA and EdDSA: a curve's name and a point; ECDH has a further field."""
NATIVE_BYTES_OF = {25: 32, 26: 56, 27: 32, 28: 57}
"""X25519, X448, Ed25519 and Ed448."""
MINIMAL_EXPORT = "export only what is needed: gpg --export-options export-minimal --export-secret-keys"


class _Malformed(Exception):
    """Not packets of OpenPGP; the library will say so in its own words."""


class _Cursor:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    @property
    def is_at_end(self) -> bool:
        return self._at >= len(self._data)

    def take(self, count: int) -> bytes:
        taken = self._data[self._at : self._at + count]
        if len(taken) < count:
            raise _Malformed
        self._at += count
        return taken

    def number(self, count: int) -> int:
        return int.from_bytes(self.take(count), "big")


def check_openpgp(armoured: bytes) -> None:
    """Raise KeyRefused for a private key that is too dear to load, to unlock or to sign with.

    What is no key at all passes: the library refuses it in its own words.
    """
    if len(armoured) > MAX_FILE_BYTES:
        raise KeyRefused(f"the key is larger than {MAX_FILE_BYTES >> 10} KiB; {MINIMAL_EXPORT}")
    for number, (tag, body) in enumerate(_packets(_dearmour(armoured))):
        if number >= MAX_PACKETS:
            raise KeyRefused(f"the key has more than {MAX_PACKETS} packets; {MINIMAL_EXPORT}")
        if tag in (SECRET_KEY, SECRET_SUBKEY):
            _check_secret_key(_Cursor(body))


def split_keys(ring: bytes) -> list[bytes]:
    """Return the private keys of a file, armoured or not, each with its packets. Raises KeyRefused for bad armour."""
    keys: list[bytes] = []
    for tag, body in _packets(_dearmour(ring)):
        packet = bytes((0xC0 | tag, 255)) + len(body).to_bytes(4, "big") + body
        if tag == SECRET_KEY:
            keys.append(packet)
        elif keys:
            keys[-1] += packet
    return keys


def _dearmour(text: bytes) -> bytes:
    """Return the packets of a file, which may also be binary."""
    blocks = list(_armoured(text))
    if not blocks:
        return b"" if b"-----BEGIN" in text else text
    parts = []
    for block in blocks:
        head, blank, body = block.replace(b"\r", b"").partition(b"\n\n")
        if not blank and b":" not in head:
            body = head
        try:
            parts.append(base64.b64decode(b"".join(body.split()), validate=True))
        except binascii.Error:
            raise KeyRefused("the armour of the key is malformed; export it anew") from None
    return b"".join(parts)


def _armoured(text: bytes) -> Iterator[bytes]:
    """Yield what stands between beginnings and ends, without checksums, in time proportional to the text."""
    at = 0
    while begin := BEGIN.search(text, at):
        end = text.find(END, begin.end())
        if end < 0:
            return
        yield CHECKSUM.sub(b"", text[begin.end() : end])
        at = end + len(END)


def _packets(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield (type, content) of each packet (RFC 9580, 4.2), in the old form and the new one."""
    cursor = _Cursor(data)
    try:
        while not cursor.is_at_end:
            head = cursor.number(1)
            if not head & 0x80:
                return
            if head & 0x40:
                yield head & 0x3F, b"".join(_new_form(cursor))
            elif head & 3 == 3:
                raise KeyRefused("the key has a packet without a length; export it anew")
            else:
                yield head >> 2 & 0xF, cursor.take(cursor.number(1 << (head & 3)))
    except _Malformed:
        return


def _new_form(cursor: _Cursor) -> Iterator[bytes]:
    while True:
        first = cursor.number(1)
        if first < 192:
            yield cursor.take(first)
            return
        if first < 224:
            yield cursor.take((first - 192 << 8) + cursor.number(1) + 192)
            return
        if first == 255:
            yield cursor.take(cursor.number(4))
            return
        yield cursor.take(1 << (first & 0x1F))  # a part, others follow


def _check_secret_key(key: _Cursor) -> None:
    try:
        version = key.number(1)
        key.take(4)  # when it was made
        if version == 3:
            key.take(2)
        elif version not in (4, 6):
            raise KeyRefused(f"the key is of version {version}, which is not supported; make one of version 4")
        algorithm = key.number(1)
        if version == 6:
            public = _Cursor(key.take(key.number(4)))
            _check_public(public, algorithm)
        else:
            _check_public(key, algorithm)
        _check_protection(key, version)
    except _Malformed:
        raise KeyRefused("a packet of the key is cut short; export it anew") from None


def _check_public(key: _Cursor, algorithm: int) -> None:
    if algorithm in MPIS_OF:
        for _ in range(MPIS_OF[algorithm]):
            _check_mpi(key)
    elif algorithm in POINTS_OF:
        key.take(key.number(1))
        _check_mpi(key)
        if POINTS_OF[algorithm]:
            key.take(key.number(1))
    elif algorithm in NATIVE_BYTES_OF:
        key.take(NATIVE_BYTES_OF[algorithm])
    else:
        raise KeyRefused(f"the key has an algorithm that is not supported ({algorithm}); use Ed25519, ECDSA or RSA")


def _check_mpi(key: _Cursor) -> None:
    bits = key.number(2)
    if bits > MAX_RSA_BITS:
        raise KeyRefused(f"a key of {bits} bits; use at most {MAX_RSA_BITS}, or an Ed25519 key")
    key.take((bits + 7) // 8)


def _check_protection(key: _Cursor, version: int) -> None:
    """Check how a passphrase becomes a key. Iterated hashes end at 62 MiB by their encoding: 0.3 s."""
    usage = key.number(1)
    if usage == 0:
        return
    if version == 6:
        key.take(1)
    if usage in (AEAD_PROTECTED, CFB_PROTECTED, MALLEABLE_PROTECTED):
        key.take(2 if usage == AEAD_PROTECTED else 1)
        if version == 6 and usage != MALLEABLE_PROTECTED:
            key.take(1)
        if key.number(1) == ARGON2:
            _check_argon2(key)


def _check_argon2(key: _Cursor) -> None:
    key.take(16)  # salt
    passes, lanes, memory = key.number(1), key.number(1), key.number(1)
    kib = 1 << min(memory, 64)
    if kib > MAX_ARGON2_KIB or passes > MAX_ARGON2_PASSES or lanes > MAX_ARGON2_LANES:
        raise KeyRefused(
            f"its passphrase takes {kib >> 10} MiB in {passes} passes (Argon2), of which at most "
            f"{MAX_ARGON2_KIB >> 10} MiB in {MAX_ARGON2_PASSES} passes are allowed; set the passphrase anew"
        )
