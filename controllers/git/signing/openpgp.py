"""OpenPGP signatures through pysequoia, which is optional and imported when a key is first used.

The errors of the library contain stack traces and may quote the key; none of their words is passed on.
"""

import re
import threading
from typing import TYPE_CHECKING

from controllers.git.errors import BadSigningKey
from controllers.git.signing.openpgp_bounds import check_openpgp, split_keys
from controllers.net.key_bounds import KeyRefused

if TYPE_CHECKING:
    from pysequoia import PySigner


_NOT_INSTALLED = "OpenPGP signatures need the package 'pysequoia', which is not installed; use an SSH key instead"
HARMLESS = re.compile(r"unexpected EOF|No suitable signing subkey for [0-9A-F]+")
"""Words of the library that say something and quote nothing."""


class OpenPgpSigner:
    """Signs with one unlocked key. Safe to use from several threads, one at a time."""

    def __init__(self, signer: "PySigner", secret_name: str) -> None:
        self._signer = signer
        self._secret_name = secret_name
        self._lock = threading.Lock()

    def sign(self, payload: bytes) -> bytes:
        """Return an armoured signature. Raises BadSigningKey."""
        import pysequoia  # noqa: PLC0415

        with self._lock:
            try:
                return bytes(pysequoia.sign(self._signer, payload, mode=pysequoia.SignatureMode.DETACHED))
            except RuntimeError:
                raise BadSigningKey(
                    f"cannot sign with the key of secret '{self._secret_name}'; is it expired or revoked?"
                ) from None


def openpgp_signer(armoured: bytes, passphrase: str, *, secret_name: str) -> OpenPgpSigner:
    """Return a signer with the only key of an armoured file. Unlocking takes 0.1 to 0.3 s. Raises BadSigningKey."""
    try:
        check_openpgp(armoured)
    except KeyRefused as e:
        raise BadSigningKey(f"could not read signing key from secret '{secret_name}' ('git.asc'): {e}") from None
    try:
        import pysequoia  # noqa: PLC0415  # an optional part of the installation
    except ImportError:
        raise BadSigningKey(_NOT_INSTALLED) from None
    try:
        if len(pysequoia.Cert.split_bytes(armoured)) > 1:
            raise BadSigningKey(
                f"multiple entities read from secret '{secret_name}', could not determine which signing key to use"
            )
        key = pysequoia.Tsk.from_bytes(armoured)
    except RuntimeError as e:
        fault = _fault(e, "it is not an OpenPGP private key")
        raise BadSigningKey(f"could not read signing key from secret '{secret_name}': {fault}") from None
    try:
        return OpenPgpSigner(key.signer(), secret_name)
    except RuntimeError as e:
        if "encrypted" not in str(e):
            fault = _fault(e, "it has no private key that can sign")
            raise BadSigningKey(f"could not read signing key from secret '{secret_name}': {fault}") from None
    if not passphrase:
        raise BadSigningKey(
            f"can not use passphrase protected signing key without 'passphrase' field present in secret {secret_name}"
        )
    try:
        return OpenPgpSigner(key.signer(passphrase), secret_name)
    except RuntimeError:  # for a wrong passphrase, its text is about its parser
        raise BadSigningKey(
            f"could not decrypt private key of the signing key present in secret {secret_name}: wrong passphrase"
        ) from None


def select_key(ring: bytes, key_id: str, *, name: str, flag: str) -> bytes:
    """Return the armoured private key of a file that an id names, or the only one. Raises BadSigningKey.

    ring: armoured or not. key_id: the end of a fingerprint, or empty. name: of the file. flag: that chooses.
    """
    try:
        import pysequoia  # noqa: PLC0415  # an optional part of the installation
    except ImportError:
        raise BadSigningKey(_NOT_INSTALLED) from None
    try:
        keys = {_fingerprint(one): one for one in split_keys(ring)}
    except KeyRefused as error:
        raise BadSigningKey(f"{name}: {error}") from None
    if not keys or "" in keys:
        raise BadSigningKey(
            f"{name} is not a file with OpenPGP private keys; export them with gpg --export-secret-keys"
        )
    wanted = re.sub(r"[\s:]|^0x", "", key_id.lower())
    chosen = {fingerprint: key for fingerprint, key in keys.items() if fingerprint.endswith(wanted)}
    if not chosen:
        raise BadSigningKey(f"{name} has no private key {key_id} ({flag}), only {', '.join(keys)}")
    if len(chosen) > 1:
        raise BadSigningKey(f"{name} has {len(chosen)} private keys: choose with {flag}, of {', '.join(chosen)}")
    (key,) = chosen.values()
    return pysequoia.armor(key, pysequoia.ArmorKind.SecretKey).encode()


def _fingerprint(key: bytes) -> str:
    """Return a key's fingerprint, empty for what is none."""
    import pysequoia  # noqa: PLC0415

    try:
        return str(pysequoia.Cert.from_bytes(key).fingerprint)
    except RuntimeError:
        return ""


def _fault(error: RuntimeError, otherwise: str) -> str:
    found = HARMLESS.search(str(error))
    return found[0] if found else otherwise
