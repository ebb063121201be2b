"""SSH signatures (OpenSSH's PROTOCOL.sshsig) as Git puts them on commits: namespace `git`, SHA-512, armoured.

Ed25519, ECDSA on the NIST curves, RSA of at least 2048 bits. Keys on tokens (`sk-…`) and DSA are refused. Pure.
"""

import base64
import struct
from hashlib import sha512

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from controllers.git.errors import BadSigningKey
from controllers.git.sshkeys import BadPrivateKey, PrivateKey, is_encrypted, load_private_key

NAMESPACE = b"git"
MAGIC = b"SSHSIG"
MIN_RSA_BITS = 2048
ARMOUR_COLUMNS = 70
CURVES = {256: ("nistp256", hashes.SHA256()), 384: ("nistp384", hashes.SHA384()), 521: ("nistp521", hashes.SHA512())}


class SshSigner:
    """Signs with one SSH key. Safe to use from several threads."""

    def __init__(self, key: PrivateKey) -> None:
        self._key = key
        public = key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
        self._public = base64.b64decode(public.split()[1])

    def sign(self, payload: bytes) -> bytes:
        """Return an armoured signature."""
        header = _string(NAMESPACE) + _string(b"") + _string(b"sha512")
        signature = _signature(self._key, MAGIC + header + _string(sha512(payload).digest()))
        blob = MAGIC + struct.pack(">I", 1) + _string(self._public) + header + _string(signature)
        text = base64.b64encode(blob)
        lines = [text[at : at + ARMOUR_COLUMNS] for at in range(0, len(text), ARMOUR_COLUMNS)]
        return b"\n".join([b"-----BEGIN SSH SIGNATURE-----", *lines, b"-----END SSH SIGNATURE-----", b""])


def ssh_signer(identity: str, passphrase: str, *, secret_name: str) -> SshSigner:
    """Return a signer with a private key in OpenSSH or PEM form. Slow if encrypted. Raises BadSigningKey."""
    if is_encrypted(identity) and not passphrase:
        raise BadSigningKey(
            f"can not use passphrase protected signing key without 'password' field present in secret {secret_name}"
        )
    unreadable = f"could not parse SSH signing key from secret '{secret_name}'"
    try:
        key = load_private_key(identity, passphrase)
    except BadPrivateKey as e:
        raise BadSigningKey(f"{unreadable}: {e}") from e
    if isinstance(key, rsa.RSAPrivateKey) and key.key_size < MIN_RSA_BITS:
        raise BadSigningKey(
            f"{unreadable}: RSA key size {key.key_size} bits is below the minimum supported by NewSSHSigner; "
            f"must be at least {MIN_RSA_BITS}"
        )
    return SshSigner(key)


def _signature(key: PrivateKey, data: bytes) -> bytes:
    match key:
        case ed25519.Ed25519PrivateKey():
            return _string(b"ssh-ed25519") + _string(key.sign(data))
        case rsa.RSAPrivateKey():
            return _string(b"rsa-sha2-512") + _string(key.sign(data, padding.PKCS1v15(), hashes.SHA512()))
        case ec.EllipticCurvePrivateKey():
            curve, digest = CURVES[key.key_size]
            r, s = decode_dss_signature(key.sign(data, ec.ECDSA(digest)))
            return _string(f"ecdsa-sha2-{curve}".encode()) + _string(_mpint(r) + _mpint(s))


def _string(data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + data


def _mpint(value: int) -> bytes:
    return _string(value.to_bytes(value.bit_length() // 8 + 1, "big"))
