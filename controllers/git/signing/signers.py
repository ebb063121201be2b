"""Keys that commits are signed with, and signers that have unlocked them."""

import threading
from contextlib import nullcontext
from dataclasses import dataclass, field

from cachetools import LRUCache

from controllers.git.errors import BadSigningKey
from controllers.git.objects.commits import Signer
from controllers.git.signing.openpgp import openpgp_signer
from controllers.git.signing.sshsig import ssh_signer

MAX_CACHED_SIGNERS = 64


@dataclass(frozen=True, slots=True)
class OpenPgpKey:
    """An armoured OpenPGP private key. secret_name: where it is from, for messages. tenant: the namespace that pays."""

    armoured: bytes = field(repr=False)
    passphrase: str = field(repr=False)
    secret_name: str
    tenant: str = ""


@dataclass(frozen=True, slots=True)
class SshSigningKey:
    """An SSH private key in PEM or OpenSSH form. secret_name: where it is from. tenant: the namespace that pays."""

    identity: str = field(repr=False)
    passphrase: str = field(repr=False)
    secret_name: str
    tenant: str = ""


SigningKey = OpenPgpKey | SshSigningKey


def unlock(key: SigningKey) -> Signer:
    """Return a signer with this key. Slow where the key is encrypted. Raises BadSigningKey."""
    match key:
        case OpenPgpKey():
            return openpgp_signer(key.armoured, key.passphrase, secret_name=key.secret_name)
        case SshSigningKey():
            return ssh_signer(key.identity, key.passphrase, secret_name=key.secret_name)


class Signers:
    """Signers already unlocked, by their keys. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._openpgp = threading.Lock()
        self._unlocked: LRUCache[SigningKey, Signer | str] = LRUCache(MAX_CACHED_SIGNERS)

    def signer(self, key: SigningKey) -> Signer:
        """Return a signer with this key, as `unlock` does; slow only the first time, also for a key that is refused."""
        with self._lock:
            signer = self._unlocked.get(key)
        if signer is None:
            try:
                signer = self._unlock(key)
            except BadSigningKey as error:
                signer = error.reason
            with self._lock:
                self._unlocked[key] = signer
        if isinstance(signer, str):
            raise BadSigningKey(signer)
        return signer

    def _unlock(self, key: SigningKey) -> Signer:
        """Unlock a key: those of OpenPGP one at a time, as the library holds the interpreter's lock for 0.2 s."""
        with self._openpgp if isinstance(key, OpenPgpKey) else nullcontext():
            return unlock(key)
