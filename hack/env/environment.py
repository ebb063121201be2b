"""One local environment: control plane, registry and Git host; started in parallel, found again by a state file.

The state file `env.json` in the environment's folder holds addresses, credentials and process ids. Several
environments live side by side, each in a folder of its own on ports of its own.
"""

import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import msgspec

from hack.env import controlplane, gitea, pki, process, registry, tools

STATE = "env.json"
REGISTRY_USER = "robot"
REGISTRY_PASSWORD = "robot-secret"


@dataclass(frozen=True, slots=True)
class Environment:
    """A running environment; `processes` in the order in which they are to be stopped."""

    folder: Path
    kubeconfig: Path
    server: str
    authority: Path
    registry: str
    registry_user: str
    registry_password: str
    open_registry: str
    git_url: str
    git_ssh_port: int
    git_user: str
    git_password: str
    kubectl: Path
    processes: tuple[process.Process, ...]

    def save(self) -> None:
        """Write the state file (readable by its owner only: it has passwords)."""
        pki.write_secret(self.folder / STATE, msgspec.json.encode(self, enc_hook=str))

    def variables(self) -> dict[str, str]:
        """Return the environment variables that the e2e suite reads."""
        return {
            "KUBECONFIG": str(self.kubeconfig),
            "E2E_REGISTRY": self.registry,
            "E2E_REGISTRY_USER": self.registry_user,
            "E2E_REGISTRY_PASSWORD": self.registry_password,
            "E2E_OPEN_REGISTRY": self.open_registry,
            "E2E_GIT_URL": self.git_url,
            "E2E_GIT_SSH_PORT": str(self.git_ssh_port),
            "E2E_GIT_USER": self.git_user,
            "E2E_GIT_PASSWORD": self.git_password,
            "KUBECTL": str(self.kubectl),
        }


def up(folder: Path) -> Environment:
    """Start an environment in `folder`; what was started is stopped again when a part fails."""
    bins = tools.ensure("etcd", "kube-apiserver", "kube-controller-manager", "kubectl", "registry", "gitea")
    folder.mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor() as pool:
        plane = pool.submit(controlplane.start, folder)
        host = pool.submit(gitea.start, folder / "gitea")
        closed = pool.submit(registry.start, folder / "registry", user=REGISTRY_USER, password=REGISTRY_PASSWORD)
        anyone = pool.submit(registry.start, folder / "open-registry")
    started: list[process.Process] = []
    for future in (closed, anyone, host, plane):
        if not future.exception():
            result = future.result()
            started += result.processes if isinstance(result, controlplane.ControlPlane) else [result.process]
    try:
        environment = Environment(
            folder, plane.result().kubeconfig, plane.result().server, plane.result().authority,
            closed.result().host, REGISTRY_USER, REGISTRY_PASSWORD, anyone.result().host,
            host.result().url, host.result().ssh_port, host.result().admin, host.result().password,
            bins["kubectl"], tuple(started),
        )  # fmt: skip
    except BaseException:
        for running in started:
            process.stop(running, kill=True)
        raise
    environment.save()
    return environment


def load(folder: Path) -> Environment:
    """Return the environment whose state file is in `folder`; `FileNotFoundError` without one."""
    return msgspec.json.decode((folder / STATE).read_bytes(), type=Environment, dec_hook=lambda _, text: Path(text))


def down(environment: Environment, *, keep_folder: bool = False) -> None:
    """Stop every process of the environment by its id and remove its folder."""
    for running in environment.processes:
        # Nothing here is worth a graceful end: the data is thrown away.
        process.stop(running, kill=True)
    (environment.folder / STATE).unlink(missing_ok=True)
    if not keep_folder:
        shutil.rmtree(environment.folder, ignore_errors=True)


def is_up(environment: Environment) -> bool:
    """Return True while every process of the environment runs."""
    return all(process.is_running(p) for p in environment.processes)


def default_folder() -> Path:
    """Return where `make env-up` keeps its environment: `$TAGLINE_ENV_DIR` or `.work/env` of the checkout."""
    return Path(os.environ.get("TAGLINE_ENV_DIR") or Path(__file__).resolve().parents[2] / ".work" / "env")
