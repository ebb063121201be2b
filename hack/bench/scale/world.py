"""A control plane, a registry, a Git server and the objects of one size on it."""

import asyncio
import json
import subprocess
import sys
import urllib.request
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec

from api.names import GIT_REPOSITORIES, IMAGE_POLICIES, IMAGE_REPOSITORIES, IMAGE_UPDATE_AUTOMATIONS
from api.resource import Resource
from controllers.runtime.kube.client import KubeClient
from hack.bench.scale import objects
from hack.bench.scale.objects import Json, Size
from hack.bench.scale.probes import Servers
from hack.bench.verbs import ROOT
from hack.controllers import KINDS, Controllers, Kubectl, install, write_account_kubeconfig
from hack.env import controlplane, process, tools
from hack.githttp import ENVIRONMENT, GIT, GitHttpServer

IN_FLIGHT: Final = 16
"""Requests of ours to the API server at a time."""
NAMESPACES: Final = Resource("", "v1", "namespaces", "Namespace", namespaced=False)
T = TypeVar("T")


@dataclass(slots=True)
class World:
    """What the controllers find."""

    folder: Path
    size: Size
    plane: controlplane.ControlPlane
    registry: str
    git: GitHttpServer
    servers: Servers
    flags: tuple[str, ...]

    def make_controllers(self) -> list[Controllers]:
        """Return the processes of each shard, not started; they have the rights that the manifests grant."""
        kubectl = Kubectl(tools.ensure("kubectl")["kubectl"], self.plane.kubeconfig)
        install(kubectl)
        return [self._shard(kubectl, number) for number in range(1, self.size.shards + 1)]

    def _shard(self, kubectl: Kubectl, number: int) -> Controllers:
        folder = self.folder / f"shard{number}"
        folder.mkdir(exist_ok=True)
        server, authority = self.plane.server, self.plane.authority
        configs = {
            kind: write_account_kubeconfig(kubectl, kind, folder, server=server, authority=authority) for kind in KINDS
        }
        selector = f"--watch-label-selector={objects.SHARD_LABEL}=shard{number}"
        return Controllers(folder, configs, (*self.flags, *([selector] if self.size.shards > 1 else [])))

    def push_tag(self, namespace: str, name: str, tag: str) -> None:
        """Add a tag to an image."""
        self._ask("POST", f"/add/{namespace}/{name}/{tag}")

    def registry_requests(self) -> int:
        """Return how many requests the registry has answered."""
        return int(json.loads(self._ask("GET", "/count"))["requests"])

    def _ask(self, method: str, path: str) -> bytes:
        request = urllib.request.Request(f"http://{self.registry}{path}", method=method)
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 -- our own
            body: bytes = answer.read()
        return body

    def make_repositories(self) -> None:
        """Make the Git repository of each automation."""
        for namespace, name, images in self.size.fleets():
            self.git.create(f"{namespace}-{name}")
            content = objects.fast_import(objects.files(self.registry, namespace, images))
            path = str(self.git.root / f"{namespace}-{name}.git")
            done = subprocess.run(
                [GIT, "-C", path, "fast-import", "--quiet"],
                input=content,
                env=ENVIRONMENT,
                capture_output=True,
                check=False,
            )
            if done.returncode:
                raise RuntimeError(done.stderr.decode())

    async def create_objects(self, client: KubeClient) -> None:
        """Create all objects."""
        for namespace in self.size.namespaces():
            metadata = {"name": namespace}
            await client.create(
                NAMESPACES, "", {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}, into=Raw
            )
        jobs: list[tuple[Resource, Json]] = []
        for namespace, fleet, images in self.size.fleets():
            url = f"{self.git.url}/{namespace}-{fleet}.git"
            jobs.append((GIT_REPOSITORIES, objects.source(namespace, fleet, url)))
            jobs.append((IMAGE_UPDATE_AUTOMATIONS, objects.automation(self.size, namespace, fleet)))
            for name in images:
                jobs.append((IMAGE_REPOSITORIES, objects.repository(self.size, self.registry, namespace, name)))
                jobs.append((IMAGE_POLICIES, objects.policy(self.size, namespace, name, fleet)))
        await gather([partial(create, client, *job) for job in jobs])


Raw: Any = msgspec.Raw


async def create(client: KubeClient, resource: Resource, body: Json) -> None:
    """Create an object."""
    await client.create(resource, body["metadata"]["namespace"], body, into=Raw)


async def gather(jobs: list[Callable[[], Awaitable[T]]]) -> None:
    """Await all, a few at a time."""
    turn = asyncio.Semaphore(IN_FLIGHT)

    async def run(job: Callable[[], Awaitable[T]]) -> None:
        async with turn:
            await job()

    async with asyncio.TaskGroup() as group:
        for job in jobs:
            group.create_task(run(job))


@contextmanager
def build(folder: Path, size: Size, flags: tuple[str, ...]) -> Iterator[World]:
    """Start everything but the controllers; stop it in the end."""
    (folder / "git").mkdir()
    with ExitStack() as started:
        plane = controlplane.start(folder)
        for running in reversed(plane.processes):
            started.callback(process.stop, running)
        (port,) = process.free_ports(1)
        command = [sys.executable, "-m", "hack.bench.scale.tag_server", port, size.tags]
        registry = process.start("tag-server", command, folder, {"PYTHONPATH": str(ROOT)})
        started.callback(process.stop, registry)
        process.wait_until(process.http_probe(f"http://127.0.0.1:{port}/count"), registry)
        git = started.enter_context(GitHttpServer(folder / "git"))
        yield World(folder, size, plane, f"127.0.0.1:{port}", git, Servers(plane), flags)
