"""The whole job for a number of images: `tagline automate --once`, and the three controllers on the same objects.

Both start cold: nothing is known, all objects are there, each image has ten tags and one file that names the oldest.
The clock runs from the start of the first process until every file in Git names the newest tag. Registry and Git server
are threads of the process that measures, on loopback; neither they nor the API server are counted.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from hack.bench.verbs import LAUNCHER, ROOT, ProcessFigure
from hack.controllers import KINDS, Controllers, Kubectl, install, write_account_kubeconfig
from hack.demo import manifests
from hack.demo.local_environment import git
from hack.env import controlplane, process, tools
from hack.githttp import GitHttpServer
from hack.oci import MANIFEST
from hack.registry.server import Registry
from hack.registry.store import Manifest, Store, digest_of

SIZES: Final = (1, 100, 1_000)
OLD, NEWEST = "1.0.0", "1.0.9"
WAIT_SECONDS: Final = 300
TICKS_A_SECOND: Final = os.sysconf("SC_CLK_TCK")


@dataclass(slots=True)
class World:
    """A registry, a Git server and the objects for `size` images."""

    folder: Path
    size: int
    registry: str
    git: GitHttpServer

    def write_objects(self, name: str) -> Path:
        """Make a repository in which every file names an old tag; write the objects for it to a file."""
        documents: list[manifests.Json] = []
        for number in range(self.size):
            image = f"{self.registry}/org/app-{number}"
            documents.append(manifests.repository(f"app-{number}", image))
            documents.append(manifests.policy(f"app-{number}", {"semver": {"range": "1.x"}}))
        documents += manifests.source("fleet", self._new_repository(name), "anybody", "any")
        documents.append(manifests.automation("all", "fleet", "."))
        path = self.folder / f"{name}.yaml"
        manifests.write(path, *documents)
        return path

    def is_up_to_date(self, name: str) -> bool:
        """Return whether every file of the branch names the newest tag."""
        found = git(self.git.root / f"{name}.git", "grep", "-h", "image: ", "main").splitlines()
        return len(found) == self.size and all(f":{NEWEST} " in line for line in found)

    def count_commits(self, name: str) -> int:
        """Return how many commits the branch has beyond the first."""
        return int(git(self.git.root / f"{name}.git", "rev-list", "--count", "main")) - 1

    def _new_repository(self, name: str) -> str:
        url = self.git.create(name)
        clone = self.folder / f"{name}-clone"
        git(self.folder, "clone", "-q", url, str(clone))
        for number in range(self.size):
            image = f"{self.registry}/org/app-{number}:{OLD}"
            marker = f'{{"$imagepolicy": "{manifests.NAMESPACE}:app-{number}"}}'
            path = clone / "apps" / f"app-{number}" / "deployment.yaml"
            path.parent.mkdir(parents=True)
            path.write_text(f"spec:\n  template:\n    spec:\n      containers:\n        - image: {image} # {marker}\n")
        git(clone, "add", "-A")
        git(clone, "commit", "-q", "-m", "Start")
        git(clone, "push", "-q", "origin", "HEAD:main")
        return url


def figures(runs: int) -> Iterator[ProcessFigure]:
    """Yield the figures of both ways for each size. Raises RuntimeError where files were left behind."""
    for size in SIZES:
        with TemporaryDirectory(prefix="tagline-bench-") as name:
            folder = Path(name)
            (folder / "git").mkdir()
            with Registry(store=_images(size)) as registry, GitHttpServer(folder / "git") as git_server:
                world = World(folder, size, registry.host, git_server)
                yield _once(world, runs)
                yield _cluster(world, runs)


def _images(size: int) -> Store:
    store = Store()
    for number in range(size):
        content = json.dumps({"schemaVersion": 2, "mediaType": MANIFEST, "annotations": {"n": str(number)}}).encode()
        for patch in range(10):
            store.put_manifest(f"org/app-{number}", f"1.0.{patch}", Manifest(MANIFEST, content, digest_of(content)))
    return store


def _once(world: World, runs: int) -> ProcessFigure:
    wall, cpu, peak = [], [], 0.0
    for run in range(runs + 1):
        objects = world.write_objects(f"once-{run}")
        words = ["automate", str(objects), "--once", "--state", str(world.folder / f"once-{run}.state")]
        done = subprocess.run(
            [sys.executable, "-c", LAUNCHER, sys.executable, "-m", "cli.main", *words],
            cwd=world.folder,
            env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": ""},
            capture_output=True,
            check=True,
        )
        if not world.is_up_to_date(f"once-{run}"):
            raise RuntimeError(f"tagline {' '.join(words)} left files behind")
        seconds, used, memory = json.loads(done.stdout)
        if run:
            wall.append(seconds)
            cpu.append(used)
            peak = max(peak, memory)
    return ProcessFigure(f"automate --once, {world.size:,} images", wall, cpu, peak)


def _cluster(world: World, runs: int) -> ProcessFigure:
    wall, cpu, peak, commits = [], [], 0.0, []
    for run in range(runs + 1):
        name = f"cluster-{run}"
        folder = world.folder / name
        folder.mkdir()
        plane = controlplane.start(folder)
        try:
            controllers = _prepare(plane, folder, world.write_objects(name))
            began = time.monotonic()
            controllers.start()
            try:
                _wait(world, name)
                took = time.monotonic() - began
                used, memory = _used(controllers)
            finally:
                controllers.stop()
        finally:
            for running in plane.processes:
                process.stop(running)
        if run:
            wall.append(took)
            cpu.append(used)
            peak = max(peak, memory)
            commits.append(world.count_commits(name))
    counted = "–".join(str(n) for n in sorted({min(commits), max(commits)}))
    return ProcessFigure(f"controllers, {world.size:,} images ({counted} commits)", wall, cpu, peak)


def _prepare(plane: controlplane.ControlPlane, folder: Path, objects: Path) -> Controllers:
    kubectl = Kubectl(tools.ensure("kubectl")["kubectl"], plane.kubeconfig)
    install(kubectl)
    kubectl("apply", "--server-side", "-n", manifests.NAMESPACE, "-f", str(objects))
    configs = {
        kind: write_account_kubeconfig(kubectl, kind, folder, server=plane.server, authority=plane.authority)
        for kind in KINDS
    }
    return Controllers(folder, configs)


def _wait(world: World, name: str) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while not world.is_up_to_date(name):
        if time.monotonic() > deadline:
            raise RuntimeError(f"the controllers left files behind for {WAIT_SECONDS} s")
        time.sleep(0.02)


def _used(controllers: Controllers) -> tuple[float, float]:
    """Return the CPU seconds of the processes and their children, and the sum of their peaks in MiB."""
    ticks, memory = 0, 0.0
    for running in controllers.processes.values():
        fields = Path(f"/proc/{running.pid}/stat").read_text().rpartition(")")[2].split()
        ticks += sum(int(value) for value in fields[11:15])
        memory += int(Path(f"/proc/{running.pid}/status").read_text().split("VmHWM:")[1].split()[0]) / 1024
    return ticks / TICKS_A_SECOND, memory
