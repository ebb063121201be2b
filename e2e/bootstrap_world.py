"""What the tests of `bootstrap git` share: an API server and a Git host of their own, and a script for controllers.

There are no nodes: what Deployments and sync objects would become, threads write into their status.
"""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]  # comes without type hints

from hack import flux_manifest
from hack.cligolden.kube import Api
from hack.cligolden.statuses import Statuses
from hack.controllers import ROOT, Kubectl
from hack.env import controlplane, gitea, process, tools
from hack.githost import GitHost, Repository, git

PATH = "clusters/my-cluster"
IMAGE_COMPONENTS = "--components-extra=image-reflector-controller,image-automation-controller"
OWN_NAMESPACE = "tagline-system"
SECONDS = 60


@dataclass(frozen=True, slots=True)
class Done:
    """What a run of the command line did."""

    status: int
    out: str
    err: str


@dataclass(frozen=True, slots=True)
class World:
    """A cluster, a Git host, and Flux's manifests in a file."""

    folder: Path
    kubectl: Kubectl
    api: Api
    host: GitHost
    ssh_port: int
    manifests: Path

    def tagline(self, *args: str, stdin: str = "", **environment: str) -> Done:
        """Run a command and return what it did. No secret of the Git host may be in what it prints."""
        with self.start(*args, **environment) as running:
            out, err = running.communicate(stdin, timeout=SECONDS)
        assert self.host.password not in out + err
        return Done(running.returncode, out, err)

    def start(self, *args: str, **environment: str) -> "subprocess.Popen[str]":
        """Start a command."""
        variables = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "KUBECONFIG": str(self.kubectl.kubeconfig),
            "PYTHONPATH": str(ROOT),
            "TAGLINE_FLUX_MANIFESTS": str(self.manifests),
            **environment,
        }
        pipe = subprocess.PIPE
        command = [sys.executable, "-m", "cli.main", *args]
        return subprocess.Popen(command, env=variables, stdin=pipe, stdout=pipe, stderr=pipe, text=True)

    def login(self, repository: Repository) -> tuple[str, ...]:
        """Return the flags for a repository over HTTP."""
        return (
            f"--url={repository.url}", f"--username={self.host.user}", f"--password={self.host.password}",
            "--token-auth=true", f"--path={PATH}", "--allow-insecure-http=true", "--timeout=30s",
        )  # fmt: skip

    def ssh_url(self, repository: Repository) -> str:
        """Return a repository's address for SSH."""
        return f"ssh://git@127.0.0.1:{self.ssh_port}/{self.host.user}/{repository.name}.git"

    def get(self, kind: str, namespace: str, name: str) -> dict[str, Any]:
        """Return an object that is there."""
        found = self.api.get(kind, namespace, name)
        assert found is not None, f"no {kind} {namespace}/{name}"
        return found

    @contextmanager
    def controllers(self, repository: Repository, namespace: str) -> Iterator[None]:
        """Have Flux's objects and all Deployments become ready while the context lasts."""

        def tip() -> tuple[str, str]:
            return "main", repository.head()

        with (
            Statuses(self.api, ("GitRepository", "Kustomization", "Deployment"), namespace, tip) as ours,
            Statuses(self.api, ("Deployment",), OWN_NAMESPACE, tip) as others,
        ):
            yield
        assert not ours.error
        assert not others.error

    @contextmanager
    def argo_cd(self, repository: Repository, name: str) -> Iterator[None]:
        """Have an Application become synced while the context lasts."""

        def work() -> None:
            status = {"sync": {"status": "Synced", "revision": repository.head()}, "health": {"status": "Healthy"}}
            place = ("-n", "argocd", "--subresource=status", "--type=merge", "-p", json.dumps({"status": status}))
            self.kubectl("patch", "applications.argoproj.io", name, *place, check=False)

        with _again_and_again(work):
            yield

    @contextmanager
    def flux(self, repository: Repository, namespace: str) -> Iterator[None]:
        """Have what a repository has applied as Flux does it, whenever somebody pushes, while the context lasts."""
        seen = [repository.head()]

        def work() -> None:
            if repository.head() == seen[-1]:
                return
            seen.append(repository.head())
            with repository.clone() as clone:
                git(clone, "checkout", "-q", "origin/main")
                as_flux = ("--server-side", "--force-conflicts", "--field-manager=kustomize-controller")
                self.kubectl("apply", *as_flux, "-k", str(clone / PATH / namespace), check=False)

        with _again_and_again(work):
            yield


@contextmanager
def _again_and_again(work: Callable[[], None]) -> Iterator[None]:
    """Do something in a thread while the context lasts."""
    ended = threading.Event()

    def run() -> None:
        while not ended.wait(0.3):
            work()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


@contextmanager
def world(folder: Path) -> Iterator[World]:
    """Yield a new world."""
    with ExitStack() as stack:
        plane = controlplane.start(folder / "plane")
        for one in reversed(plane.processes):
            stack.callback(process.stop, one, kill=True)
        host = gitea.start(folder / "gitea")
        stack.callback(process.stop, host.process, kill=True)
        view = GitHost(host.url, host.admin, host.password)
        stack.callback(view.close)
        manifests = folder / "install.yaml"
        manifests.write_text(flux_manifest.manifest())
        kubectl = Kubectl(tools.ensure("kubectl")["kubectl"], plane.kubeconfig)
        yield World(folder, kubectl, stack.enter_context(Api(plane)), view, host.ssh_port, manifests)


def files_of(repository: Repository) -> dict[str, str]:
    """Return the files of main by path."""
    with repository.clone() as clone:
        names = git(clone, "ls-tree", "-r", "-z", "--name-only", "origin/main").split("\0")
        return {name: git(clone, "show", f"origin/main:{name}") for name in names if name}


def built(world: World, repository: Repository, namespace: str) -> list[dict[str, Any]]:
    """Return what kustomize makes of the folder of a bootstrap, which Flux and Argo CD would apply."""
    with repository.clone() as clone:
        git(clone, "checkout", "-q", "origin/main")
        text = world.kubectl("kustomize", str(clone / PATH / namespace)).stdout
    return list(yaml.safe_load_all(text))


def kill_at(world: World, line: str, *args: str) -> bool:
    """Run a command and kill it as soon as it prints a line that begins so; return whether it came that far."""
    with world.start(*args) as running:
        assert running.stderr
        for printed in running.stderr:
            if printed.startswith(line):
                os.kill(running.pid, signal.SIGKILL)
                return True
    return False


def of_flux(namespace: str, url: str) -> Mapping[str, str]:
    """Return what Flux's own bootstrap leaves in a repository, changed by its user."""
    folder = f"{PATH}/{namespace}"
    return {
        f"{folder}/gotk-components.yaml": (
            "---\n# This manifest was generated by flux. DO NOT EDIT.\n# Flux Version: v2.9.4\n"
            + flux_manifest.manifest(without=("image-reflector-controller", "image-automation-controller"))
        ),
        f"{folder}/gotk-sync.yaml": (
            "# This manifest was generated by flux. DO NOT EDIT.\n---\napiVersion: source.toolkit.fluxcd.io/v1\n"
            f"kind: GitRepository\nmetadata:\n  name: {namespace}\n  namespace: {namespace}\nspec:\n  interval: 1m0s\n"
            f"  ref:\n    branch: main\n  secretRef:\n    name: flux-system\n  url: {url}\n---\n"
            f"apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata:\n  name: {namespace}\n"
            f"  namespace: {namespace}\nspec:\n  interval: 10m0s\n  path: ./{PATH}\n  prune: true\n"
            f"  sourceRef:\n    kind: GitRepository\n    name: {namespace}\n"
        ),
        f"{folder}/kustomization.yaml": (
            "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n"
            "resources: # what Flux made\n  - gotk-components.yaml\n  - gotk-sync.yaml   # the sync\n"
            "patches:\n  # more memory\n  - target: {kind: Deployment, name: source-controller}\n    patch: |\n"
            '      - {op: add, path: /metadata/labels/patched, value: "yes"}\n'
        ),
        f"{PATH}/apps.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: app\n  namespace: default\n",
    }
