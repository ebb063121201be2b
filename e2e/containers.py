"""The real parts as containers: k3s, two registries and Gitea, through testcontainers. Only with `E2E_ENV=containers`.

Needs Docker, and kubectl on PATH or in KUBECTL. The controllers still run as local processes with the rights of their
ServiceAccounts. It is never chosen unless asked for, and nothing else imports it. Not run where tagline is developed,
since there is no Docker there; see docs/development.md.
"""

import secrets
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

import bcrypt
from docker.errors import DockerException  # type: ignore[import-untyped]  # comes without type hints
from testcontainers.community.k3s import K3SContainer
from testcontainers.core.container import DockerContainer

from e2e.cluster import eventually
from hack.env import pki, process

K3S = "rancher/k3s:v1.34.2-k3s1"
REGISTRY = "registry:3.0.0"
GITEA = "gitea/gitea:1.26.0"

REGISTRY_PORT, GITEA_PORT, GITEA_SSH_PORT = 5000, 3000, 22
REGISTRY_USER, GIT_USER = "robot", "gitadmin"
START_SECONDS = 120
HOST = "127.0.0.1"


class DockerUnavailable(RuntimeError):
    """Docker cannot be reached."""


@contextmanager
def started(folder: Path) -> Iterator[Mapping[str, str]]:
    """Yield the variables that the e2e suite reads, while the containers run. Raises DockerUnavailable."""
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        try:
            cluster = stack.enter_context(K3SContainer(K3S))
        except DockerException as error:
            raise DockerUnavailable(f"E2E_ENV=containers needs Docker, which cannot be reached: {error}") from error
        kubeconfig = folder / "kubeconfig"
        pki.write_secret(kubeconfig, cluster.config_yaml().encode())
        password = secrets.token_urlsafe(12)
        yield {
            "KUBECONFIG": str(kubeconfig),
            "E2E_REGISTRY": stack.enter_context(_registry(password)),
            "E2E_REGISTRY_USER": REGISTRY_USER,
            "E2E_REGISTRY_PASSWORD": password,
            "E2E_OPEN_REGISTRY": stack.enter_context(_registry()),
            **stack.enter_context(_gitea()),
        }


@contextmanager
def _registry(password: str = "") -> Iterator[str]:
    """Yield `host:port` of a registry; without a password it is open to all."""
    container = DockerContainer(REGISTRY, ports=[REGISTRY_PORT]).with_env("REGISTRY_STORAGE_DELETE_ENABLED", "true")
    if password:
        hashed = bcrypt.hashpw(password.encode(), bcrypt.gensalt(4)).decode()
        container.with_copy_into_container(f"{REGISTRY_USER}:{hashed}\n".encode(), "/auth/htpasswd")
        container.with_envs(
            REGISTRY_AUTH="htpasswd",
            REGISTRY_AUTH_HTPASSWD_REALM="tagline-containers",
            REGISTRY_AUTH_HTPASSWD_PATH="/auth/htpasswd",
        )
    with container:
        address = f"{HOST}:{container.get_exposed_port(REGISTRY_PORT)}"
        _wait(f"http://{address}/v2/", what="the registry")
        yield address


@contextmanager
def _gitea() -> Iterator[Mapping[str, str]]:
    """Yield Gitea's address and its administrator."""
    port, ssh_port = process.free_ports(2)  # chosen here, since Gitea must know its own address
    url = f"http://{HOST}:{port}"
    container = DockerContainer(GITEA).with_envs(
        GITEA__database__DB_TYPE="sqlite3",
        GITEA__security__INSTALL_LOCK="true",
        GITEA__server__DOMAIN=HOST,
        GITEA__server__ROOT_URL=f"{url}/",
        GITEA__server__SSH_PORT=str(ssh_port),
        GITEA__service__DISABLE_REGISTRATION="true",
        GITEA__repository__DEFAULT_BRANCH="main",
    )
    with container.with_bind_ports(GITEA_PORT, port).with_bind_ports(GITEA_SSH_PORT, ssh_port):
        _wait(f"{url}/api/healthz", what="Gitea", below=300)
        password = secrets.token_urlsafe(12)
        create = "gitea admin user create --admin --must-change-password=false --email admin@example.com"
        done = container.exec(["su", "git", "-c", f"{create} --username {GIT_USER} --password {password}"])
        if done.exit_code:
            raise RuntimeError(f"create Gitea's administrator: {done.output.decode(errors='replace')[-512:]}")
        yield {
            "E2E_GIT_URL": url,
            "E2E_GIT_SSH_PORT": str(ssh_port),
            "E2E_GIT_USER": GIT_USER,
            "E2E_GIT_PASSWORD": password,
        }


def _wait(url: str, *, what: str, below: int = 500) -> None:
    eventually(process.http_probe(url, below=below), what=f"{what} to answer", seconds=START_SECONDS)
