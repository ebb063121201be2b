"""A world in this process: all three kinds on an embedded API, with a clock that moves when it is told.

Time stands still while there is work; it moves a little where work waits for it, as a retry does. The processes can be
cut off from the API at any of their writes, which is all that others see of a crash.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from api.kinds import KINDS
from api.names import (
    EVENTS,
    GIT_REPOSITORIES,
    IMAGE_POLICIES,
    IMAGE_REPOSITORIES,
    IMAGE_UPDATE_AUTOMATIONS,
    REQUESTED_AT,
)
from api.resource import Resource
from cli.hosting import QUIET, SCANNERS, WRITERS, Build, Host
from controllers.clock import Clock
from controllers.runtime.embedded.api import EmbeddedApi
from controllers.runtime.embedded.client import EmbeddedClient
from controllers.runtime.embedded.store import ObjectStore
from controllers.runtime.kube.errors import Invalid, NotFound
from hack.model.leaping import SHORT_SECONDS, LeapingClock
from hack.model.manifests import Json
from hack.model.model import NAMESPACE
from hack.model.outside import Outside, outside
from hack.model.player import FIRST_TAGS, STEP_SECONDS
from testing.invariants import Allowance
from testing.state_history import VersionRecorder

RESOURCES = {one.kind: one for one in (IMAGE_REPOSITORIES, IMAGE_POLICIES, IMAGE_UPDATE_AUTOMATIONS, GIT_REPOSITORIES)}
FLAGS = (*QUIET, "--grace-period=2s", "--max-retry-delay=5m")
LOOK_SECONDS = 0.001
LOOKS_UNTIL_TIME_MOVES = 10
LONGEST_WAIT_SECONDS = 5.0
PATIENCE_LOOKS = 30_000
OFTEN = Allowance(returns=1000)
"""Histories go back and forth themselves: tags come and go, servers fail."""

T = TypeVar("T")


class MortalClient(EmbeddedClient):
    """A client that a process loses at one of its writes: what it asks then is never answered."""

    def __init__(self, store: ObjectStore, *, clock: Clock) -> None:
        super().__init__(store, clock=clock)
        self.left = 0
        """Writes until the end; 0: it does not end."""
        self.is_written = False
        self.is_dead = False

    async def create(self, resource: Resource, *args: Any, **options: Any) -> Any:
        return await self._write(resource, super().create(resource, *args, **options))

    async def patch(self, resource: Resource, *args: Any, **options: Any) -> Any:
        return await self._write(resource, super().patch(resource, *args, **options))

    async def delete(self, resource: Resource, *args: Any, **options: Any) -> None:
        await self._write(resource, super().delete(resource, *args, **options))

    async def get(self, resource: Resource, *args: Any, **options: Any) -> Any:
        return await self._unless_dead(super().get(resource, *args, **options))

    async def list(self, resource: Resource, *args: Any, **options: Any) -> Any:
        return await self._unless_dead(super().list(resource, *args, **options))

    async def _write(self, resource: Resource, request: Awaitable[T]) -> T:
        if not self.left or resource == EVENTS:
            return await self._unless_dead(request)
        self.left -= 1
        if self.left:
            return await self._unless_dead(request)
        if self.is_written:
            await request
            request = _nothing()
        self.is_dead = True
        return await self._unless_dead(request)

    async def _unless_dead(self, request: Awaitable[T]) -> T:
        if not self.is_dead:
            return await request
        if asyncio.iscoroutine(request):
            request.close()
        await asyncio.Event().wait()
        raise AssertionError


async def _nothing() -> Any:
    return None


class LiveKinds:
    """All kinds in one process, which can be started, stopped and cut off; and the time in which they live."""

    def __init__(self, api: EmbeddedApi, clock: LeapingClock, *, build: Mapping[str, Build] | None = None) -> None:
        """Build it; nothing runs yet. build: see `Host`."""
        self._api = api
        self._clock = clock
        self._build = build
        self._client: MortalClient | None = None
        self._host: Host | None = None
        self._run: asyncio.Task[int] | None = None

    async def advance(self, seconds: float) -> None:
        """Let time pass; what becomes due on the way is done at its time."""
        await self.rest()
        end = self._clock.monotonic() + seconds
        while self._clock.monotonic() < end:
            left = end - self._clock.monotonic()
            wake = self._clock.next_wake(longer_than=SHORT_SECONDS)
            await self._clock.leap(left if wake is None else min(wake, left))
            if not self._is_quiet():
                await self.rest()
        await self.rest()

    async def start(self) -> None:
        self._client = MortalClient(self._api.store, clock=self._clock)
        self._host = Host(
            self._api,
            (*SCANNERS, *WRITERS),
            argv=FLAGS,
            build=self._build,
            clock=self._clock,
            client=self._client,
        )
        self._run = asyncio.create_task(self._host.run())
        await self.rest()

    async def stop(self, *, for_seconds: float = 0) -> None:
        """End the process, if it runs; time may pass before it is started again."""
        if self._host is None or self._run is None:
            return
        self._host.process.stop()
        while not self._run.done():
            await self._clock.leap(0.1)
            await asyncio.sleep(LOOK_SECONDS)
        self._run.result()
        self._host = self._run = self._client = None
        self._clock.skip(for_seconds)

    def arm(self, write: int, *, is_written: bool) -> None:
        """Cut the processes off at one of the next writes, before it or after it."""
        if self._client:
            self._client.left, self._client.is_written = write, is_written

    async def survive(self) -> None:
        """Start again what was cut off since `arm`, if it was."""
        await self.rest()
        assert self._client, "it does not run"
        if self._client.is_dead:
            await self.stop()
            await self.start()
        self._client.left = 0

    async def rest(self) -> None:
        """Return when all is done that can be done now, or the processes are cut off."""
        quiet = looks = 0
        while self._run and quiet < 2 and not (self._client and self._client.is_dead):
            if self._run.done():
                raise AssertionError(f"the process has ended by itself: {self._run.result()}")
            await asyncio.sleep(LOOK_SECONDS)
            quiet = quiet + 1 if self._is_quiet() else 0
            looks += 1
            assert looks < PATIENCE_LOOKS, "it does not come to rest"
            wake = self._clock.next_wake()
            if not quiet and looks % LOOKS_UNTIL_TIME_MOVES == 0 and wake is not None and wake < LONGEST_WAIT_SECONDS:
                await self._clock.leap(wake)

    def _is_quiet(self) -> bool:
        if self._host is None or self._client is None:
            return True
        return self._host.process.is_idle and not self._client.has_undelivered_events


class EmbeddedWorld(LiveKinds):
    """See the module. Use `embedded_world`."""

    def __init__(self, api: EmbeddedApi, clock: LeapingClock, servers: Outside) -> None:
        super().__init__(api, clock)
        self._outside = servers
        self._user = api.connect()
        self._requests = 0
        self._recorder = VersionRecorder(clock)
        api.store.history.add(self._recorder)

    @property
    def outside(self) -> Outside:
        return self._outside

    async def put(self, kind: str, name: str, spec: Json, labels: dict[str, str]) -> bool:
        """Make an object, or give it another spec; False: it is refused."""
        resource = RESOURCES[kind]
        held = await self.read(kind, name)
        fields = {"apiVersion": resource.api_version, "kind": kind, "spec": spec}
        try:
            if held:
                meta = held["metadata"] | {"labels": labels}
                await self._user.replace(resource, NAMESPACE, name, {**fields, "metadata": meta}, into=dict[str, Any])
            else:
                meta = {"name": name, "namespace": NAMESPACE, "labels": labels}
                await self._user.create(resource, NAMESPACE, {**fields, "metadata": meta}, into=dict[str, Any])
        except Invalid:
            return False
        return True

    async def delete(self, kind: str, name: str) -> None:
        await self._user.delete(RESOURCES[kind], NAMESPACE, name)

    async def request(self, kind: str, name: str) -> None:
        """Ask for a run by annotation."""
        self._requests += 1
        change = {"metadata": {"annotations": {REQUESTED_AT: f"{self._requests}"}}}
        await self._user.patch(RESOURCES[kind], NAMESPACE, name, change, into=dict[str, Any])

    async def read(self, kind: str, name: str) -> Json:
        try:
            return await self._user.get(RESOURCES[kind], NAMESPACE, name, into=dict[str, Any])
        except NotFound:
            return {}

    async def settle(self, is_expected: Callable[[], Awaitable[str]]) -> str:
        """Return what is still not as expected once all is at rest; empty: nothing."""
        await self.rest()
        await self.advance(STEP_SECONDS)
        return await is_expected() or "; ".join(map(str, self._recorder.check(OFTEN)))


@asynccontextmanager
async def embedded_world() -> AsyncIterator[EmbeddedWorld]:
    """Yield a new world whose processes run."""
    clock = LeapingClock()
    with outside(FIRST_TAGS) as servers, EmbeddedApi.in_memory(KINDS, clock=clock) as api:
        world = EmbeddedWorld(api, clock, servers)
        source = {"url": servers.git_url, "interval": "1m", "ref": {"branch": "main"}}
        await world.put("GitRepository", "fleet", source, {})
        await world.start()
        try:
            yield world
        finally:
            await world.stop()
