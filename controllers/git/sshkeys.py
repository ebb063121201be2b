"""Private SSH keys, OpenSSH or PEM, with or without passphrase. Pure; callers word their own refusals."""

import base64
import binascii

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

PrivateKey = ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
NIST_CURVES = ec.SECP256R1 | ec.SECP384R1 | ec.SECP521R1
OPENSSH_BEGIN, OPENSSH_END = "-----BEGIN OPENSSH PRIVATE KEY-----", "-----END OPENSSH PRIVATE KEY-----"
OPENSSH_MAGIC = b"openssh-key-v1\0"


class BadPrivateKey(Exception):
    """The text is not a private key that can be used; the message says why."""


def load_private_key(identity: str, passphrase: str) -> PrivateKey:
    """Load an ed25519, ecdsa (NIST curves) or rsa key. Slow if encrypted. Raises BadPrivateKey."""
    encrypted = is_encrypted(identity)
    load = serialization.load_ssh_private_key if OPENSSH_BEGIN in identity else serialization.load_pem_private_key
    try:
        key = load(identity.strip().encode() + b"\n", passphrase.encode() if encrypted else None)
    except UnsupportedAlgorithm as e:
        raise BadPrivateKey("unsupported key or cipher") from e
    except (ValueError, TypeError) as e:
        raise BadPrivateKey(
            "wrong passphrase or malformed private key" if encrypted else "malformed private key"
        ) from e
    odd_curve = isinstance(key, ec.EllipticCurvePrivateKey) and not isinstance(key.curve, NIST_CURVES)
    if not isinstance(key, PrivateKey) or odd_curve:
        raise BadPrivateKey("use an ed25519, ecdsa (P-256, P-384, P-521) or rsa key")
    return key


def is_encrypted(private_key: str) -> bool:
    """Return True when a PEM or OpenSSH private key needs a passphrase."""
    if OPENSSH_BEGIN not in private_key:
        return "BEGIN ENCRYPTED PRIVATE KEY" in private_key or "Proc-Type: 4,ENCRYPTED" in private_key
    body = private_key.partition(OPENSSH_BEGIN)[2].partition(OPENSSH_END)[0]
    try:
        raw = base64.b64decode(body)
    except (binascii.Error, ValueError):
        return False  # not a key at all; `load_private_key` will say so
    cipher = raw.removeprefix(OPENSSH_MAGIC)
    length = int.from_bytes(cipher[:4], "big")
    return raw.startswith(OPENSSH_MAGIC) and cipher[4 : 4 + length] != b"none"
