"""One trial: a side's processes on one scenario, and the phases of it that are measured."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

from api.names import GIT_REPOSITORIES, IMAGE_POLICIES, IMAGE_REPOSITORIES, IMAGE_UPDATE_AUTOMATIONS, REQUESTED_AT
from api.resource import Resource
from controllers.runtime.key import Key
from controllers.runtime.kube.client import KubeClient
from hack.bench.beside import repositories, usage
from hack.bench.beside.objects import NAMESPACE, Json, Sizes, automation
from hack.bench.beside.repositories import Bare
from hack.bench.beside.sides import Side
from hack.bench.beside.table import Sample
from hack.bench.beside.world import World
from hack.bench.scale.objects import source
from hack.bench.scale.observer import Observer, is_settled
from hack.bench.scale.world import Raw, create, gather

PAUSE_SECONDS: Final = 2.0
"""Before a phase, so that what came before has ended."""
SETTLE_SECONDS: Final = 1.0
"""After a phase, for work of it that nobody waits for; only processor time counts."""
CHECK_SECONDS: Final = 1.0
RESOURCES: Final = {
    resource.kind: resource
    for resource in (GIT_REPOSITORIES, IMAGE_POLICIES, IMAGE_REPOSITORIES, IMAGE_UPDATE_AUTOMATIONS)
}


class NotReached(RuntimeError):
    """A side has not done what was asked of it; the message says what, and shows its logs."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What is the same in all trials."""

    sizes: Sizes
    deadline_seconds: float
    """For the end of a phase."""


@dataclass(slots=True)
class Trial:
    """What a scenario does its work with."""

    world: World
    side: Side
    settings: Settings
    client: KubeClient
    observer: Observer
    samples: list[Sample] = field(default_factory=list)
    _requests: int = 0

    @property
    def sizes(self) -> Sizes:
        """How much there is of everything."""
        return self.settings.sizes

    @asynccontextmanager
    async def phase(self, what: str) -> AsyncIterator[list[float]]:
        """Measure what is done in the block, which adds the seconds of each repetition to the list."""
        await asyncio.sleep(PAUSE_SECONDS)
        pids, walls = self.side.pids(), list[float]()
        usage.reset_peaks(pids)
        before = usage.read()
        yield walls
        await asyncio.sleep(SETTLE_SECONDS)
        used = usage.between(before, usage.read(), pids, os.getpid())
        peak = usage.peak_mib(pids)
        self.samples.append(Sample(self.side.name, what, tuple(walls), used.cpu_seconds, peak, used.others_cores))

    async def create(self, bodies: Iterable[Json]) -> None:
        """Create objects."""
        await gather([partial(create, self.client, RESOURCES[body["kind"]], body) for body in bodies])

    async def request(self, resource: Resource, name: str) -> str:
        """Ask by annotation for a run of an object; return the token that is then handled."""
        self._requests += 1
        token = f"{time.time_ns()}-{self._requests}"
        body: Any = {"metadata": {"annotations": {REQUESTED_AT: token}}}
        await self.client.patch(resource, NAMESPACE, name, body, into=Raw)
        return token

    async def request_all(self, resource: Resource, names: Iterable[str]) -> dict[str, str]:
        """Ask for a run of each; return the tokens by name."""
        tokens = {}

        async def request(name: str) -> None:
            tokens[name] = await self.request(resource, name)

        await gather([partial(request, name) for name in names])
        return tokens

    async def scanned(self, names: Iterable[str]) -> float:
        """Return when these ImageRepositories were ready."""
        keys = [Key(NAMESPACE, name) for name in names]
        goal = self.observer.wait_for(self.observer.repositories, is_scanned, *keys)
        return await self.reach(goal, f"{len(keys)} ImageRepositories are ready")

    async def chosen(self, names: Iterable[str], tag: str) -> float:
        """Return when these ImagePolicies had chosen a tag; any, where it is empty."""

        def holds(one: Any) -> bool:
            found = one.status.latest_ref
            return found is not None and tag in ("", found.tag) and is_settled(one)

        keys = [Key(NAMESPACE, name) for name in names]
        goal = self.observer.wait_for(self.observer.policies, holds, *keys)
        return await self.reach(goal, f"{len(keys)} ImagePolicies have chosen {tag or 'a tag'}")

    async def handled(self, kind: Any, tokens: dict[str, str]) -> float:
        """Return when requests were handled. kind: the observer's cache of the objects; tokens: by name."""

        def holds(one: Any) -> bool:
            return is_settled(one) and one.status.last_handled_reconcile_at == tokens[one.metadata.name]

        goal = self.observer.wait_for(kind, holds, *(Key(NAMESPACE, name) for name in tokens))
        return await self.reach(goal, f"{len(tokens)} requests are handled")

    async def automate(self, fleet: dict[str, Bare]) -> None:
        """Create a GitRepository and an automation for each repository; return when all are ready."""
        urls = {name: f"{self.world.git_url}/{bare.path.name}" for name, bare in fleet.items()}
        await self.create(source(NAMESPACE, name, url) for name, url in urls.items())
        await self.create(automation(name, name) for name in fleet)
        await self.settled(fleet)

    async def settled(self, names: Iterable[str], holds: Callable[[Any], bool] = is_settled) -> float:
        """Return when these automations were ready."""
        keys = [Key(NAMESPACE, name) for name in names]
        goal = self.observer.wait_for(self.observer.automations, holds, *keys)
        return await self.reach(goal, f"{len(keys)} ImageUpdateAutomations are ready")

    async def committed(self, fleet: dict[str, Bare], image: str, tag: str, *, lines: int) -> float:
        """Push a tag, ask for a scan, and return the seconds until every repository has a commit.

        fleet: by the name of the automation. image: its name is that of its ImageRepository. lines: how many of a
        repository's name it. Raises NotReached where they do not name the tag then.
        """
        before = {bare: bare.head() for bare in fleet.values()}
        await asyncio.to_thread(self.world.push_tag, image, tag)
        began = time.monotonic()
        await self.request(IMAGE_REPOSITORIES, image)
        at = await self.reach(repositories.wait_for_commits(before), f"{len(fleet)} repositories have a commit")

        def is_recorded(one: Any) -> bool:
            return is_settled(one) and one.status.last_push_commit == fleet[one.metadata.name].head()

        await self.settled(fleet, is_recorded)
        for name, bare in fleet.items():
            found = await asyncio.to_thread(bare.count_lines, f"/{image}:{tag} ")
            if found != lines:
                raise NotReached(f"{self.side.name}: {name} names {image}:{tag} in {found} lines, not in {lines}")
        return at - began

    async def reach(self, goal: Awaitable[float], what: str) -> float:
        """Return when a goal was reached. Raises NotReached at the deadline, Ended when a process has ended."""
        task = asyncio.ensure_future(goal)
        seconds = self.settings.deadline_seconds
        deadline = time.monotonic() + seconds
        try:
            while not (await asyncio.wait({task}, timeout=CHECK_SECONDS))[0]:
                self.side.check()
                if time.monotonic() > deadline:
                    raise NotReached(f"{self.side.name}: not after {seconds:.0f} s: {what}; {self.side.logs()}")
            return task.result()
        finally:
            task.cancel()


def is_scanned(one: Any) -> bool:
    """Return whether an ImageRepository is ready and has tags."""
    return is_settled(one) and one.status.last_scan_result is not None
