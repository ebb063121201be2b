"""OpenPGP signatures through pysequoia, which is optional and imported when a key is first used.

The errors of the library contain stack traces and may quote the key; none of their words is passed on.
"""

import re
import threading
from typing import TYPE_CHECKING

from controllers.git.errors import BadSigningKey
from controllers.git.signing.openpgp_bounds import check_openpgp
from controllers.net.key_bounds import KeyRefused

if TYPE_CHECKING:
    from pysequoia import PySigner


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
        raise BadSigningKey(
            "OpenPGP signatures need the package 'pysequoia', which is not installed; use an SSH key instead"
        ) from None
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


def _fault(error: RuntimeError, otherwise: str) -> str:
    found = HARMLESS.search(str(error))
    return found[0] if found else otherwise
