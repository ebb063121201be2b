"""What the tests of Git remotes share: SSH keys, host keys, a served bare repository, a GitRepository on it."""

import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from urllib.parse import urlsplit

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from e2e.cluster import eventually
from e2e.fleet import Fleet
from e2e.objects import deployment
from hack.githost import GitHost
from testing.gitserver import BareRepository

PrivateKey = ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey

needs_keyscan = pytest.mark.skipif(shutil.which("ssh-keyscan") is None, reason="ssh-keyscan reads the host keys")


@dataclass(frozen=True, slots=True)
class SshIdentity:
    """A key pair: the private half in OpenSSH's form, the public one as a line."""

    private: str
    public: str


def ssh_identity(passphrase: str = "", *, key: PrivateKey | None = None) -> SshIdentity:
    """Return a key pair, locked when there is a passphrase; without a key a fresh one of Ed25519."""
    key = key or ed25519.Ed25519PrivateKey.generate()
    lock = serialization.BestAvailableEncryption(passphrase.encode()) if passphrase else serialization.NoEncryption()
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, lock)
    public = key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    return SshIdentity(private.decode(), public.decode())


def known_hosts(port: int, host: str) -> str:
    """Return the host keys of an SSH server, as `known_hosts` lists them."""
    scanned = subprocess.run(
        ["ssh-keyscan", "-p", str(port), host], capture_output=True, text=True, check=True, timeout=20
    )
    return scanned.stdout


def git_host_address(git_host: GitHost) -> str:
    """Return where the Git host listens."""
    return str(urlsplit(git_host.url).hostname)


def gitea_ssh_port() -> int:
    """Return the port of the Git host's SSH server; skip the test where there is none."""
    port = os.environ.get("E2E_GIT_SSH_PORT")
    if not port:
        pytest.skip("E2E_GIT_SSH_PORT names no SSH port of the Git host")
    return int(port)


def move_to(
    fleet: Fleet, url: str, *, secret: dict[str, str] | None = None, branch: str = "main", **spec: object
) -> None:
    """Point the GitRepository `fleet` somewhere else, with a Secret of its own."""
    if secret is not None:
        fleet.space.apply("Secret", "elsewhere", stringData=secret)
    reference = {"name": "elsewhere"} if secret is not None else None
    fleet.space.patch("GitRepository", "fleet", {"url": url, "ref": {"branch": branch}, "secretRef": reference, **spec})


def forget_push(fleet: Fleet) -> None:
    """Make the automation's status what it was before its run, as after a crash between push and status."""
    lost = ("lastPushCommit", "lastPushTime", "lastAutomationRunTime", "observedPolicies", "observedSourceRevision")
    fleet.space.kubectl(
        "patch", "imageupdateautomation", "fleet", "-n", fleet.space.name, "--subresource=status", "--type=merge",
        "-p", json.dumps({"status": dict.fromkeys(lost)}),
    )  # fmt: skip


def start(repository: BareRepository, fleet: Fleet, *, branch: str = "main") -> str:
    """Return the first commit of a served repository: one manifest with a stale image."""
    return repository.commit({"app.yaml": deployment(f"{fleet.image}:1.0.0", fleet.marker)}, branch=branch)


def wait_image(repository: BareRepository, fleet: Fleet, tag: str, *, branch: str = "main") -> None:
    """Wait until a served repository has the tag."""

    def is_there() -> bool:
        return f":{tag} #".encode() in repository.read("app.yaml", at=branch)

    eventually(is_there, what=f"tag {tag} on {branch}")
