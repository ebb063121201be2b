"""Private keys, OpenSSH or PEM, with or without passphrase. Pure; callers word their own refusals.

What a key costs is bounded before a library reads it. RSA keys are not searched for primes that are none, which takes
minutes for large ones and holds the interpreter's lock: a key that is wrong makes signatures that are wrong, and nobody
but its owner is the worse for it. That its numbers fit together is checked, and takes a millisecond.
"""

import base64
import binascii
import struct
from dataclasses import dataclass

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from controllers.git.pkcs8 import WrongPassphrase, unlock
from controllers.net.der import MalformedDer
from controllers.net.key_bounds import (
    KeyRefused,
    check_pkcs1,
    check_pkcs8,
    check_rsa_bits,
    check_sec1,
    read_encrypted_pkcs8,
)
from controllers.net.library_errors import UNREADABLE, catching_panics
from controllers.net.pem import Block, MalformedPem, read_blocks, write_blocks

PrivateKey = ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
NIST_CURVES = ec.SECP256R1 | ec.SECP384R1 | ec.SECP521R1
OPENSSH_LABEL = "OPENSSH PRIVATE KEY"
OPENSSH_BEGIN, OPENSSH_END = f"-----BEGIN {OPENSSH_LABEL}-----", f"-----END {OPENSSH_LABEL}-----"
OPENSSH_MAGIC = b"openssh-key-v1\0"
OPENSSH_TYPES = (b"ssh-ed25519", b"ecdsa-sha2-nistp256", b"ecdsa-sha2-nistp384", b"ecdsa-sha2-nistp521", b"ssh-rsa")
MAX_KEY_BYTES = 32 << 10
"""Of a key's text; four times that of the largest RSA key."""
MAX_BCRYPT_ROUNDS = 512
"""Five seconds; ssh-keygen makes 16 to 24 unless it is told otherwise (`-a`)."""
MAX_EXPONENT_BITS = 64
SUPPORTED = "use an ed25519, ecdsa (P-256, P-384, P-521) or rsa key"


class BadPrivateKey(Exception):
    """The text is not a private key that can be used; the message says why."""


@dataclass(frozen=True, slots=True)
class OpensshHeader:
    """What a key in OpenSSH's form says before its secret part (PROTOCOL.key). rounds: of bcrypt's KDF."""

    cipher: bytes
    rounds: int
    key_type: bytes

    @property
    def is_encrypted(self) -> bool:
        return self.cipher != b"none"


def load_private_key(identity: str, passphrase: str) -> PrivateKey:
    """Load an ed25519, ecdsa (NIST curves) or rsa key. Seconds if encrypted. Raises BadPrivateKey."""
    if len(identity) > MAX_KEY_BYTES:
        raise BadPrivateKey(f"the text is longer than {MAX_KEY_BYTES >> 10} KiB; give one private key and nothing else")
    encrypted = is_encrypted(identity)
    wrong = "wrong passphrase or malformed private key" if encrypted else "malformed private key"
    try:
        with catching_panics():
            key = _load(_first_key(identity), passphrase.encode() if encrypted else None)
        _check(key)
    except UnsupportedAlgorithm as e:
        raise BadPrivateKey("unsupported key or cipher") from e
    except KeyRefused as e:
        raise BadPrivateKey(str(e)) from e
    except UNREADABLE as e:
        raise BadPrivateKey(wrong) from e
    if not isinstance(key, PrivateKey):
        raise BadPrivateKey(SUPPORTED)
    return key


def is_encrypted(private_key: str) -> bool:
    """Return True when a PEM or OpenSSH private key needs a passphrase."""
    if OPENSSH_BEGIN not in private_key:
        return "BEGIN ENCRYPTED PRIVATE KEY" in private_key or "Proc-Type: 4,ENCRYPTED" in private_key
    body = private_key.partition(OPENSSH_BEGIN)[2].partition(OPENSSH_END)[0]
    try:
        return read_openssh_header(base64.b64decode(body)).is_encrypted
    except (binascii.Error, ValueError):
        return False  # not a key at all; `load_private_key` will say so


def read_openssh_header(data: bytes) -> OpensshHeader:
    """Read the header of a key in OpenSSH's form. Raises ValueError."""
    if not data.startswith(OPENSSH_MAGIC):
        raise ValueError("not a key of OpenSSH")
    cipher, rest = _string(data[len(OPENSSH_MAGIC) :])
    kdf, rest = _string(rest)
    options, rest = _string(rest)
    public, _ = _string(rest[4:])
    rounds = 0
    if kdf != b"none":
        _, options = _string(options)
        if len(options) != 4:
            raise ValueError("not the options of bcrypt")
        rounds = int.from_bytes(options, "big")
    return OpensshHeader(cipher, rounds, _string(public)[0])


def _string(data: bytes) -> tuple[bytes, bytes]:
    if len(data) < 4:
        raise ValueError("cut short")
    (length,) = struct.unpack_from(">I", data)
    if length > len(data) - 4:
        raise ValueError("cut short")
    return data[4 : 4 + length], data[4 + length :]


def _first_key(identity: str) -> Block:
    for block in read_blocks(identity.encode()):
        if block.is_private_key:
            return block
    raise MalformedPem("there is no private key in it")


def _load(block: Block, passphrase: bytes | None) -> object:
    """Load a key of any kind whose costs are within bounds."""
    match block.label:
        case "OPENSSH PRIVATE KEY":
            _check_openssh(read_openssh_header(block.data))
            return serialization.load_ssh_private_key(
                write_blocks([block]), passphrase, unsafe_skip_rsa_key_validation=True
            )
        case "ENCRYPTED PRIVATE KEY":
            block = Block("PRIVATE KEY", unlock(read_encrypted_pkcs8(block.data), passphrase or b""))
            passphrase = None
            try:
                check_pkcs8(block.data)
            except MalformedDer:
                raise WrongPassphrase from None
        case "PRIVATE KEY":
            check_pkcs8(block.data)
        case "RSA PRIVATE KEY" if not block.is_encrypted:
            check_pkcs1(block.data)
        case "EC PRIVATE KEY" if not block.is_encrypted:
            check_sec1(block.data)
        case "RSA PRIVATE KEY" | "EC PRIVATE KEY":
            pass  # the passphrase is hashed once, and what is inside is small enough to be judged afterwards
        case _:
            raise KeyRefused(SUPPORTED)
    return serialization.load_pem_private_key(write_blocks([block]), passphrase, unsafe_skip_rsa_key_validation=True)


def _check_openssh(header: OpensshHeader) -> None:
    if header.key_type not in OPENSSH_TYPES:
        raise KeyRefused(SUPPORTED)
    if header.rounds > MAX_BCRYPT_ROUNDS:
        raise KeyRefused(
            f"its passphrase is hashed in {header.rounds} rounds (bcrypt), of which at most {MAX_BCRYPT_ROUNDS} are "
            "allowed; encrypt it anew: ssh-keygen -p -a 100"
        )


def _check(key: object) -> None:
    match key:
        case rsa.RSAPrivateKey():
            check_rsa_bits(key.key_size)
            _check_rsa_numbers(key.private_numbers())
        case ec.EllipticCurvePrivateKey() if not isinstance(key.curve, NIST_CURVES):
            raise KeyRefused(SUPPORTED)


def _check_rsa_numbers(key: rsa.RSAPrivateNumbers) -> None:
    """Raise ValueError unless the numbers fit together, as RFC 8017, 3.2 has it, but for the primes being prime."""
    p, q, n, e = key.p, key.q, key.public_numbers.n, key.public_numbers.e
    sound = (
        p > 2 and q > 2 and p & q & e & 1 and p * q == n and e > 2 and e.bit_length() <= MAX_EXPONENT_BITS
        and min(p, q).bit_length() * 4 >= n.bit_length() and 0 < key.d < n
        and e * key.d % (p - 1) == 1 == e * key.d % (q - 1)
        and key.dmp1 == key.d % (p - 1) and key.dmq1 == key.d % (q - 1) and key.iqmp * q % p == 1
    )  # fmt: skip
    if not sound:
        raise ValueError("the numbers of the key do not fit together")
