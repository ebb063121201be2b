"""The receiver as a local process with the rights of its ServiceAccount, beside the session's controllers."""

import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from controllers.webhooks.hook_path import hook_path
from e2e import manifests
from e2e.cluster import Space
from e2e.conftest import Parts
from hack import controllers as local_controllers
from hack.controllers import Controllers
from hack.env import process


@dataclass(frozen=True, slots=True)
class ReceiverProcess:
    """A running receiver."""

    port: int
    controllers: Controllers

    @property
    def url(self) -> str:
        """Where hooks are served, without a path."""
        return f"http://{process.LOOPBACK}:{self.port}"

    @property
    def metrics(self) -> str:
        """Where its metrics are."""
        return self.controllers.metrics["receiver"]

    def hook(self, token: str, name: str, namespace: str) -> str:
        """Return the URL of a Receiver's hook, which may be known before there is one."""
        return self.url + hook_path(token, name, namespace)

    def log(self) -> str:
        """Return all that was logged."""
        return self.controllers.log("receiver").read_text(errors="replace")


@contextmanager
def running(
    cluster: Parts, folder: Path, *flags: str, port: int = 0, components: tuple[str, ...] = ("receiver",)
) -> Iterator[ReceiverProcess]:
    """Install the component, and run its process until the end of the block."""
    folder.mkdir(parents=True, exist_ok=True)
    config = install(cluster, folder, *components)
    port = port or process.free_ports(1)[0]
    started = Controllers(
        folder, {"receiver": config}, ("--log-level=debug", f"--receiverAddr={process.LOOPBACK}:{port}", *flags)
    )
    started.start("receiver")
    try:
        yield ReceiverProcess(port, started)
    finally:
        started.stop()


def install(cluster: Parts, folder: Path, *components: str) -> Path:
    """Apply the manifests with components, without a Deployment; return a kubeconfig of the receiver's account."""
    manifests.apply(cluster.kubectl, folder, *components)
    local_controllers.wait_for_crds(cluster.kubectl)
    server, authority = local_controllers.cluster_server(cluster.kubectl)
    return local_controllers.write_account_kubeconfig(
        cluster.kubectl, "receiver", folder, server=server, authority=authority
    )


def new_token() -> str:
    """Return a token that nobody guesses."""
    return secrets.token_hex(20)


def receiver(space: Space, name: str, type: str, token: str, **spec: Any) -> str:
    """Apply a Secret and a Receiver of all ImageRepositories of its namespace; return its path once it is published."""
    space.apply("Secret", f"{name}-hook", stringData={"token": token})
    resources = [{"kind": "ImageRepository", "name": "*"}]
    space.apply("Receiver", name, {"type": type, "secretRef": {"name": f"{name}-hook"}, "resources": resources, **spec})
    path = space.wait_ready("Receiver", name)["status"]["webhookPath"]
    assert path == hook_path(token, name, space.name)
    return str(path)


def post(url: str, body: bytes, headers: Mapping[str, str]) -> httpx.Response:
    """Call a hook."""
    return httpx.post(url, content=body, headers=dict(headers), trust_env=False, timeout=30)
