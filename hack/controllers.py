"""Runs the three controllers as local processes with the credentials of their own ServiceAccounts.

What the manifests grant is what the processes have: each gets a kubeconfig with a token of its ServiceAccount
(TokenRequest), so a missing rule in `manifests/rbac` fails here as it would in a cluster.
"""

import base64
import json
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from api.kinds import RECONCILED
from hack.env import controlplane, environment, process

NAMESPACE = "tagline-system"
KINDS = tuple(kind.name for kind in RECONCILED)
ROOT = Path(__file__).resolve().parent.parent
TOKEN_DURATION = "24h"
CRD_SECONDS = 60


class KubectlFailed(RuntimeError):
    """kubectl ended with an error; the message quotes it."""


@dataclass(frozen=True, slots=True)
class Kubectl:
    """kubectl with one kubeconfig."""

    program: Path
    kubeconfig: Path

    def __call__(self, *args: str, stdin: str | None = None, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run kubectl. Raises `KubectlFailed` on an error unless `check` is false."""
        done = subprocess.run(
            [str(self.program), "--kubeconfig", str(self.kubeconfig), *args],
            input=stdin, capture_output=True, text=True, check=False,
        )  # fmt: skip
        if check and done.returncode:
            raise KubectlFailed(f"kubectl {' '.join(args[:4])}: {done.stderr.strip() or done.stdout.strip()}")
        return done


def allow_workload_identity(kubectl: Kubectl) -> None:
    """Apply the rights of the component that lets objects log in as ServiceAccounts."""
    kubectl("apply", "-f", str(ROOT / "manifests" / "components" / "workload-identity" / "rbac.yaml"))


def install(kubectl: Kubectl, manifests: Path = ROOT / "manifests") -> None:
    """Apply the manifests as the README says and wait until the CRDs are served."""
    kubectl("apply", "-k", str(manifests))
    wait_for_crds(kubectl)


def install_crds(kubectl: Kubectl) -> None:
    """Apply the CRDs alone and wait until they are served."""
    kubectl("apply", "--server-side", "-f", str(ROOT / "manifests" / "crds"))
    wait_for_crds(kubectl)


def wait_for_crds(kubectl: Kubectl) -> None:
    """Wait until every CRD of the cluster is served. Raises KubectlFailed after a minute.

    Not by `kubectl wait`: it ends with an error at a CRD so new that its status has no conditions.
    """
    deadline = time.monotonic() + CRD_SECONDS
    while waiting := not_established(json.loads(kubectl("get", "crd", "-o", "json").stdout)["items"]):
        if time.monotonic() > deadline:
            raise KubectlFailed(f"not established after {CRD_SECONDS} s: {', '.join(waiting)}")
        time.sleep(0.1)


def not_established(crds: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the names of the CRDs that are not served yet."""
    return [
        crd["metadata"]["name"]
        for crd in crds
        if ("Established", "True")
        not in {(c["type"], c["status"]) for c in (crd.get("status") or {}).get("conditions") or ()}
    ]


def write_account_kubeconfig(
    kubectl: Kubectl, kind: str, folder: Path, *, server: str, authority: Path, namespace: str = NAMESPACE
) -> Path:
    """Write a kubeconfig with a token of the controller's ServiceAccount, which is in `namespace`."""
    token = kubectl("create", "token", f"{kind}-controller", "-n", namespace, f"--duration={TOKEN_DURATION}").stdout
    path = folder / f"{kind}.kubeconfig"
    return controlplane.write_kubeconfig(path, server, authority, token.strip(), namespace)


@dataclass(slots=True)
class Controllers:
    """The three processes, by kind; each can be killed and started again on its own."""

    folder: Path
    kubeconfigs: Mapping[str, Path]
    flags: tuple[str, ...] = ()
    namespace: str = NAMESPACE
    variables: Mapping[str, str] = field(default_factory=dict)
    """Further variables of the processes' environment."""
    kind_flags: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Those that not every kind has."""
    processes: dict[str, process.Process] = field(default_factory=dict)
    health: dict[str, str] = field(default_factory=dict)
    metrics: dict[str, str] = field(default_factory=dict)

    def start(self, *kinds: str, flags: tuple[str, ...] = ()) -> None:
        """Start the named kinds (all by default) and return when each is ready (caches in sync)."""
        for kind in kinds or KINDS:
            metrics, health = process.free_ports(2)
            self.metrics[kind], self.health[kind] = (f"http://127.0.0.1:{p}" for p in (metrics, health))
            temporary = self.folder / f"{kind}.tmp"
            temporary.mkdir(parents=True, exist_ok=True)
            command = [
                sys.executable, "-m", f"controllers.{kind}", f"--metrics-addr=127.0.0.1:{metrics}",
                f"--health-addr=127.0.0.1:{health}", *self.flags, *self.kind_flags.get(kind, ()), *flags,
            ]  # fmt: skip
            env = {
                **self.variables,
                "KUBECONFIG": str(self.kubeconfigs[kind]),
                "RUNTIME_NAMESPACE": self.namespace,
                "PYTHONPATH": str(ROOT),
                "TMPDIR": str(temporary),
            }
            self.processes[kind] = process.start(kind, command, self.folder, env)
        try:
            for kind in kinds or KINDS:
                ready = process.http_probe(f"{self.health[kind]}/readyz", below=300)
                process.wait_until(ready, self.processes[kind], timeout_seconds=60)
        except BaseException:
            self.stop(kill=True)
            raise

    def stop(self, *kinds: str, kill: bool = False) -> None:
        """Stop the named kinds (all by default): SIGTERM and the grace period, or SIGKILL."""
        for kind in kinds or tuple(self.processes):
            process.stop(self.processes.pop(kind), kill=kill, grace_seconds=15)

    def rss_mib(self) -> dict[str, float]:
        """Return the resident memory by kind, in MiB, from /proc."""
        out = {}
        for kind, running in self.processes.items():
            status = Path(f"/proc/{running.pid}/status").read_text()
            out[kind] = int(status.split("VmRSS:")[1].split()[0]) / 1024
        return out

    def incarnations(self) -> dict[str, str]:
        """Return the process id of each kind that runs."""
        return {kind: str(running.pid) for kind, running in self.processes.items()}

    def log_text(self, kind: str) -> str:
        """Return what the processes of a kind have logged."""
        return self.log(kind).read_text(errors="replace")

    def log(self, kind: str) -> Path:
        """Return the file that the process logs to."""
        return self.folder / f"{kind}.log"


def install_and_start(env: environment.Environment, folder: Path, flags: tuple[str, ...] = ()) -> Controllers:
    """Apply the manifests and run the controllers as their ServiceAccounts."""
    folder.mkdir(parents=True, exist_ok=True)
    kubectl = Kubectl(env.kubectl, env.kubeconfig)
    install(kubectl)
    configs = {
        kind: write_account_kubeconfig(kubectl, kind, folder, server=env.server, authority=env.authority)
        for kind in KINDS
    }
    controllers = Controllers(folder, configs, flags)
    controllers.start()
    return controllers


def cluster_server(kubectl: Kubectl) -> tuple[str, Path]:
    """Return the address and authority file of the current cluster of any kubeconfig (kind's, for example)."""
    view = kubectl("config", "view", "--minify", "--flatten", "-o", "json").stdout
    cluster = json.loads(view)["clusters"][0]["cluster"]
    authority = kubectl.kubeconfig.with_suffix(".authority.crt")
    authority.write_bytes(base64.b64decode(cluster["certificate-authority-data"]))
    return str(cluster["server"]), authority
