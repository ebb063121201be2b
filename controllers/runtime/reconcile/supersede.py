"""Cancels runs whose spec is outdated, since nobody needs their results any more, and runs that have to make room.

A scan of a registry that never answers lasts as long as its timeout, an hour perhaps, and the edit that corrects the
host would wait for all of it. Only for kinds whose runs may be cut off anywhere.
"""

import asyncio
from collections import Counter
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any, TypeVar

from controllers.runtime.key import Key, key_of
from controllers.runtime.kube.objects import ReconciledObject

T = TypeVar("T")

MAX_SUPERSEDED_IN_A_ROW = 3
"""How many runs of an object are ended in a row. The next one goes on: otherwise an object whose spec keeps changing
would never be reconciled."""


class Superseded(Exception):
    """The run was ended: its object has another spec by now, is suspended, or is gone."""


class Interrupted(Exception):
    """The run was ended to make room for others. It is to be repeated."""


@dataclass(slots=True)
class _Running:
    uid: str
    generation: int
    task: asyncio.Task[Any]
    ended_by: type[Exception] | None = None


class Superseder:
    """Runs under way. Used from one event loop, with one run a key at most (the work queue sees to it)."""

    def __init__(self) -> None:
        self._running: dict[Key, _Running] = {}
        self._superseded_runs: Counter[Key] = Counter()
        """How many runs were ended since the last one that was completed; no entry for none."""

    async def run(self, obj: ReconciledObject, coroutine: Coroutine[Any, Any, T]) -> T:
        """Await a run over `obj` and return its result. Raises Superseded or Interrupted when it was ended."""
        key = key_of(obj)
        task = asyncio.ensure_future(coroutine)
        running = self._running[key] = _Running(obj.metadata.uid, obj.metadata.generation, task)
        try:
            return await task
        except asyncio.CancelledError:
            this = asyncio.current_task()
            if running.ended_by and not (this and this.cancelling()):
                raise running.ended_by from None
            raise
        finally:
            del self._running[key]
            if running.ended_by is not Superseded:
                self._superseded_runs.pop(key, None)

    def on_change(self, old: ReconciledObject | None, new: ReconciledObject | None) -> None:
        """End the run of an object that is gone or has another generation; a watch handler."""
        obj = new or old
        if obj is None:
            return
        key = key_of(obj)
        running = self._running.get(key)
        if new is None:
            self._superseded_runs.pop(key, None)
        if running is None or (
            new is not None and (_is_current(running, new) or self._superseded_runs[key] >= MAX_SUPERSEDED_IN_A_ROW)
        ):
            return
        if new is not None:
            self._superseded_runs[key] += 1
        running.ended_by = Superseded
        running.task.cancel()

    def interrupt(self, key: Key) -> bool:
        """End the run of `key` to make room; return whether there was one that nobody had ended yet."""
        running = self._running.get(key)
        if running is None or running.ended_by:
            return False
        running.ended_by = Interrupted
        running.task.cancel()
        return True


def _is_current(running: _Running, obj: ReconciledObject) -> bool:
    # A watch may be behind what the run has read of its own writes: an older event ends nothing.
    return running.uid == obj.metadata.uid and obj.metadata.generation <= running.generation
