"""Follows the objects that our controllers reconcile while tests run, and checks what must hold of every version."""

import asyncio
import threading
from bisect import insort
from collections import defaultdict
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

from testing.invariants import Allowance, Version, Violation, check_versions
from testing.observer import Observer

CATCH_UP_SECONDS = 20.0
SHOWN_VERSIONS = 12
"""Of an object that violates something: the last ones."""

T = TypeVar("T")


@dataclass(slots=True)
class Part:
    """What was begun with `History.begin`: a test, for example."""

    name: str
    allowance: Allowance | None = None
    is_exempt: bool = False
    """Whether the objects that come into being in it are never judged."""


@dataclass(slots=True)
class _Object:
    part: Part
    versions: list[Version] = field(default_factory=list)


class History:
    """All versions of all objects of one API server, collected in a thread of its own."""

    def __init__(self, make: Callable[[], Observer], *, patience: float = CATCH_UP_SECONDS) -> None:
        """Begin to follow. make: called in the thread to which the observer belongs. Raises NeverCame.

        patience: seconds that the watches may be late
        """
        self.patience = patience
        self._objects: dict[str, _Object] = {}
        self._part = Part("before the first test")
        self._told: set[Violation] = set()
        self._generations: dict[str, int] = {}
        self._edits: list[int] = []
        """When specs came or changed, of any object: resourceVersions in order."""
        self.judged = 0
        """How many versions were judged."""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        try:
            self._observer = self._run(self._start(make))
        except BaseException:
            self._end_thread()
            raise

    def begin(self, part: Part) -> None:
        """Say whose the objects are that come into being from now on."""
        self._part = part

    def check(self) -> list[str]:
        """Return what objects violate that have changed since the last call, each with its last versions.

        An object is judged by what its part may do, also when it changes later. Raises NeverCame when the watches do
        not show what the server has: a check that looks at nothing is none.
        """
        new, gone = self._run(self._drain())
        self._note_edits(new)
        changed: dict[str, None] = {}
        for version in new:
            known = self._objects.setdefault(version.uid, _Object(self._part))
            known.versions.append(version)
            self.judged += not known.part.is_exempt
            changed[version.uid] = None
        out = [text for uid in changed for text in self._judge(self._objects[uid])]
        for uid in gone:
            self._objects.pop(uid, None)
            self._generations.pop(uid, None)
        return out

    def require(self) -> None:
        """Fail if anything violates a rule."""
        assert not (found := self.check()), "\n".join(found)

    def close(self) -> None:
        """Stop following."""
        try:
            self._run(self._observer.close())
        finally:
            self._end_thread()

    def _note_edits(self, new: Sequence[Version]) -> None:
        for version in sorted(new, key=lambda v: v.resource_version):
            if self._generations.get(version.uid) != version.generation:
                self._generations[version.uid] = version.generation
                insort(self._edits, version.resource_version)

    def _judge(self, known: _Object) -> list[str]:
        if known.part.is_exempt:
            return []
        found = [
            one
            for one in check_versions(known.versions, known.part.allowance, edits=self._edits)
            if one not in self._told
        ]
        self._told.update(found)
        if not found:
            return []
        last = [f"    {_show(version)}" for version in known.versions[-SHOWN_VERSIONS:]]
        return [*map(str, found), f"  (an object of {known.part.name}; its last versions:)", *last]

    async def _drain(self) -> tuple[list[Version], set[str]]:
        await self._observer.catch_up(seconds=self.patience)
        versions, gone = self._observer.versions, self._observer.gone
        self._observer.versions, self._observer.gone = defaultdict(list), set()
        return [version for of_namespace in versions.values() for version in of_namespace], gone

    async def _start(self, make: Callable[[], Observer]) -> Observer:
        observer = make()
        await observer.start()
        try:
            await observer.catch_up(seconds=self.patience)
        except BaseException:
            await observer.close()
            raise
        return observer

    def _run(self, work: Coroutine[None, None, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(self.patience + 10)

    def _end_thread(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


def _show(version: Version) -> str:
    def say(condition: dict[str, Any]) -> str:
        reason, generation, since = (
            condition.get(name) for name in ("reason", "observedGeneration", "lastTransitionTime")
        )
        state = f"{condition['type']}={condition['status']} {reason} of {generation} since {since}"
        return f"{state}: {condition.get('message', '')[:60]!r}"

    conditions = "; ".join(map(say, version.status.get("conditions") or ()))
    observed, handled = (version.status.get(name) for name in ("observedGeneration", "lastHandledReconcileAt"))
    listed = " (listed)" * version.is_listed
    return (
        f"{version.resource_version}{listed} at {version.written_at}: generation {version.generation}, asked for "
        f"{version.requested_at or 'nothing'}; observed {observed}, handled {handled}; {conditions}"
    )


@contextmanager
def followed(make: Callable[[], Observer]) -> Iterator[History]:
    """Yield a history that is collected and, where the block succeeds, required. make: see History."""
    history = History(make)
    try:
        yield history
        history.require()
    finally:
        history.close()
