"""Argo CD's application controller and repo server as local processes, beside a control plane of `hack.env`.

They are built from Argo CD's Go module (`hack/tools/argocd`), for those who ask for them: `make argocd`. So are helm
and kustomize, which the repo server calls; redis comes from Debian's packages. What an installation has besides is not
here: no web interface, no notifications, no ApplicationSets; and both act as the administrator of the kubeconfig.
"""

import json
import os
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import yaml  # type: ignore[import-untyped]  # comes without type hints

from hack.env import debian, process, tools

NAMESPACE: Final = "argocd"
VERSION: Final = "3.2.11"
BUILT: Final = ("argocd", "helm", "kustomize")
REDIS_PACKAGES: Final = ("redis-server", "redis-tools")
REDIS_PROGRAMS: Final = ("usr/bin/redis-check-rdb",)
"""`redis-server` is a link to it."""
INTERVAL: Final = "2s"
"""`timeout.reconciliation`, how often Git is asked. Three minutes in operation; whoever waits has an annotation."""

Object = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Parts:
    """Where the programs are."""

    argocd: Path
    helm: Path
    kustomize: Path
    redis: Path

    def link(self, folder: Path) -> Path:
        """Make a folder in which each has the name by which the repo server and Git call it; return it."""
        folder.mkdir(parents=True, exist_ok=True)
        for program in (self.argocd, self.helm, self.kustomize):
            (folder / program.name).symlink_to(program)
        return folder


@dataclass(slots=True)
class Engine:
    """The running parts. They may be stopped and started again."""

    folder: Path
    kubeconfig: Path
    parts: Parts
    processes: list[process.Process] = field(default_factory=list)

    def start(self) -> None:
        """Start all and return when both answer. The objects of `installation` must be there."""
        redis, server, server_metrics, controller_metrics = process.free_ports(4)
        variables = self._variables()
        common = [f"--redis=127.0.0.1:{redis}", "--logformat=json"]
        repo_server = [
            *common, "--address=127.0.0.1", f"--port={server}", "--metrics-address=127.0.0.1",
            f"--metrics-port={server_metrics}", "--disable-tls",
        ]  # fmt: skip
        controller = [
            *common, f"--kubeconfig={self.kubeconfig}", f"--namespace={NAMESPACE}",
            f"--repo-server=127.0.0.1:{server}", "--repo-server-plaintext", f"--metrics-port={controller_metrics}",
        ]  # fmt: skip
        try:
            self._start_redis(redis)
            for name, flags, port in (
                ("argocd-repo-server", repo_server, server_metrics),
                ("argocd-application-controller", controller, controller_metrics),
            ):
                own = {**variables, "ARGOCD_BINARY_NAME": name}
                started = process.start(name, [self.parts.argocd, *flags], self.folder, own)
                self.processes.append(started)
                process.wait_until(process.http_probe(f"http://127.0.0.1:{port}/healthz", below=300), started)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop all, by process id."""
        while self.processes:
            process.stop(self.processes.pop(), grace_seconds=5)

    def _start_redis(self, port: int) -> None:
        keeps_nothing = ("--save", "", "--appendonly", "no")
        command = [self.parts.redis, "--bind", "127.0.0.1", "--port", port, "--dir", self.folder, *keeps_nothing]
        started = process.start("redis", command, self.folder)
        self.processes.append(started)
        process.wait_until(process.tcp_probe(port), started)

    def _variables(self) -> dict[str, str]:
        """Return the variables of both, as a Deployment of Argo CD sets them from its ConfigMap."""
        programs, temporary = self.folder / "bin", self.folder / "tmp"
        if not programs.exists():
            self.parts.link(programs)
            temporary.mkdir()
        return {
            "PATH": f"{programs}:{os.environ['PATH']}",
            "HOME": str(self.folder),
            "TMPDIR": str(temporary),
            "KUBECONFIG": str(self.kubeconfig),
            # https://kubernetes.default.svc is the cluster that the kubeconfig names.
            "ARGOCD_FAKE_IN_CLUSTER": "true",
            "ARGOCD_RECONCILIATION_TIMEOUT": INTERVAL,
            "ARGOCD_RECONCILIATION_JITTER": "0s",
            "ARGOCD_ASK_PASS_SOCK": str(self.folder / "ask.sock"),
            "ARGOCD_GPG_ENABLED": "false",
            "ARGOCD_TLS_DATA_PATH": str(self.folder),
            "ARGOCD_SSH_DATA_PATH": str(self.folder),
        }


def build() -> Parts:
    """Return the parts, built and fetched first where the cache lacks them. Raises what builds and fetches raise."""
    return _parts(tools.ensure(*BUILT), debian.unpacked("redis", REDIS_PACKAGES, REDIS_PROGRAMS))


def find_built() -> Parts | None:
    """Return the parts if the cache has all of them; build and fetch nothing."""
    built = {name: path for name in BUILT if (path := tools.find_built(name))}
    redis = debian.find_unpacked("redis", REDIS_PACKAGES)
    return _parts(built, redis) if redis and len(built) == len(BUILT) else None


def _parts(built: dict[str, Path], redis: Path) -> Parts:
    return Parts(built["argocd"], built["helm"], built["kustomize"], redis / "usr/bin/redis-server")


def crds(parts: Parts) -> Iterator[Object]:
    """Yield Argo CD's CRDs, from its module."""
    for file in sorted((parts.argocd.parent / "static" / "manifests" / "crds").glob("*-crd.yaml")):
        yield yaml.safe_load(file.read_text())


def installation() -> list[Object]:
    """Return what both read of an installation: namespace, settings, a key, and the project `default`."""
    label = {"app.kubernetes.io/part-of": "argocd"}
    key = {"server.secretkey": secrets.token_hex(32)}
    return [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}},
        _object("v1", "ConfigMap", "argocd-cm", labels=label),
        {**_object("v1", "Secret", "argocd-secret", labels=label), "stringData": key},
        # Argo CD's API server makes it when it starts.
        {
            **_object("argoproj.io/v1alpha1", "AppProject", "default"),
            "spec": {
                "sourceRepos": ["*"],
                "destinations": [{"namespace": "*", "server": "*"}],
                "clusterResourceWhitelist": [{"group": "*", "kind": "*"}],
            },
        },
    ]


def repository_secret(name: str, url: str, user: str, password: str) -> Object:
    """Return the Secret by which Argo CD logs in to a Git repository."""
    labels = {"argocd.argoproj.io/secret-type": "repository"}
    login = {"type": "git", "url": url, "username": user, "password": password}
    return {**_object("v1", "Secret", name, labels=labels), "stringData": login}


def application(name: str, namespace: str, source: Object, *, automatic: bool = True) -> Object:
    """Return an Application for this cluster. source: `repoURL`, `path` and what renders it."""
    spec = {
        "project": "default",
        "destination": {"server": "https://kubernetes.default.svc", "namespace": namespace},
        "source": {"targetRevision": "main", **source},
        **({"syncPolicy": {"automated": {"prune": True}}} if automatic else {}),
    }
    return {**_object("argoproj.io/v1alpha1", "Application", name), "spec": spec}


def dump(documents: list[Object]) -> str:
    """Return objects as what `kubectl apply -f -` reads."""
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": documents})


def _object(version: str, kind: str, name: str, *, labels: dict[str, str] | None = None) -> Object:
    metadata = {"name": name, "namespace": NAMESPACE, **({"labels": labels} if labels else {})}
    return {"apiVersion": version, "kind": kind, "metadata": metadata}
