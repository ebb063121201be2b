"""Reads the Secrets of Receivers from time to time, without being asked.

So each replica has the token that is replaced one day, which `spec.secretOverlap` needs, and knows the new path of a
hook whose sender has learned it before its status says it.
"""

from collections.abc import Callable
from contextlib import suppress
from heapq import nsmallest
from math import inf
from typing import Final

from api.receiver import Receiver
from controllers.clock import Clock
from controllers.golang.duration import BadDuration
from controllers.receiver.hooks import Hooks
from controllers.receiver.plan import Plan, SpecRefused
from controllers.receiver.secrets import SecretReader, SecretUnusable
from controllers.runtime.key import Key, key_of
from controllers.runtime.kube.errors import ApiError

TICK_SECONDS: Final = 1.0
READS_PER_TICK: Final = 10
MIN_INTERVAL_SECONDS: Final = 10.0


class Refresher:
    """A `process.Runnable`."""

    def __init__(self, hooks: Hooks, secrets: SecretReader, plan: Callable[[Receiver], Plan], *, clock: Clock) -> None:
        self._hooks = hooks
        self._secrets = secrets
        self._plan = plan
        self._clock = clock
        self._due: dict[Key, float] = {}

    def on_change(self, old: Receiver | None, new: Receiver | None) -> None:
        """Have a new or changed Receiver read soon; called for every change of one."""
        if new is None:
            if old is not None:
                self._due.pop(key_of(old), None)
                self._secrets.forget(key_of(old))
        elif old is None or old.metadata.uid != new.metadata.uid or old.metadata.generation != new.metadata.generation:
            if old is not None and old.metadata.uid != new.metadata.uid:
                self._secrets.forget(key_of(old))
            self._due[key_of(new)] = self._clock.monotonic()

    async def run(self) -> None:
        """Read until cancelled, a few Secrets a second."""
        while True:
            await self._clock.sleep(TICK_SECONDS)
            now = self._clock.monotonic()
            due = [receiver for receiver in self._hooks.list() if self._due_at(receiver) <= now]
            for receiver in nsmallest(READS_PER_TICK, due, key=self._due_at):  # others may be due all the time
                await self._read(receiver)

    async def _read(self, receiver: Receiver) -> None:
        due_at, interval = self._due_at(receiver), MIN_INTERVAL_SECONDS
        with suppress(SpecRefused, BadDuration, SecretUnusable, ApiError):  # the status says so, and requests try again
            plan = self._plan(receiver)
            interval = max(plan.interval.total_seconds(), interval)
            await self._secrets.read(receiver, plan)
        if self._due_at(receiver) == due_at:  # neither gone nor changed meanwhile
            self._due[key_of(receiver)] = self._clock.monotonic() + interval

    def _due_at(self, receiver: Receiver) -> float:
        return self._due.get(key_of(receiver), inf)
