"""An informer on virtual time that follows a scripted API server, for tests of what it does in trouble."""

import asyncio
from collections.abc import Iterable
from random import Random
from typing import Any, Generic, TypeVar

from controllers.runtime.cache.informer import SILENCE_TIMEOUT, Informer
from testing.apiserver import ScriptedServer
from testing.clock import TEST_TIMEOUT_SECONDS, VirtualClock
from testing.embedded import EmbeddedServer
from testing.thing import THINGS, Thing

SILENCE = SILENCE_TIMEOUT.total_seconds()
RNG = Random(1)  # noqa: S311 -- jitter


def by_colour(obj: Thing) -> Iterable[str]:
    return obj.spec.colours


class RecordingHandler:
    """A handler that records its calls as `name:old>new` of spec.size, and lets a test wait for one."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._more = asyncio.Event()

    def __call__(self, old: Thing | None, new: Thing | None) -> None:
        obj = new or old
        assert obj is not None
        self.lines.append(f"{obj.metadata.name}:{old.spec.size if old else '-'}>{new.spec.size if new else '-'}")
        self._more.set()

    async def wait_for(self, line: str) -> None:
        async with asyncio.timeout(TEST_TIMEOUT_SECONDS):
            while line not in self.lines:
                self._more.clear()
                await self._more.wait()


S = TypeVar("S", ScriptedServer, EmbeddedServer)
"""Those that an informer can follow."""


class InformerHarness(Generic[S]):
    """A server and an informer that follows it on virtual time."""

    def __init__(self, api: S) -> None:
        self.api: S = api
        self.clock = VirtualClock()
        self.client = api.connect(self.clock)
        self.recorded = RecordingHandler()
        self.informer = self.make()
        self._task: asyncio.Task[None] | None = None

    def make(self, **options: Any) -> Informer[Thing]:
        options.setdefault("indexers", {"colour": by_colour})
        informer = Informer(self.client, THINGS, into=Thing, clock=self.clock, rng=RNG, **options)
        informer.add_handler(self.recorded)
        return informer

    async def start(self) -> None:
        self._task = asyncio.create_task(self.informer.run())
        await self.synced()
        await self.api.wait_for_watches()

    async def synced(self) -> None:
        async with asyncio.timeout(TEST_TIMEOUT_SECONDS):
            await self.informer.synced.wait()

    def start_unsynced(self) -> None:
        self._task = asyncio.create_task(self.informer.run())

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self.client.close()

    @property
    def sizes(self) -> dict[str, int]:
        return {obj.metadata.name: obj.spec.size for obj in self.informer.list()}

    async def waiting(self) -> float:
        """Return the informer's delay once it waits; its watchdog sleeps longer than any delay."""
        return await self.clock.wait_for_wake(SILENCE / 2)

    async def retry(self) -> float:
        """Let the informer's delay pass and return it."""
        delay = await self.waiting()
        await self.clock.advance(delay)
        return delay

    async def next_watch(self) -> None:
        """Let the informer's delay pass and wait for the watch after it."""
        await self.retry()
        await self.api.wait_for_watches()
