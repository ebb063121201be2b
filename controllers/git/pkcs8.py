"""Unlock encrypted PKCS#8 keys (RFC 5958, PBES2 of RFC 8018) whose costs were checked. Pure.

The libraries at hand unlock them, too, but hold the interpreter's lock while they hash the passphrase, so that nothing
else in the process runs; hashlib does not.
"""

import hashlib

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.padding import PKCS7

from controllers.net.key_bounds import MAX_SCRYPT_BYTES, REENCRYPT, EncryptedKey, KeyRefused, Pbkdf2, Scrypt

AES_CBC_BYTES = {"2.16.840.1.101.3.4.1.2": 16, "2.16.840.1.101.3.4.1.22": 24, "2.16.840.1.101.3.4.1.42": 32}
DES_EDE3_CBC, DES_EDE3_BYTES = "1.2.840.113549.3.7", 24


class WrongPassphrase(ValueError):
    """What comes out is no key."""


def unlock(key: EncryptedKey, passphrase: bytes) -> bytes:
    """Return the PKCS#8 key inside. Up to a second of another thread. Raises KeyRefused, WrongPassphrase."""
    length = AES_CBC_BYTES.get(key.cipher) or (DES_EDE3_BYTES if key.cipher == DES_EDE3_CBC else 0)
    if not length:
        raise KeyRefused(f"its cipher is not supported; {REENCRYPT}")
    algorithm = TripleDES if key.cipher == DES_EDE3_CBC else AES
    secret = _derive(key.derivation, passphrase, length)
    try:
        decryptor = Cipher(algorithm(secret), CBC(key.iv)).decryptor()
        padded = decryptor.update(key.data) + decryptor.finalize()
        unpadder = PKCS7(8 * len(key.iv)).unpadder()
        return unpadder.update(padded) + unpadder.finalize()
    except ValueError:
        raise WrongPassphrase from None


def _derive(derivation: Pbkdf2 | Scrypt, passphrase: bytes, length: int) -> bytes:
    match derivation:
        case Pbkdf2(salt=salt, rounds=rounds, hash_name=name):
            return hashlib.pbkdf2_hmac(name, passphrase, salt, rounds, length)
        case Scrypt(salt=salt, n=n, r=r, p=p):
            memory = 2 * MAX_SCRYPT_BYTES  # somewhat more than the table
            return hashlib.scrypt(passphrase, salt=salt, n=n, r=r, p=p, dklen=length, maxmem=memory)
