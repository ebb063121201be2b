"""Keys that commits are signed with, and signers that have unlocked them."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field

from cachetools import LRUCache
from cryptography.exceptions import UnsupportedAlgorithm

from controllers.git.errors import BadSigningKey
from controllers.git.objects.commits import Signer
from controllers.git.signing.openpgp import openpgp_signer
from controllers.git.signing.sshsig import ssh_signer
from controllers.net.library_errors import UNREADABLE, catching_panics

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


@dataclass(frozen=True, slots=True)
class GuardedSigner:
    """A signer that raises BadSigningKey whatever its library makes of a key."""

    signer: Signer
    secret_name: str

    def sign(self, payload: bytes) -> bytes:
        """Return an armoured signature. Raises BadSigningKey."""
        with _reading_key(f"cannot sign with the key of secret '{self.secret_name}'"):
            return self.signer.sign(payload)


def unlock(key: SigningKey) -> Signer:
    """Return a signer with this key. Slow where the key is encrypted. Raises BadSigningKey."""
    with _reading_key(f"could not read signing key from secret '{key.secret_name}'"):
        match key:
            case OpenPgpKey():
                signer: Signer = openpgp_signer(key.armoured, key.passphrase, secret_name=key.secret_name)
            case SshSigningKey():
                signer = ssh_signer(key.identity, key.passphrase, secret_name=key.secret_name)
        return GuardedSigner(signer, key.secret_name)


@contextmanager
def _reading_key(failure: str) -> Iterator[None]:
    """Turn whatever a library raises over a user's key into BadSigningKey: a run must not end in anything else."""
    try:
        with catching_panics():
            yield
    except (*UNREADABLE, RuntimeError, UnsupportedAlgorithm) as e:
        raise BadSigningKey(f"{failure} ({type(e).__name__})") from e


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
