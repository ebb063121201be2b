"""A cluster that Flux manages from Git, itself included: what its bootstrap leaves, with real CRDs."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]  # comes without type hints

from e2e.engine_world import EngineWorld
from hack import flux_manifest
from hack.controllers import ROOT
from hack.env import flux, tools
from hack.githost import GIT_ENV, Repository, git

PATH = "clusters/my-cluster"
FLUX_FINALIZER = "finalizers.fluxcd.io"
IMAGE_KINDS = ("imagerepositories", "imagepolicies", "imageupdateautomations")
WHEN = "2026-11-01T10:00:00Z"

Object = dict[str, Any]


@dataclass(frozen=True, slots=True)
class FluxWorld:
    """The parts of `EngineWorld`, a checkout of the repository that Flux syncs, and a shell like that of its owner."""

    parts: EngineWorld
    repository: Repository
    checkout: Path

    def shell(self, script: str, *, status: int | None = 0) -> str:
        """Run lines of shell in the checkout and return what they print. status: what they must end with."""
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script], cwd=self.checkout, env=self._variables(),
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
        )  # fmt: skip
        assert status in (None, done.returncode), f"{script}\nended with {done.returncode}:\n{done.stdout}"
        return done.stdout

    def get(self, kind: str, name: str = "", namespace: str = flux.NAMESPACE) -> Object:
        """Return an object, or the list of a kind, as kubectl prints it."""
        place = () if kind == "crd" else ("-n", namespace)
        text = self.parts.kubectl("get", kind, *((name,) if name else ()), *place, "-o", "json").stdout
        found: Object = json.loads(text)
        return found

    def _variables(self) -> dict[str, str]:
        return {
            **os.environ, **GIT_ENV,
            "PATH": f"{self.checkout.parent / 'bin'}:{os.environ['PATH']}",
            "HOME": str(self.checkout.parent),
            "KUBECONFIG": str(self.parts.env.kubeconfig),
            "PYTHONPATH": str(ROOT),
            "NO_COLOR": "1",
        }  # fmt: skip


@contextmanager
def flux_world(parts: EngineWorld, folder: Path) -> Iterator[FluxWorld]:
    """Yield a cluster in which Flux applies its own manifests from the repository `fleet`."""
    repository = parts.host.create_repository("fleet", {f"{PATH}/{name}": text for name, text in _own_files().items()})
    sync = yaml.safe_dump_all(_sync(repository.url))
    repository.commit({f"{PATH}/flux-system/gotk-sync.yaml": sync}, "Add Flux sync manifests")
    parts.apply([_login(parts)])
    parts.kubectl("apply", "-f", "-", stdin=sync)
    _write_programs(folder / "bin", parts.kubectl.program)
    with repository.clone() as clone:
        checkout = folder / "fleet"
        clone.rename(checkout)
        try:
            git(checkout, "checkout", "-q", "-B", "main", "--track", "origin/main")
            yield FluxWorld(parts, repository, checkout)
        finally:
            checkout.rename(clone)


def older(crd: Object, *, storing: str) -> Object:
    """Return a CRD as Flux 2.7 had it, with `v1beta2` beside `v1`. storing: the version that objects are stored in."""
    (newest,) = crd["spec"]["versions"]
    versions = [{**newest, "name": name, "storage": name == storing} for name in ("v1beta2", "v1")]
    return {**crd, "spec": {**crd["spec"], "versions": versions}}


def image_crds() -> Iterator[Object]:
    """Yield the CRDs of Flux's image controllers, with the labels that its manifests give them."""
    for file in sorted(flux.image_crd_folder().glob("*.yaml")):
        crd = yaml.safe_load(file.read_text())
        crd["metadata"]["labels"] = {
            "app.kubernetes.io/instance": "flux-system", "app.kubernetes.io/part-of": "flux",
            "app.kubernetes.io/version": flux_manifest.VERSION,
        }  # fmt: skip
        yield crd


def _own_files() -> Mapping[str, str]:
    """Return what Flux's bootstrap commits, but for the sync: all components, with real CRDs where we have them."""
    objects = [obj for obj in yaml.safe_load_all(flux_manifest.manifest()) if obj["kind"] != "CustomResourceDefinition"]
    crds = [
        yaml.safe_load(file.read_text())
        for program in (flux.find_built() or {}).values()
        for file in sorted(flux.crd_folder(program).glob("*toolkit*.yaml"))
    ]
    images = [older(crd, storing="v1") for crd in image_crds()]
    kustomization = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": ["gotk-components.yaml", "gotk-sync.yaml"],
    }
    return {
        "flux-system/gotk-components.yaml": yaml.safe_dump_all([*crds, *images, *objects]),
        "flux-system/gotk-sync.yaml": "",
        "flux-system/kustomization.yaml": yaml.safe_dump(kustomization, sort_keys=False),
    }


def _sync(url: str) -> list[Object]:
    """Return what makes Flux sync the repository that it is itself in."""
    source = {"interval": "1m0s", "ref": {"branch": "main"}, "secretRef": {"name": "flux-system"}, "url": url}
    own = {
        "interval": "10m0s", "path": f"./{PATH}", "prune": True,
        "sourceRef": {"kind": "GitRepository", "name": "flux-system"},
    }  # fmt: skip
    apps = {**own, "path": "./apps", "targetNamespace": "apps", "interval": "1m0s"}
    return [
        _named("source.toolkit.fluxcd.io/v1", "GitRepository", "flux-system", source),
        _named("kustomize.toolkit.fluxcd.io/v1", "Kustomization", "flux-system", own),
        _named("kustomize.toolkit.fluxcd.io/v1", "Kustomization", "apps", apps),
    ]


def _login(parts: EngineWorld) -> Object:
    secret = _named("v1", "Secret", "flux-system", {})
    del secret["spec"]
    return {**secret, "stringData": {"username": parts.env.git_user, "password": parts.env.git_password}}


def _named(version: str, kind: str, name: str, spec: Object) -> Object:
    return {
        "apiVersion": version, "kind": kind,
        "metadata": {"name": name, "namespace": flux.NAMESPACE}, "spec": spec,
    }  # fmt: skip


def _write_programs(folder: Path, kubectl: Path) -> None:
    folder.mkdir(parents=True)
    (folder / "kubectl").symlink_to(kubectl)
    (folder / "flux").symlink_to(tools.ensure("flux")["flux"])
    command = folder / "tagline"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m cli.main "$@"\n')
    command.chmod(0o755)
