"""What private keys and certificates may cost, judged by their headers before a library reads them. Pure.

A key is a program of a kind: it says how often a hash is repeated to unlock it (RFC 8018), how much memory that takes
(RFC 7914) and how large the numbers are that are computed with. Whoever can write a Secret can so ask for hours. The
bounds leave room for what tools write: OpenSSL repeats 2,048 times or takes 16 MiB for scrypt, OWASP asks for 600,000
repetitions; ssh-keygen takes 16 to 24 rounds by default.
"""

from dataclasses import dataclass

from controllers.net import der
from controllers.net.der import DerReader, MalformedDer

MAX_RSA_BITS = 8192
"""As Go's TLS."""
MAX_PBKDF2_ROUNDS = 2_000_000
"""One second."""
MAX_SCRYPT_BYTES = 64 << 20
MAX_SCRYPT_PASSES = 16
"""Scrypt's parameter p, which repeats all of it."""
MAX_SALT_BYTES = 1024

RSA, EC, ED25519, ED448 = "1.2.840.113549.1.1.1", "1.2.840.10045.2.1", "1.3.101.112", "1.3.101.113"
ALGORITHMS = {RSA: "RSA", EC: "ECDSA", ED25519: "Ed25519", ED448: "Ed448"}
PBES2, PBKDF2, SCRYPT = "1.2.840.113549.1.5.13", "1.2.840.113549.1.5.12", "1.3.6.1.4.1.11591.4.11"
HASHES = {
    "1.2.840.113549.2.7": "sha1",
    "1.2.840.113549.2.8": "sha224",
    "1.2.840.113549.2.9": "sha256",
    "1.2.840.113549.2.10": "sha384",
    "1.2.840.113549.2.11": "sha512",
}
REENCRYPT = "encrypt it anew: openssl pkcs8 -topk8 -v2 aes-256-cbc"


class KeyRefused(ValueError):
    """The key is beyond a bound, or of a kind that is not supported; the message says which, and what to do."""


@dataclass(frozen=True, slots=True)
class Pbkdf2:
    """How a key is derived from a passphrase by RFC 8018."""

    salt: bytes
    rounds: int
    hash_name: str


@dataclass(frozen=True, slots=True)
class Scrypt:
    """How a key is derived from a passphrase by RFC 7914."""

    salt: bytes
    n: int
    r: int
    p: int


@dataclass(frozen=True, slots=True)
class EncryptedKey:
    """An encrypted PKCS#8 key, taken apart. cipher: OID. iv: its parameter."""

    derivation: Pbkdf2 | Scrypt
    cipher: str
    iv: bytes
    data: bytes


def check_rsa_bits(bits: int) -> None:
    """Raise KeyRefused for an RSA key that takes too long to compute with."""
    if bits > MAX_RSA_BITS:
        raise KeyRefused(f"an RSA key of {bits} bits; use at most {MAX_RSA_BITS}, or an Ed25519 or ECDSA key")


def check_pkcs8(data: bytes) -> str:
    """Return the name of the algorithm of an unencrypted PKCS#8 key (RFC 5958). Raises KeyRefused, MalformedDer."""
    key = DerReader(data).sequence()
    key.small_integer()
    algorithm = key.sequence()
    oid = algorithm.oid()
    if oid not in ALGORITHMS:
        raise KeyRefused("of a type that is not supported; use an ed25519, ecdsa (P-256, P-384, P-521) or rsa key")
    content = key.expect(der.OCTET_STRING)
    if oid == RSA:
        check_pkcs1(content)
    elif oid == EC:
        _check_curve(algorithm)
        check_sec1(content)
    return ALGORITHMS[oid]


def check_pkcs1(data: bytes) -> None:
    """Check an RSA key in its own form (RFC 8017, A.1.2). Raises KeyRefused, MalformedDer."""
    key = DerReader(data).sequence()
    if key.small_integer() != 0:
        raise KeyRefused("an RSA key of more than two primes; use one of two")
    modulus = key.expect(der.INTEGER).lstrip(b"\0")
    check_rsa_bits(len(modulus) * 8 - (8 - modulus[0].bit_length() if modulus else 0))


def check_sec1(data: bytes) -> None:
    """Check an elliptic curve key in its own form (RFC 5915). Raises KeyRefused, MalformedDer."""
    key = DerReader(data).sequence()
    key.small_integer()
    if len(key.expect(der.OCTET_STRING)) > 72:
        raise KeyRefused("an ECDSA key on an unknown curve; use P-256, P-384 or P-521")
    if key.peek() == 0xA0:
        _check_curve(DerReader(key.next()[1]))


def _check_curve(parameters: DerReader) -> None:
    """Let a curve be named only: one that is spelt out can be any, and is as slow as its author likes."""
    if parameters.peek() not in (0, der.OID):
        raise KeyRefused("an ECDSA key with explicit curve parameters; use the named curve P-256, P-384 or P-521")


def read_encrypted_pkcs8(data: bytes) -> EncryptedKey:
    """Take an encrypted PKCS#8 key (RFC 5958) apart. Raises KeyRefused, MalformedDer."""
    outer = DerReader(data).sequence()
    algorithm = outer.sequence()
    content = outer.expect(der.OCTET_STRING)
    if algorithm.oid() != PBES2:
        raise KeyRefused(f"it is encrypted by an outdated scheme; {REENCRYPT}")
    scheme = algorithm.sequence()
    derivation = _derivation(scheme.sequence())
    cipher = scheme.sequence()
    oid = cipher.oid()
    return EncryptedKey(derivation, oid, cipher.expect(der.OCTET_STRING), content)


def _derivation(parameters: DerReader) -> Pbkdf2 | Scrypt:
    oid = parameters.oid()
    values = parameters.sequence()
    salt = values.expect(der.OCTET_STRING)
    if len(salt) > MAX_SALT_BYTES:
        raise KeyRefused(f"its salt is longer than {MAX_SALT_BYTES} bytes; {REENCRYPT}")
    if oid == PBKDF2:
        return _pbkdf2(salt, values)
    if oid == SCRYPT:
        return _scrypt(salt, values)
    raise KeyRefused(f"its passphrase is used in a way that is not supported; {REENCRYPT}")


def _pbkdf2(salt: bytes, values: DerReader) -> Pbkdf2:
    rounds = values.small_integer()
    if not 0 < rounds <= MAX_PBKDF2_ROUNDS:
        raise KeyRefused(
            f"its passphrase is hashed in {rounds} rounds (PBKDF2), of which at most {MAX_PBKDF2_ROUNDS} are allowed; "
            f"{REENCRYPT}"
        )
    if values.peek() == der.INTEGER:
        values.next()  # the length of the key, which the cipher knows
    name = HASHES.get(values.sequence().oid()) if values.peek() == der.SEQUENCE else "sha1"
    if name is None:
        raise KeyRefused(f"its passphrase is hashed in a way that is not supported; {REENCRYPT}")
    return Pbkdf2(salt, rounds, name)


def _scrypt(salt: bytes, values: DerReader) -> Scrypt:
    n, r, p = (values.small_integer() for _ in range(3))
    if n < 2 or n & (n - 1) or r < 1 or p < 1:
        raise MalformedDer("scrypt has no such parameters")
    if 128 * n * r > MAX_SCRYPT_BYTES or p > MAX_SCRYPT_PASSES:
        raise KeyRefused(
            f"its passphrase takes {128 * n * r >> 20} MiB in {p} passes (scrypt), of which at most "
            f"{MAX_SCRYPT_BYTES >> 20} MiB in {MAX_SCRYPT_PASSES} passes are allowed; {REENCRYPT}"
        )
    return Scrypt(salt, n, r, p)
