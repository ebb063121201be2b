"""What both sides find: a control plane, a Git server, and a registry that begins anew in each trial."""

import asyncio
import shutil
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

from api.names import (
    EVENTS,
    GIT_REPOSITORIES,
    IMAGE_POLICIES,
    IMAGE_REPOSITORIES,
    IMAGE_TAG_LISTS,
    IMAGE_UPDATE_AUTOMATIONS,
)
from api.resource import Resource
from controllers.runtime.kube.client import KubeClient
from controllers.runtime.kube.config import load_config
from controllers.runtime.kube.paths import request_path
from hack.bench.beside.objects import NAMESPACE
from hack.bench.scale.world import Raw, gather
from hack.bench.verbs import ROOT
from hack.controllers import Kubectl, install_crds
from hack.env import controlplane, process, tools

KINDS: Final = (IMAGE_TAG_LISTS, IMAGE_UPDATE_AUTOMATIONS, IMAGE_POLICIES, IMAGE_REPOSITORIES, GIT_REPOSITORIES)
"""In the order in which they are deleted: tag lists before their owners, so that no garbage is left to be collected."""
MEMORY: Final = Path("/dev/shm")  # noqa: S108 -- a folder of our own is made in it
EMPTY_SECONDS: Final = 300
SERVED_SECONDS: Final = 60


@dataclass(slots=True)
class World:
    """The servers, and where their files are."""

    folder: Path
    plane: controlplane.ControlPlane
    kubectl: Kubectl
    git_url: str
    registry: str
    """Host and port, the same in every trial."""

    @property
    def repositories(self) -> Path:
        """The folder of which the Git server serves `<name>.git`."""
        return self.folder / "git"

    def make_client(self) -> KubeClient:
        """Return a client for one event loop."""
        return KubeClient(load_config(str(self.plane.kubeconfig)), user_agent="tagline-bench")

    @contextmanager
    def tags(self, count: int) -> Iterator[None]:
        """Serve repositories of so many tags each, to none of which one was added yet."""
        port = self.registry.rpartition(":")[2]
        command = [sys.executable, "-m", "hack.bench.scale.tag_server", port, count]
        server = process.start("registry", command, self.folder, {"PYTHONPATH": str(ROOT)})
        try:
            process.wait_until(process.http_probe(f"http://{self.registry}/count"), server)
            yield
        finally:
            process.stop(server, kill=True)

    @contextmanager
    def trial(self, number: int) -> Iterator[Path]:
        """Give a trial an empty folder; in the end remove what is in it, its repositories and its objects."""
        folder = self.folder / f"trial-{number}"
        folder.mkdir()
        yield folder
        self.remove_objects()
        for used in (folder, self.repositories):
            shutil.rmtree(used)
        self.repositories.mkdir()

    def push_tag(self, image: str, tag: str) -> None:
        """Add a tag to an image."""
        request = urllib.request.Request(f"http://{self.registry}/add/{image}/{tag}", method="POST")
        with urllib.request.urlopen(request, timeout=30):  # noqa: S310 -- our own
            pass

    def remove_objects(self) -> None:
        """Leave the namespace empty. Nobody else may run: finalizers are removed here. Raises RuntimeError."""
        asyncio.run(self._remove_finalizers())
        paths = {resource.plural: request_path(resource, NAMESPACE) for resource in KINDS}
        deadline = time.monotonic() + EMPTY_SECONDS
        while left := [resource.plural for resource in KINDS if self._names(resource)]:
            if time.monotonic() > deadline:
                raise RuntimeError(f"deleted objects are still there after {EMPTY_SECONDS} s: {', '.join(left)}")
            for plural in left:
                self.kubectl("delete", "--raw", paths[plural], check=False)  # the server may end a long one
        self.kubectl("delete", "--raw", request_path(EVENTS, NAMESPACE))

    async def _remove_finalizers(self) -> None:
        client = self.make_client()
        try:
            await gather(
                [
                    partial(_remove_finalizer, client, resource, name)
                    for resource in KINDS
                    for name in await asyncio.to_thread(self._names, resource, finalized=True)
                ]
            )
        finally:
            await client.close()

    def _names(self, resource: Resource, *, finalized: bool = False) -> list[str]:
        found = "{.items[?(@.metadata.finalizers)].metadata.name}" if finalized else "{.items[*].metadata.name}"
        kind = f"{resource.plural}.{resource.group}"
        return self.kubectl("get", kind, "-n", NAMESPACE, "-o", f"jsonpath={found}").stdout.split()


async def _remove_finalizer(client: KubeClient, resource: Resource, name: str) -> None:
    body: Any = {"metadata": {"finalizers": None}}
    await client.patch(resource, NAMESPACE, name, body, into=Raw)


@contextmanager
def build(parent: Path | None) -> Iterator[World]:
    """Start control plane and Git server; stop them in the end, and remove all files.

    parent: where the folder of everything is made; None for memory where the machine offers it
    """
    where = parent or (MEMORY if MEMORY.is_dir() else None)
    with tempfile.TemporaryDirectory(prefix="tagline-beside-", dir=where) as name, ExitStack() as started:
        folder = Path(name)
        (folder / "git").mkdir()
        plane = controlplane.start(folder)
        for running in reversed(plane.processes):
            started.callback(process.stop, running)
        kubectl = Kubectl(tools.ensure("kubectl")["kubectl"], plane.kubeconfig)
        install_crds(kubectl)
        kubectl("create", "namespace", NAMESPACE)
        git, registry = process.free_ports(2)
        command = [sys.executable, "-m", "hack.bench.beside.git_server", git, folder / "git"]
        server = process.start("git-server", command, folder, {"PYTHONPATH": str(ROOT)})
        started.callback(process.stop, server)
        process.wait_until(process.tcp_probe(git), server)
        world = World(folder, plane, kubectl, f"http://127.0.0.1:{git}", f"127.0.0.1:{registry}")
        _wait_until_served(kubectl)
        yield world


def _wait_until_served(kubectl: Kubectl) -> None:
    """Wait until the API server answers for every kind: for some seconds after a CRD is made it may say 429."""
    deadline = time.monotonic() + SERVED_SECONDS
    for resource in KINDS:
        while kubectl("get", f"{resource.plural}.{resource.group}", "-n", NAMESPACE, check=False).returncode:
            if time.monotonic() > deadline:
                raise RuntimeError(f"{resource.plural} are not served after {SERVED_SECONDS} s")
            time.sleep(0.5)
