"""The story on a node: an empty cluster is bootstrapped from Git, and a pushed tag ends in a pod that answers it.

With Flux all that works is in pods: source- and kustomize-controller, tagline's three controllers, the application.
Their images come from a private registry, with a pull secret. Registry and Git host are servers of this machine. With
Argo CD (`hack.story.argocd_on_node`) its own parts are processes of this machine.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Final

import yaml  # type: ignore[import-untyped]  # comes without type hints

from api.version import VERSION
from hack.cligolden.kube import Api
from hack.controllers import ROOT, Kubectl
from hack.env import environment, flux
from hack.env.controlplane import ControlPlane
from hack.env.environment import Environment
from hack.githost import GitHost, Repository
from hack.oci import Pusher
from hack.story import flux_release, pods, release
from hack.story.fleet import PRODUCTION, STAGING, Fleet
from hack.story.legs import Legs, follow
from hack.story.watching import Watch

PATH: Final = "clusters/my-cluster"
IMAGE: Final = "org/web"
BOOTSTRAP_SECONDS: Final = 600
STEP_SECONDS: Final = 240
_SECRETS: Final = ("Secret", "Namespace")
"""What a person applies: the rest is in Git, where Flux finds it."""


@dataclass(frozen=True, slots=True)
class NodeStory:
    """The cluster and its surroundings; the steps of the story are its methods, in their order. The engine is Flux."""

    engine: ClassVar[str] = "Flux"
    forms: ClassVar[str] = "plain manifests, a kustomization"
    """In which the application is in Git."""
    chosen_file: ClassVar[str] = "production/web.yaml"
    """Where production's tag is in Git."""

    folder: Path
    env: Environment
    kubectl: Kubectl
    api: Api
    host: GitHost
    pusher: Pusher
    repository: Repository

    @property
    def fleet(self) -> Fleet:
        env = self.env
        return Fleet(
            f"{env.registry}/{IMAGE}", self.repository.url, env.git_user, env.git_password,
            env.registry, env.registry_user, env.registry_password,
        )  # fmt: skip

    def publish_controllers(self, archive: Path) -> None:
        """Push the images of all controllers. archive: of tagline's image, as `make image` writes it."""
        flux_release.push_images(self.pusher, "fluxcd")
        self.publish_tagline(archive)

    def publish_tagline(self, archive: Path) -> None:
        """Push tagline's image."""
        assert self.env.node
        (name,) = self.env.node.load_image(archive)
        login = f"{self.env.registry_user}:{self.env.registry_password}"
        self.env.node.push_image(name, f"{self.env.registry}/fluxcd/tagline:v{VERSION}", user=login)

    def bootstrap(self) -> str:
        """Run `tagline bootstrap git` on the empty cluster and return what it prints. Raises RuntimeError."""
        env = self.env
        command = [
            sys.executable, "-m", "cli.main", "bootstrap", "git", f"--url={self.repository.url}",
            f"--username={env.git_user}", "--token-auth=true", "--allow-insecure-http=true", f"--path={PATH}",
            *self.engine_flags(), f"--registry={env.registry}/fluxcd", "--image-pull-secret=registry",
            f"--registry-creds={env.registry_user}:{env.registry_password}", "--interval=10s",
            f"--timeout={BOOTSTRAP_SECONDS}s",
        ]  # fmt: skip
        variables = {
            "PATH": os.environ["PATH"], "HOME": str(self.folder), "KUBECONFIG": str(env.kubeconfig),
            "PYTHONPATH": str(ROOT), "GIT_PASSWORD": env.git_password,
        }  # fmt: skip
        done = subprocess.run(command, env=variables, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"tagline bootstrap git ended with {done.returncode}:\n{done.stdout}{done.stderr}")
        return done.stdout + done.stderr

    def engine_flags(self) -> list[str]:
        """Return the bootstrap's flags for the engine; write what they name."""
        manifests = self.folder / "flux.yaml"
        manifests.write_text(flux_release.manifest())
        return [
            f"--components={','.join(flux.PROGRAMS)}",
            "--components-extra=image-reflector-controller,image-automation-controller",
            f"--flux-manifests={manifests}",
        ]

    def release(self, tag: str, *, broken: bool = False) -> None:
        """Build and push an image of the application, as CI does."""
        release.release(self.pusher, IMAGE, tag, broken=broken)

    def deploy(self, *, first_release: str, first_build: str) -> None:
        """Commit the application and tagline's objects, and return when the pods of both stages answer."""
        documents = {stage: self.objects(stage) for stage in (PRODUCTION, STAGING)}
        by_hand = [one for stage in documents.values() for one in stage if one["kind"] in _SECRETS]
        self.kubectl("apply", "-f", "-", stdin=_as_list(by_hand))
        files = dict(self.files(release=first_release, build=first_build))
        for stage, found in documents.items():
            files[f"{PATH}/{stage}.yaml"] = _as_yaml([one for one in found if one["kind"] not in _SECRETS])
        self.repository.commit(files, "Deploy the application")
        for stage, tag in ((PRODUCTION, first_release), (STAGING, first_build)):
            follow(
                {"running": self.is_running(stage, tag)}, since=time.monotonic(), timeout_seconds=STEP_SECONDS,
                what=f"{tag} in {stage}",
            )  # fmt: skip

    def objects(self, stage: str) -> list[dict[str, Any]]:
        """Return what a stage has in the cluster, of tagline and of the engine."""
        return [*self.fleet.objects(stage), *self.fleet.engine_objects(stage)]

    def files(self, *, release: str, build: str) -> Mapping[str, str]:
        """Return the files of the application."""
        return self.fleet.files(release=release, build=build)

    def follow(self, stage: str, tag: str) -> Legs:
        """Release a tag and return when it came where, until a new pod answers it."""
        watch = Watch(self.api, self.repository, stage)
        return watch.release(
            lambda: self.release(tag), tag, image=self.fleet.image, more={"running": self.is_running(stage, tag)},
            timeout_seconds=STEP_SECONDS,
        )  # fmt: skip

    def is_running(self, stage: str, tag: str) -> "_Running":
        """Return a probe: the pods of a stage answer with the version of a tag, and with no other."""
        return _Running(self.api, stage, tag.removeprefix("v"))

    def deny(self, tag: str) -> None:
        """Commit the one line that keeps production off a tag."""
        path = f"{PATH}/{PRODUCTION}.yaml"
        text = self.repository.file(path)
        policy = "  policy:\n    semver:\n"
        assert text.count(policy) == 1, text
        denied = text.replace(policy, f"  policy:\n    deny: [{{tag: {tag}}}]\n    semver:\n")
        self.repository.commit({path: denied}, f"Deny {tag}, which does not start")


@dataclass(frozen=True, slots=True)
class _Running:
    api: Api
    stage: str
    version: str

    def __call__(self) -> bool:
        return set(pods.answers(self.api, self.stage)) == {self.version}


@contextmanager
def node_story(folder: Path) -> Iterator[NodeStory]:
    """Yield an empty cluster with a node, a private registry, and a Git host with an empty repository."""
    with surroundings(folder) as parts:
        yield NodeStory(*parts)


Parts = tuple[Path, Environment, Kubectl, Api, GitHost, Pusher, Repository]


@contextmanager
def surroundings(folder: Path) -> Iterator[Parts]:
    """Yield what every story has."""
    env = environment.up(folder / "env", node=True)
    try:
        api = Api(ControlPlane(env.server, env.kubeconfig, env.authority, ()))
        host = GitHost(env.git_url, env.git_user, env.git_password)
        with api, Pusher(env.registry, user=env.registry_user, password=env.registry_password) as pusher:
            repository = host.create_repository("fleet", {})
            yield folder, env, Kubectl(env.kubectl, env.kubeconfig), api, host, pusher, repository
            host.close()
    finally:
        environment.down(env, keep_folder=True)


def _as_list(documents: Sequence[dict[str, Any]]) -> str:
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": list(documents)})


def _as_yaml(documents: Sequence[dict[str, Any]]) -> str:
    return str(yaml.safe_dump_all(documents, sort_keys=False))
