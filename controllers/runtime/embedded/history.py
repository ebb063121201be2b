"""What happened last, for those who watch: changes reach open subscriptions, and those that begin a little earlier.

A server keeps its history for minutes. Here nothing can come between a client and the store, so it only has to bridge
the time from a list to the watch after it.
"""

import asyncio
from collections import deque
from dataclasses import dataclass
from typing import Final, Protocol

from controllers.runtime.embedded.tables import ObjectId
from controllers.runtime.kube.errors import Gone

MAX_CHANGES: Final = 1000
MAX_BYTES: Final = 16 << 20


@dataclass(frozen=True, slots=True)
class Change:
    """An object appeared (`old` is None), changed, or is gone (`new` is None)."""

    version: int
    id: ObjectId
    old: bytes | None
    new: bytes | None

    @property
    def size(self) -> int:
        return len(self.old or b"") + len(self.new or b"")


@dataclass(frozen=True, slots=True)
class Ended:
    """The subscription is over; error: what its watch raises, None where it ends in time."""

    error: Exception | None = None


@dataclass(frozen=True, slots=True)
class Tick:
    """Time for a bookmark: all changes up to this version have been handed over."""

    version: str


Item = Change | Ended | Tick


class Listener(Protocol):
    """What is told of changes as they happen."""

    def offer(self, change: Change) -> None: ...


class Subscription:
    """The changes of one kind after a version, in order. `items` grows until it is removed from the history."""

    def __init__(self, group: str, plural: str, namespace: str) -> None:
        self._of = (group, plural)
        self._namespace = namespace
        self.items: asyncio.Queue[Item] = asyncio.Queue()

    def offer(self, change: Change) -> None:
        """Take a change if it is of this kind and namespace."""
        group, plural, namespace, _ = change.id
        if (group, plural) == self._of and self._namespace in ("", namespace):
            self.items.put_nowait(change)


class History:
    """The last changes, and who is told about the next."""

    def __init__(self, version: int) -> None:
        """Begin at a version; what was before it is forgotten."""
        self._floor = version
        self._changes: deque[Change] = deque()
        self._bytes = 0
        self._listeners: list[Listener] = []

    def publish(self, change: Change) -> None:
        """Record a change and hand it to the subscriptions."""
        self._changes.append(change)
        self._bytes += change.size
        while len(self._changes) > MAX_CHANGES or self._bytes > MAX_BYTES:
            self._forget_oldest()
        for listener in self._listeners:
            listener.offer(change)

    def subscribe(self, group: str, plural: str, namespace: str, *, since: int, operation: str) -> Subscription:
        """Return a subscription that begins with the first change after `since`. Raises Gone if that is forgotten."""
        if since < self._floor:
            raise Gone(operation, f"too old resource version: {since} ({self._floor})", status=410, reason="Expired")
        subscription = Subscription(group, plural, namespace)
        for change in self._changes:
            if change.version > since:
                subscription.offer(change)
        self.add(subscription)
        return subscription

    def add(self, listener: Listener) -> None:
        """Tell it of what happens from now on."""
        self._listeners.append(listener)

    def remove(self, listener: Listener) -> None:
        """Tell it nothing more."""
        self._listeners.remove(listener)

    def forget(self, version: int) -> None:
        """Forget everything up to a version, as an API server does when it compacts."""
        self._floor = version
        while self._changes and self._changes[0].version <= version:
            self._forget_oldest()

    def _forget_oldest(self) -> None:
        oldest = self._changes.popleft()
        self._bytes -= oldest.size
        self._floor = max(self._floor, oldest.version)
