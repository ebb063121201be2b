"""Reads private SSH keys, OpenSSH or PEM, with or without passphrase. Pure; the texts of refusals are the caller's."""

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from controllers.git.login.secret import OPENSSH_BEGIN, is_encrypted

PrivateKey = ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
NIST_CURVES = ec.SECP256R1 | ec.SECP384R1 | ec.SECP521R1


class BadPrivateKey(Exception):
    """The text is no private key that can be used; the message says why."""


def load_private_key(identity: str, passphrase: str) -> PrivateKey:
    """An ed25519, ecdsa (NIST curves) or rsa key. Slow if encrypted. Raises BadPrivateKey."""
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
