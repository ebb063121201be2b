"""Who may use the registry: accounts of an htpasswd file, asked with Basic or through tokens."""

import base64
import binascii
import secrets
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import bcrypt

Scheme = Literal["none", "basic", "token"]
TOKEN_SECONDS = 300


@dataclass(slots=True)
class Accounts:
    """The accounts and the tokens that were issued to them.

    hashes: bcrypt hash by user. scheme: what the registry asks for. A token opens the repositories of its scopes.
    """

    scheme: Scheme = "none"
    hashes: Mapping[str, bytes] = field(default_factory=dict)
    _tokens: dict[str, tuple[float, frozenset[str]]] = field(default_factory=dict)
    _known: dict[tuple[str, str], bool] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def admits(self, authorization: str, repository: str) -> bool:
        """Return whether a request for a repository (empty: for the registry itself) may pass."""
        if self.scheme == "none":
            return True
        kind, _, given = authorization.partition(" ")
        if self.scheme == "basic":
            return kind.lower() == "basic" and self.knows(given)
        with self._lock:
            expires, repositories = self._tokens.get(given, (0.0, frozenset()))
        is_valid = kind.lower() == "bearer" and time.monotonic() < expires
        return is_valid and (not repository or repository in repositories)

    def knows(self, pair: str) -> bool:
        """Return whether the base64 of `user:password` names an account."""
        try:
            user, _, password = base64.b64decode(pair, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return False
        with self._lock:  # bcrypt is slow by design; clients ask with each request
            if (user, password) not in self._known:
                hashed = self.hashes.get(user)
                self._known[user, password] = hashed is not None and bcrypt.checkpw(password.encode(), hashed)
            return self._known[user, password]

    def issue(self, scopes: list[str]) -> str:
        """Return a new token for `repository:NAME:ACTIONS` scopes."""
        names = frozenset(scope.split(":")[1] for scope in scopes if scope.count(":") >= 2)
        token = secrets.token_urlsafe(24)
        with self._lock:
            self._tokens[token] = (time.monotonic() + TOKEN_SECONDS, names)
        return token


def read_htpasswd(text: str) -> dict[str, bytes]:
    """Return the bcrypt hashes by user. Raises ValueError at a line of another form."""
    hashes = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        user, _, hashed = line.strip().partition(":")
        if not user or not hashed.startswith("$2"):
            raise ValueError(f"line {number}: expected user:bcrypt-hash, as `htpasswd -nB user` prints it")
        hashes[user] = hashed.encode()
    return hashes


def make_hash(password: str) -> bytes:
    """Return a bcrypt hash of the lowest cost: for accounts that live as long as a demo."""
    return bcrypt.hashpw(password.encode(), bcrypt.gensalt(4))
