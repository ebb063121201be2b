"""Signatures of JSON Web Tokens (RFC 7515) by the keys of a JSON Web Key Set (RFC 7517, RFC 7518, RFC 8037).

Only public keys sign here: neither `none` nor the HS algorithms are known, with which a public key could be taken for a
shared one. The algorithm must be one of the key's own kind.
"""

import base64
import binascii
from collections.abc import Callable, Mapping
from typing import Any, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils

MAX_KEYS: Final = 64
MIN_RSA_BITS: Final = 2048
MAX_RSA_BITS: Final = 8192

_HASHES: Final[Mapping[str, Callable[[], hashes.HashAlgorithm]]] = {
    "256": hashes.SHA256,
    "384": hashes.SHA384,
    "512": hashes.SHA512,
}
_CURVES: Final[Mapping[str, tuple[str, Callable[[], ec.EllipticCurve], int]]] = {
    "ES256": ("P-256", ec.SECP256R1, 32),
    "ES384": ("P-384", ec.SECP384R1, 48),
    "ES512": ("P-521", ec.SECP521R1, 66),
}
_RSA: Final = frozenset(("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"))

Json = Mapping[str, Any]


def verify(header: Json, signed: bytes, signature: bytes, key_set: Any) -> bool:
    """Return whether one of the keys has signed. Keys that cannot be read, and those for other uses, are passed over.

    header: of the token; signed: header and claims as they were sent. With a `kid` only the keys of that name count.
    """
    keys = key_set.get("keys") if isinstance(key_set, dict) else None
    if not isinstance(keys, list) or header.get("crit") is not None:
        return False
    fitting = [key for key in keys[:MAX_KEYS] if isinstance(key, dict) and _fits(key, header)]
    algorithm = header.get("alg")
    return isinstance(algorithm, str) and any(_is_signed_by(key, algorithm, signed, signature) for key in fitting)


def _fits(key: Json, header: Json) -> bool:
    kid = header.get("kid")
    return bool(
        (kid is None or key.get("kid") == kid)
        and key.get("use", "sig") == "sig"
        and key.get("alg", header.get("alg")) == header.get("alg")
    )


def _is_signed_by(key: Json, algorithm: str, signed: bytes, signature: bytes) -> bool:
    try:
        if algorithm in _RSA and key.get("kty") == "RSA":
            _verify_rsa(key, algorithm, signed, signature)
        elif algorithm in _CURVES and key.get("kty") == "EC":
            _verify_ecdsa(key, algorithm, signed, signature)
        elif algorithm == "EdDSA" and key.get("kty") == "OKP" and key.get("crv") == "Ed25519":
            ed25519.Ed25519PublicKey.from_public_bytes(_octets(key, "x")).verify(signature, signed)
        else:
            return False
    except (InvalidSignature, ValueError, TypeError):
        return False
    return True


def _verify_rsa(key: Json, algorithm: str, signed: bytes, signature: bytes) -> None:
    modulus = _number(key, "n")
    if not MIN_RSA_BITS <= modulus.bit_length() <= MAX_RSA_BITS:
        raise ValueError("size of the key")
    digest = _HASHES[algorithm[2:]]()
    scheme = (
        padding.PKCS1v15()
        if algorithm.startswith("RS")
        else padding.PSS(padding.MGF1(digest), padding.PSS.DIGEST_LENGTH)
    )
    rsa.RSAPublicNumbers(_number(key, "e"), modulus).public_key().verify(signature, signed, scheme, digest)


def _verify_ecdsa(key: Json, algorithm: str, signed: bytes, signature: bytes) -> None:
    name, curve, length = _CURVES[algorithm]
    if key.get("crv") != name or len(signature) != 2 * length:
        raise ValueError("curve of the key, or length of the signature")
    numbers = ec.EllipticCurvePublicNumbers(_number(key, "x"), _number(key, "y"), curve())
    r, s = int.from_bytes(signature[:length]), int.from_bytes(signature[length:])
    encoded = utils.encode_dss_signature(r, s)
    numbers.public_key().verify(encoded, signed, ec.ECDSA(_HASHES[algorithm[2:]]()))


def _number(key: Json, name: str) -> int:
    return int.from_bytes(_octets(key, name))


def _octets(key: Json, name: str) -> bytes:
    text = key.get(name)
    if not isinstance(text, str) or len(text) > 2 * MAX_RSA_BITS // 8:
        raise ValueError(name)
    try:
        return base64.b64decode(text.encode() + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except binascii.Error as error:
        raise ValueError(name) from error
