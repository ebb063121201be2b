"""`python -m e2e.modelled`: `hack.model` beside three processes at a real API server, each with its own rights.

Time is everybody's there. A world is a namespace. The processes stay from one world to the next; each world ends with
the namespace's deletion.
"""

import asyncio
import shutil
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

from api.names import REQUESTED_AT
from e2e.kubeapi import KubeApi, RequestRejected
from hack import controllers as local_controllers
from hack.controllers import Controllers, Kubectl
from hack.env import environment
from hack.model.command import run
from hack.model.embedded import RESOURCES
from hack.model.machine import Worlds
from hack.model.manifests import Json
from hack.model.model import NAMESPACE
from hack.model.outside import Outside, outside
from hack.model.player import FIRST_TAGS
from testing.history import followed
from testing.observer import Observer

FLAGS = ("--concurrent=10", "--max-retry-delay=2s")
PATIENCE_SECONDS = 60.0
LOOK_SECONDS = 0.1
LOOKS_ALIKE = 5
"""How often in a row the world has to be as expected: nothing may undo it."""


class ClusterWorld:
    """See the module. Use `cluster_worlds`."""

    def __init__(self, api: KubeApi, controllers: Controllers, servers: Outside) -> None:
        self._api = api
        self._controllers = controllers
        self._outside = servers
        self._kills = False

    @property
    def outside(self) -> Outside:
        return self._outside

    async def put(self, kind: str, name: str, spec: Json, labels: dict[str, str]) -> bool:
        """Make an object, or give it another spec; False: it is refused."""
        meta = {"name": name, "namespace": NAMESPACE, "labels": labels}
        try:
            self._api.apply({"apiVersion": _version(kind), "kind": kind, "metadata": meta, "spec": spec})
        except RequestRejected:
            return False
        return True

    async def delete(self, kind: str, name: str) -> None:
        self._api.delete(_version(kind), kind, namespace=NAMESPACE, name=name)

    async def request(self, kind: str, name: str) -> None:
        """Ask for a run by annotation."""
        change = {"metadata": {"annotations": {REQUESTED_AT: f"{time.time_ns()}"}}}
        self._api.merge(_version(kind), kind, namespace=NAMESPACE, name=name, change=change)

    async def read(self, kind: str, name: str) -> Json:
        return self._api.get(_version(kind), kind, namespace=NAMESPACE, name=name)

    async def advance(self, seconds: float) -> None:
        """Do nothing: who wants intervals to pass asks for runs besides."""

    async def settle(self, is_expected: Callable[[], Awaitable[str]]) -> str:
        """Return what is still not as expected after a while; empty: all is, and stays so."""
        deadline, alike, problem = time.monotonic() + PATIENCE_SECONDS, 0, ""
        while alike < LOOKS_ALIKE:
            problem = await is_expected()
            alike = 0 if problem else alike + 1
            if problem and time.monotonic() > deadline:
                return problem
            await asyncio.sleep(LOOK_SECONDS)
        return ""

    async def stop(self, *, for_seconds: float = 0) -> None:
        self._controllers.stop()

    async def start(self) -> None:
        self._controllers.start()

    def arm(self, write: int, *, is_written: bool) -> None:
        """Have the processes killed while they are at it."""
        self._kills = True

    async def survive(self) -> None:
        """Kill the processes in the middle of whatever they do, and start them again."""
        if self._kills:
            self._kills = False
            self._controllers.stop(kill=True)
            self._controllers.start()


def _version(kind: str) -> str:
    return RESOURCES[kind].api_version


@contextmanager
def cluster_worlds() -> Iterator[Worlds]:
    """Yield what makes worlds; control plane and processes are started once, and stopped at the end."""
    folder = Path(tempfile.mkdtemp(prefix="tagline-model-"))
    env = environment.up(folder / "env")
    try:
        kubectl = Kubectl(env.kubectl, env.kubeconfig)
        controllers = local_controllers.install_and_start(env, folder / "controllers", FLAGS)
        api = KubeApi(kubectl, folder)
        try:
            with followed(lambda: Observer(api.url)):
                yield lambda: cluster_world(api, controllers)
        finally:
            api.close()
            controllers.stop(kill=True)
    finally:
        environment.down(env)
        shutil.rmtree(folder, ignore_errors=True)


@asynccontextmanager
async def cluster_world(api: KubeApi, controllers: Controllers) -> AsyncIterator[ClusterWorld]:
    """Yield a new world for processes that run."""
    with outside(FIRST_TAGS) as servers:
        api.create_namespace(NAMESPACE)
        world = ClusterWorld(api, controllers, servers)
        source: dict[str, Any] = {"url": servers.git_url, "interval": "1m", "ref": {"branch": "main"}}
        await world.put("GitRepository", "fleet", source, {})
        try:
            yield world
        finally:
            if not controllers.processes:  # a history may end while they are stopped
                controllers.start()
            api.delete_namespace(NAMESPACE)
            await _until_gone(api)


async def _until_gone(api: KubeApi) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while api.has_namespace(NAMESPACE):
        if time.monotonic() > deadline:
            raise TimeoutError(f"namespace {NAMESPACE} is not gone after {PATIENCE_SECONDS:.0f} s")
        await asyncio.sleep(LOOK_SECONDS)


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:], cluster_worlds, has_own_clock=False, steps=200))
