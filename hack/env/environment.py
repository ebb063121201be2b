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
from hack.env.node import Node
from hack.env.node.node import prepare

STATE = "env.json"
REGISTRY_USER = "robot"
REGISTRY_PASSWORD = "robot-secret"
PROGRAMS = ("etcd", "kube-apiserver", "kube-controller-manager", "kubectl", "registry", "gitea")


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
    processes: list[process.Process]
    node: Node | None = None
    """Where pods run, if the environment was started with one."""

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
            **({"E2E_HOST": self.node.pod_address_of_host} if self.node else {}),
        }

    def halt(self, name: str) -> list[str]:
        """Kill one of the programs, `kube-apiserver` or `kubelet` for example; return its command, for `resume`."""
        if self.node and name in self.node.programs:
            return self.node.halt(name)
        running = next(p for p in self.processes if p.name == name)
        command = process.command_of(running)
        process.stop(running, kill=True)
        return command

    def resume(self, name: str, command: list[str]) -> None:
        """Start a program again that was halted, as it was."""
        if self.node and name in self.node.programs:
            self.node.resume(name, command)
        else:
            place = next(number for number, p in enumerate(self.processes) if p.name == name)
            self.processes[place] = process.start(name, command, Path(self.processes[place].log).parent)
        self.save()


def up(folder: Path, *, node: bool = False) -> Environment:
    """Start an environment in `folder`; what was started is stopped again when a part fails.

    node: with a node, on which pods run; all servers then listen at an address that pods reach as well. Raises
    `NodeImpossible` where this machine cannot have one.
    """
    tools.ensure(*PROGRAMS)
    folder.mkdir(parents=True, exist_ok=True)
    if not node:
        return _up(folder, None)
    made = prepare(folder / "node")
    try:
        return _up(folder, made)
    except BaseException:
        made.stop()
        raise


def _up(folder: Path, node: Node | None) -> Environment:
    address = node.network.host if node else process.LOOPBACK
    with ThreadPoolExecutor() as pool:
        node_address = node.network.node if node else ""
        plane = pool.submit(controlplane.start, folder, address=address, for_node=node_address)
        host = pool.submit(gitea.start, folder / "gitea", address=address)
        closed = pool.submit(
            registry.start, folder / "registry", address=address, user=REGISTRY_USER, password=REGISTRY_PASSWORD
        )
        anyone = pool.submit(registry.start, folder / "open-registry", address=address)
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
            tools.ensure("kubectl")["kubectl"], started, node,
        )  # fmt: skip
        if node:
            node.start(folder, environment.kubectl)
            for given in (environment.registry, environment.open_registry, environment.git_url.removeprefix("http://")):
                node.allow_plain_http(given)
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
    if environment.node:
        environment.node.stop()
    for running in environment.processes:
        # Nothing here is worth a graceful end: the data is thrown away.
        process.stop(running, kill=True)
    (environment.folder / STATE).unlink(missing_ok=True)
    if not keep_folder:
        shutil.rmtree(environment.folder, ignore_errors=True)


def is_up(environment: Environment) -> bool:
    """Return True while every process of the environment runs."""
    if environment.node and not environment.node.is_up():
        return False
    return all(process.is_running(p) for p in environment.processes)


def default_folder() -> Path:
    """Return where `make env-up` keeps its environment: `$TAGLINE_ENV_DIR` or `.work/env` of the checkout."""
    return Path(os.environ.get("TAGLINE_ENV_DIR") or Path(__file__).resolve().parents[2] / ".work" / "env")
