"""Environments of their own in which an engine deploys and tagline commits: all as processes on a real API server."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from e2e import manifests
from e2e.cluster import eventually
from hack import controllers as local_controllers
from hack.cligolden.kube import Api
from hack.controllers import Controllers, Kubectl
from hack.env import environment, flux
from hack.env.controlplane import ControlPlane
from hack.env.environment import Environment
from hack.githost import GitHost, Repository
from hack.oci import Pusher
from hack.story.fleet import PRODUCTION, STAGING, Fleet
from hack.story.watching import Watch
from testing.history import followed
from testing.observer import Observer, administrators_observer

FLAGS = ("--concurrent=10", "--log-level=debug")
FIRST_RELEASE, FIRST_BUILD = "v1.0.0", "main-2d3fcbd-1611906956"
"""What production and staging begin with."""


class Stages(Protocol):
    """A fleet as some engine deploys it."""

    def files(self, *, release: str, build: str) -> Mapping[str, str]:
        """Return the repository's files. release: tag in production; build: tag in staging."""

    def objects(self, stage: str) -> list[dict[str, Any]]:
        """Return what a stage's namespace has of tagline."""


def wait_until_at(watch: Watch, tag: str, *, image: str) -> None:
    """Wait until a tag is applied to the cluster, and chosen."""
    eventually(lambda: watch.applied() == f"{image}:{tag}", what=f"{tag} in {watch.namespace}", seconds=120)
    eventually(lambda: watch.chosen() == tag, what=f"the choice of {tag} in {watch.namespace}")


@dataclass(frozen=True, slots=True)
class ClusterWorld:
    """A cluster, a private registry and a Git host; tagline's controllers may be installed and run."""

    folder: Path
    env: Environment
    kubectl: Kubectl
    api: Api
    host: GitHost
    pusher: Pusher

    def fleet(self, name: str, git_url: str) -> Fleet:
        """Return the story's repository and objects, around one image."""
        env = self.env
        return Fleet(
            f"{env.registry}/{name}", git_url, env.git_user, env.git_password,
            env.registry, env.registry_user, env.registry_password,
        )  # fmt: skip

    def apply(self, documents: Sequence[dict[str, Any]]) -> None:
        """Apply objects as a person does."""
        self.kubectl("apply", "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": documents}))

    def install(self, *components: str) -> None:
        """Apply tagline's manifests with some components."""
        folder = self.folder / "kustomization"
        folder.mkdir(exist_ok=True)
        self.kubectl("apply", "-f", "-", stdin=manifests.render(self.kubectl, folder, *components))
        local_controllers.wait_for_crds(self.kubectl)

    def deploy(
        self, fleet: Stages, image: str, repository: Repository, engine_objects: Sequence[dict[str, Any]]
    ) -> None:
        """Push the first tags of an image, commit a fleet, apply its objects, and wait until both stages are there."""
        self.pusher.push_tags(image, [FIRST_RELEASE, FIRST_BUILD])
        repository.commit(fleet.files(release=FIRST_RELEASE, build=FIRST_BUILD), "Start")
        self.apply([*fleet.objects(PRODUCTION), *fleet.objects(STAGING)])
        self.apply(engine_objects)
        for stage, tag in ((PRODUCTION, FIRST_RELEASE), (STAGING, FIRST_BUILD)):
            wait_until_at(Watch(self.api, repository, stage), tag, image=f"{self.env.registry}/{image}")

    @contextmanager
    def controllers(self, *flags: str) -> Iterator[Controllers]:
        """Run tagline's controllers, with the rights of their ServiceAccounts, while the context lasts.

        Every version of their objects meanwhile has to keep the rules of `testing.invariants`.
        """
        folder = self.folder / "controllers"
        folder.mkdir(exist_ok=True)
        server, authority = self.env.server, self.env.authority
        configs = {
            kind: local_controllers.write_account_kubeconfig(
                self.kubectl, kind, folder, server=server, authority=authority
            )
            for kind in local_controllers.KINDS
        }
        running = Controllers(folder, configs, (*FLAGS, *flags))
        with followed(self._observe):
            running.start()
            try:
                yield running
            finally:
                running.stop()

    def _observe(self) -> Observer:
        return administrators_observer(self.env.server, kubeconfig=self.env.kubeconfig, authority=self.env.authority)


@dataclass(frozen=True, slots=True)
class EngineWorld(ClusterWorld):
    """The same with Flux; `engines` may be stopped and started by tests."""

    engines: flux.Engines

    def install_crds_of_flux(self, *folders: Path) -> None:
        """Apply CRDs of Flux as its installation does, and wait until they are served."""
        for folder in folders:
            for file in sorted(folder.glob("*.yaml")):
                if file.name != "kustomization.yaml":
                    self.kubectl("apply", "--server-side", "--force-conflicts", "--field-manager=flux", "-f", str(file))
        local_controllers.wait_for_crds(self.kubectl)


@contextmanager
def cluster_world(folder: Path) -> Iterator[ClusterWorld]:
    """Yield a cluster, a private registry and a Git host; no engine and no tagline yet."""
    env = environment.up(folder / "env")
    try:
        kubectl = Kubectl(env.kubectl, env.kubeconfig)
        api = Api(ControlPlane(env.server, env.kubeconfig, env.authority, ()))
        host = GitHost(env.git_url, env.git_user, env.git_password)
        with api, Pusher(env.registry, user=env.registry_user, password=env.registry_password) as pusher:
            try:
                yield ClusterWorld(folder, env, kubectl, api, host, pusher)
            finally:
                host.close()
    finally:
        environment.down(env, keep_folder=True)


@contextmanager
def engine_world(folder: Path) -> Iterator[EngineWorld]:
    """Yield a cluster with Flux's two controllers and their CRDs, a private registry and a Git host; no tagline yet."""
    programs = flux.find_built()
    assert programs, "see the tests' mark"
    with cluster_world(folder) as parts:
        engines = flux.Engines(folder / "engines", parts.env.kubeconfig, programs)
        engines.folder.mkdir()
        world = EngineWorld(folder, parts.env, parts.kubectl, parts.api, parts.host, parts.pusher, engines)
        world.install_crds_of_flux(*(flux.crd_folder(program) for program in programs.values()))
        world.apply([{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": flux.NAMESPACE}}])
        engines.start()
        try:
            yield world
        finally:
            engines.stop()
