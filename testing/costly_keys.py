"""Keys and certificates that are small to write down and dear to load, as somebody would who means harm.

None is a real key: what would be secret in it is noise, as nobody is to get that far.
"""

import base64
import secrets

PBKDF2_ROUNDS = (1 << 31) - 1
BCRYPT_ROUNDS = (1 << 32) - 1
_OIDS = {
    "pbes2": "06092a864886f70d01050d",
    "pbkdf2": "06092a864886f70d01050c",
    "scrypt": "06092b06010401da47040b",
    "hmac-sha256": "06082a864886f70d0209",
    "aes-256-cbc": "060960864801650304012a",
    "rsa": "06092a864886f70d010101",
    "dsa": "06072a8648ce380401",
    "ec": "06072a8648ce3d0201",
}


def _tlv(tag: int, *content: bytes) -> bytes:
    data = b"".join(content)
    if len(data) < 0x80:
        return bytes([tag, len(data)]) + data
    length = len(data).to_bytes((len(data).bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + data


def _integer(value: int) -> bytes:
    return _tlv(2, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def _sequence(*content: bytes) -> bytes:
    return _tlv(0x30, *content)


def _octets(data: bytes) -> bytes:
    return _tlv(4, data)


def _oid(name: str) -> bytes:
    return bytes.fromhex(_OIDS[name])


def pem(label: str, data: bytes) -> bytes:
    """Return a block of PEM."""
    text = base64.b64encode(data).decode()
    lines = "\n".join(text[at : at + 64] for at in range(0, len(text), 64))
    return f"-----BEGIN {label}-----\n{lines}\n-----END {label}-----\n".encode()


def endless_pem(size: int = 700_000) -> bytes:
    """Return a text of nothing but beginnings of blocks."""
    begin = b"-----BEGIN PRIVATE KEY-----\n"
    return begin * (size // len(begin))


def pbkdf2_key(rounds: int = PBKDF2_ROUNDS) -> bytes:
    """Return an encrypted PKCS#8 key; the passphrase is hashed so many times."""
    prf = _sequence(_oid("hmac-sha256"), b"\x05\0")
    return _pbes2(_sequence(_oid("pbkdf2"), _sequence(_octets(b"saltsalt"), _integer(rounds), prf)))


def scrypt_key(n: int = 1 << 24, r: int = 8, p: int = 1) -> bytes:
    """Return an encrypted PKCS#8 key that takes 128·n·r bytes of memory: 16 GiB."""
    values = _sequence(_octets(b"saltsalt"), _integer(n), _integer(r), _integer(p))
    return _pbes2(_sequence(_oid("scrypt"), values))


def _pbes2(derivation: bytes) -> bytes:
    cipher = _sequence(_oid("aes-256-cbc"), _octets(bytes(16)))
    algorithm = _sequence(_oid("pbes2"), _sequence(derivation, cipher))
    return pem("ENCRYPTED PRIVATE KEY", _sequence(algorithm, _octets(secrets.token_bytes(64))))


def openssh_key(rounds: int = BCRYPT_ROUNDS, key_type: bytes = b"ssh-ed25519") -> bytes:
    """Return an encrypted key of OpenSSH; the passphrase is hashed so many times by bcrypt."""

    def string(data: bytes) -> bytes:
        return len(data).to_bytes(4, "big") + data

    options = string(b"saltsaltsaltsalt") + rounds.to_bytes(4, "big")
    public = string(string(key_type) + string(bytes(32)))
    body = b"openssh-key-v1\0" + string(b"aes256-ctr") + string(b"bcrypt") + string(options) + b"\0\0\0\x01"
    return pem("OPENSSH PRIVATE KEY", body + public + string(secrets.token_bytes(128)))


def rsa_key(bits: int = 16384, *, label: str = "PRIVATE KEY") -> bytes:
    """Return an RSA key whose factors are odd, and prime as chance has it: to find out takes minutes."""
    p, q = (secrets.randbits(bits // 2) | 3 << bits // 2 - 2 | 1 for _ in range(2))
    e = 65537
    while (p - 1) % e == 0 or (q - 1) % e == 0:
        p, q = p + 2, q + 2
    d = pow(e, -1, (p - 1) * (q - 1))
    numbers = (0, p * q, e, d, p, q, d % (p - 1), d % (q - 1), 1)
    key = _sequence(*map(_integer, numbers))
    if label == "RSA PRIVATE KEY":
        return pem(label, key)
    return pem(label, _sequence(_integer(0), _sequence(_oid("rsa"), b"\x05\0"), _octets(key)))


def explicit_curve_key() -> bytes:
    """Return an ECDSA key on a curve of its own, over a field as large as OpenSSL takes."""
    field = _sequence(bytes.fromhex("06072a8648ce3d0101"), _integer((1 << 661) - 1))
    curve = _sequence(_octets(bytes(83)), _octets(bytes(83)))
    parameters = _sequence(_integer(1), field, curve, _octets(b"\x04" + bytes(166)), _integer((1 << 660) - 1))
    key = _sequence(_integer(1), _octets(bytes(32)))
    return pem("PRIVATE KEY", _sequence(_integer(0), _sequence(_oid("ec"), parameters), _octets(key)))


def dsa_key(bits: int = 16384) -> bytes:
    """Return a DSA key over a large field."""
    parameters = _sequence(*(_integer(secrets.randbits(bits) | 1 << bits - 1 | 1) for _ in range(3)))
    algorithm = _sequence(_oid("dsa"), parameters)
    return pem("PRIVATE KEY", _sequence(_integer(0), algorithm, _octets(_integer(3))))


def openpgp_key(*, argon2: tuple[int, int, int] | None = None, bits: int = 2048, packets: int = 1) -> bytes:
    """Return an armoured OpenPGP key of version 4.

    argon2: passes, lanes and the binary logarithm of KiB that unlock it. bits: of the RSA modulus.
    """

    def mpi(size: int) -> bytes:
        return size.to_bytes(2, "big") + (1 << size - 1 | 1).to_bytes((size + 7) // 8, "big")

    specifier = b"\x04" + bytes(16) + bytes(argon2) if argon2 else b"\x03\x0a" + bytes(8) + b"\xff"
    protection = (b"\xfd\x09\x02" if argon2 else b"\xfe\x09") + specifier + secrets.token_bytes(64)
    body = b"\x04" + bytes(4) + b"\x01" + mpi(bits) + mpi(17) + protection
    packet = b"\xc5\xff" + len(body).to_bytes(4, "big") + body
    text = base64.b64encode(packet * packets).decode()
    lines = "\n".join(text[at : at + 64] for at in range(0, len(text), 64))
    label = "PGP PRIVATE KEY BLOCK"
    return f"-----BEGIN {label}-----\n\n{lines}\n-----END {label}-----\n".encode()
