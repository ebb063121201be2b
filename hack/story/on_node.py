"""The story on a node: an empty cluster is bootstrapped from Git, and a pushed tag ends in a pod that answers it.

All that works is in pods: Flux's source- and kustomize-controller, tagline's three controllers, the application. Their
images come from a private registry, with a pull secret. Registry and Git host are servers of this machine.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

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
    """The cluster and its surroundings; the steps of the story are its methods, in their order."""

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
        assert self.env.node
        flux_release.push_images(self.pusher, "fluxcd")
        (name,) = self.env.node.load_image(archive)
        login = f"{self.env.registry_user}:{self.env.registry_password}"
        self.env.node.push_image(name, f"{self.env.registry}/fluxcd/tagline:v{VERSION}", user=login)

    def bootstrap(self) -> str:
        """Run `tagline bootstrap git` on the empty cluster and return what it prints. Raises RuntimeError."""
        manifests = self.folder / "flux.yaml"
        manifests.write_text(flux_release.manifest())
        env, components = self.env, ",".join(flux.PROGRAMS)
        command = [
            sys.executable, "-m", "cli.main", "bootstrap", "git", f"--url={self.repository.url}",
            f"--username={env.git_user}", "--token-auth=true", "--allow-insecure-http=true", f"--path={PATH}",
            f"--components={components}",
            "--components-extra=image-reflector-controller,image-automation-controller",
            f"--flux-manifests={manifests}", f"--registry={env.registry}/fluxcd", "--image-pull-secret=registry",
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

    def release(self, tag: str, *, broken: bool = False) -> None:
        """Build and push an image of the application, as CI does."""
        release.release(self.pusher, IMAGE, tag, broken=broken)

    def deploy(self, *, first_release: str, first_build: str) -> None:
        """Commit the application and tagline's objects, and return when the pods of both stages answer."""
        fleet = self.fleet
        documents = {stage: [*fleet.objects(stage), *fleet.engine_objects(stage)] for stage in (PRODUCTION, STAGING)}
        by_hand = [one for stage in documents.values() for one in stage if one["kind"] in _SECRETS]
        self.kubectl("apply", "-f", "-", stdin=_as_list(by_hand))
        files = dict(fleet.files(release=first_release, build=first_build))
        for stage, found in documents.items():
            files[f"{PATH}/{stage}.yaml"] = _as_yaml([one for one in found if one["kind"] not in _SECRETS])
        self.repository.commit(files, "Deploy the application")
        for stage, tag in ((PRODUCTION, first_release), (STAGING, first_build)):
            follow(
                {"running": self.is_running(stage, tag)}, since=time.monotonic(), timeout_seconds=STEP_SECONDS,
                what=f"{tag} in {stage}",
            )  # fmt: skip

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
    env = environment.up(folder / "env", node=True)
    try:
        api = Api(ControlPlane(env.server, env.kubeconfig, env.authority, ()))
        host = GitHost(env.git_url, env.git_user, env.git_password)
        with api, Pusher(env.registry, user=env.registry_user, password=env.registry_password) as pusher:
            repository = host.create_repository("fleet", {})
            kubectl = Kubectl(env.kubectl, env.kubeconfig)
            yield NodeStory(folder, env, kubectl, api, host, pusher, repository)
            host.close()
    finally:
        environment.down(env, keep_folder=True)


def _as_list(documents: Sequence[dict[str, Any]]) -> str:
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": list(documents)})


def _as_yaml(documents: Sequence[dict[str, Any]]) -> str:
    return str(yaml.safe_dump_all(documents, sort_keys=False))
