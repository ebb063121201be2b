"""Which Receiver has a path. A table of hashes, so that the time of a look-up says nothing of a path that is in it."""

import hashlib
from collections.abc import Iterable
from typing import Final

from api.receiver import Receiver
from controllers.runtime.key import Key, key_of

TURN_SECONDS: Final = 0.02


class Hooks:
    """The paths of all Receivers: those in their status, and those that were computed from their Secrets."""

    def __init__(self) -> None:
        self._receivers: dict[Key, Receiver] = {}
        self._by_path: dict[bytes, list[Key]] = {}
        self._computed: dict[Key, tuple[bytes, ...]] = {}
        self._announced: dict[Key, tuple[bytes, ...]] = {}
        self._keys: list[Key] = []

    def on_change(self, old: Receiver | None, new: Receiver | None) -> None:
        """Follow the Receivers of an informer."""
        gone = old is not None and (new is None or old.metadata.uid != new.metadata.uid)
        if old is not None and gone:
            self._remove(key_of(old))
        if new is None:
            return
        key = key_of(new)
        if key not in self._receivers:
            self._keys.append(key)
        self._receivers[key] = new
        self._announced[key] = self._set(key, self._announced, [new.status.webhook_path])

    def learn(self, receiver: Receiver, paths: Iterable[str]) -> None:
        """Take the paths that a Receiver's Secret gives it."""
        key = key_of(receiver)
        current = self._receivers.get(key)
        if current is not None and current.metadata.uid == receiver.metadata.uid:
            self._computed[key] = self._set(key, self._computed, paths)

    def find(self, path: str) -> list[Receiver]:
        """Return the Receivers that have or had the path; whether they still have is said by their Secrets.

        There is one, unless tokens, names and namespaces run together to the same text (see `hook_path`): without a
        token that takes no more than a namespace of a fitting name, and must not take the hook from its owner.
        """
        return [self._receivers[key] for key in self._by_path.get(_digest(path), ()) if key in self._receivers]

    def stand_in(self, monotonic: float) -> Receiver | None:
        """Return a Receiver for a path that no hook has, so that it costs what others cost; each in its turn.

        A turn takes a while, however many ask: their Secrets are read as often as that of a single Receiver.
        """
        return self._receivers[self._keys[int(monotonic / TURN_SECONDS) % len(self._keys)]] if self._keys else None

    def list(self) -> list[Receiver]:
        """Return all Receivers."""
        return list(self._receivers.values())

    def _set(self, key: Key, table: dict[Key, tuple[bytes, ...]], paths: Iterable[str]) -> tuple[bytes, ...]:
        """Replace the paths that one source has named for a Receiver."""
        digests = tuple(_digest(path) for path in paths if path)
        kept = {
            digest for other in (self._computed, self._announced) if other is not table for digest in other.get(key, ())
        }
        for digest in table.get(key, ()):
            if digest not in kept:
                self._drop(digest, key)
        for digest in digests:
            keys = self._by_path.setdefault(digest, [])
            if key not in keys:
                keys.append(key)
        return digests

    def _remove(self, key: Key) -> None:
        for table in (self._computed, self._announced):
            for digest in table.pop(key, ()):
                self._drop(digest, key)
        if self._receivers.pop(key, None) is not None:
            self._keys.remove(key)

    def _drop(self, digest: bytes, key: Key) -> None:
        keys = [other for other in self._by_path.pop(digest, ()) if other != key]
        if keys:
            self._by_path[digest] = keys


def _digest(path: str) -> bytes:
    return hashlib.sha256(path.encode("utf-8", "surrogatepass")).digest()
