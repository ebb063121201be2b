"""Signing keys out of a Secret's data, with the keys and error texts of Flux's ImageUpdateAutomation."""

import hashlib
import threading
from collections.abc import Mapping

from cachetools import LRUCache

from controllers.git.errors import BadSigningKey
from controllers.git.objects.commits import Signer
from controllers.git.signing.openpgp import openpgp_signer
from controllers.git.signing.sshsig import ssh_signer

MAX_CACHED_SIGNERS = 64


def signer_from_secret(kind: str, data: Mapping[str, bytes], *, secret_name: str) -> Signer:
    """A signer with the key of a Secret. Slow where the key is encrypted. Raises BadSigningKey.

    kind: `gpg` (also when empty) reads `git.asc` and `passphrase`; `ssh` reads `identity` and `password`.
    """
    if kind == "ssh":
        identity = data.get("identity")
        if not identity:
            raise BadSigningKey(f"signing key secret '{secret_name}' does not contain an 'identity' key")
        return ssh_signer(
            identity.decode("ascii", "replace"), data.get("password", b"").decode(), secret_name=secret_name
        )
    key = data.get("git.asc")
    if not key:
        raise BadSigningKey(f"signing key secret '{secret_name}' does not contain a 'git.asc' key")
    return openpgp_signer(key, data.get("passphrase", b"").decode(), secret_name=secret_name)


class Signers:
    """Signers already unlocked, by the content of their Secrets. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: LRUCache[tuple[str, str, bytes], Signer] = LRUCache(MAX_CACHED_SIGNERS)

    def signer(self, kind: str, data: Mapping[str, bytes], *, secret_name: str) -> Signer:
        """As `signer_from_secret`, slow only the first time."""
        key = (kind, secret_name, _fingerprint(data))
        with self._lock:
            kept = self._kept.get(key)
        if kept is None:
            kept = signer_from_secret(kind, data, secret_name=secret_name)
            with self._lock:
                self._kept[key] = kept
        return kept


def _fingerprint(data: Mapping[str, bytes]) -> bytes:
    digest = hashlib.sha256()
    for name in ("git.asc", "passphrase", "identity", "password"):
        value = data.get(name, b"")
        digest.update(b"%d:" % len(value) + value)
    return digest.digest()
