"""A cluster in which Argo CD deploys: its own application controller and repo server, as processes beside tagline's."""

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from e2e.engine_world import ClusterWorld, cluster_world
from hack import controllers as local_controllers
from hack.env import argocd
from hack.githost import GIT_ENV, Repository, git
from hack.pages.blocks import Block, Directive, read_page
from hack.pages.player import SHELL, commands_of


@dataclass(frozen=True, slots=True)
class ArgoWorld(ClusterWorld):
    """The parts; `engine` may be stopped and started by tests."""

    engine: argocd.Engine

    def application(self, name: str) -> dict[str, Any]:
        """Return the status of an Application; empty while there is none."""
        found = self.api.get("Application", argocd.NAMESPACE, name) or {}
        return dict(found.get("status", {}))

    def health(self, name: str) -> str:
        """Return the health that Argo CD sees in an Application; empty before it has looked."""
        return str(self.application(name).get("health", {}).get("status", ""))

    def image(self, namespace: str, deployment: str) -> str:
        """Return the image of a Deployment in the cluster; empty while there is none."""
        found = self.api.get("Deployment", namespace, deployment)
        return str(found["spec"]["template"]["spec"]["containers"][0]["image"]) if found else ""


@contextmanager
def argo_world(folder: Path) -> Iterator[ArgoWorld]:
    """Yield a cluster with Argo CD and its CRDs, a private registry and a Git host; no tagline yet."""
    parts = argocd.find_built()
    assert parts, "see the tests' mark"
    with cluster_world(folder) as made:
        engine = argocd.Engine(folder / "argocd", made.env.kubeconfig, parts)
        engine.folder.mkdir()
        world = ArgoWorld(folder, made.env, made.kubectl, made.api, made.host, made.pusher, engine)
        for crd in argocd.crds(parts):
            world.kubectl("apply", "--server-side", "-f", "-", stdin=json.dumps(crd))
        local_controllers.wait_for_crds(world.kubectl)
        world.apply(argocd.installation())
        engine.start()
        try:
            yield world
        finally:
            engine.stop()


@dataclass(frozen=True, slots=True)
class Reader:
    """Somebody who follows a page in a checkout: its registry and its repository are those of the world."""

    world: ArgoWorld
    repository: Repository
    checkout: Path

    def follow(self, page: str) -> None:
        """Do what a page says from top to bottom, blocks included that need the engine. Commands must end with 0."""
        for part in read_page(page):
            match part:
                case Directive(words=("push", image, *tags)):
                    self.world.pusher.push_tags(image, tags)
                case Directive(words=("repository", *_)):
                    pass  # this one
                case Directive(words=words):
                    raise AssertionError(f"{page}:{part.line}: no step {' '.join(words)!r}")
                case Block(file_name=name) if name:
                    (self.checkout / name).parent.mkdir(parents=True, exist_ok=True)
                    (self.checkout / name).write_text(self.local(part.body))
                case Block(language=language) if language in SHELL:
                    self.run(part.body)
                case Block(is_dialogue=True):
                    for command in commands_of(part):
                        self.run(command)

    def run(self, script: str) -> str:
        """Run lines of shell and return what they print."""
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", self.local(script)], cwd=self.checkout, env=self._variables(),
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
        )  # fmt: skip
        assert not done.returncode, f"{script}\nended with {done.returncode}:\n{done.stdout}"
        return done.stdout

    def local(self, text: str) -> str:
        """Return a text of the page with this world's addresses."""
        replaced = text.replace("registry.example.com", self.world.env.registry)
        return replaced.replace("https://git.example.com/org/fleet.git", self.repository.url)

    def _variables(self) -> dict[str, str]:
        env = self.world.env
        return {
            **os.environ, **GIT_ENV,
            "PATH": f"{self.world.kubectl.program.parent}:{os.environ['PATH']}",
            "HOME": str(self.checkout.parent),
            "KUBECONFIG": str(env.kubeconfig),
            "GIT_USER": env.git_user,
            "GIT_TOKEN": env.git_password,
            "REGISTRY_PASSWORD": env.registry_password,
        }  # fmt: skip


@contextmanager
def reader(world: ArgoWorld, repository: Repository) -> Iterator[Reader]:
    """Yield somebody with a checkout of a repository, on `main`."""
    with repository.clone() as checkout:
        git(checkout, "checkout", "-q", "-B", "main", "--track", "origin/main")
        yield Reader(world, repository, checkout)
