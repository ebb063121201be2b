"""`controllers.git`: the Git host's own SSH server with a deploy key."""

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from e2e.fleet import Fleet
from e2e.git_fixtures import (
    SshIdentity,
    git_host_address,
    gitea_ssh_port,
    known_hosts,
    move_to,
    needs_keyscan,
    ssh_identity,
)
from e2e.objects import automation
from hack.githost import GitHost

PASSPHRASE = "correct horse"


def deploy_key(git_host: GitHost, fleet: Fleet, identity: SshIdentity, *, read_only: bool = False) -> str:
    """Let a key in; return the repository's SSH URL."""
    path = f"{git_host.user}/{fleet.repository.name}"
    git_host.call("POST", f"/repos/{path}/keys", {"title": "bot", "key": identity.public, "read_only": read_only})
    return f"ssh://git@{git_host_address(git_host)}:{gitea_ssh_port()}/{path}.git"


@needs_keyscan
@pytest.mark.parametrize("passphrase", [pytest.param("", id="open"), pytest.param(PASSPHRASE, id="locked")])
def test_deploy_key(fleet: Fleet, git_host: GitHost, passphrase: str) -> None:
    identity = ssh_identity(passphrase)
    url = deploy_key(git_host, fleet, identity)
    secret = {"identity": identity.private, "known_hosts": known_hosts(gitea_ssh_port(), git_host_address(git_host))}
    move_to(fleet, url, secret=secret | ({"password": passphrase} if passphrase else {}))
    automation(fleet.space, "fleet", source="fleet")
    fleet.wait_commits(2)
    fleet.push_tag("1.0.2")
    fleet.wait_commits(3)
    fleet.space.wait_ready("ImageUpdateAutomation", "fleet", message="committed and pushed")


@needs_keyscan
def test_deploy_key_that_may_only_read(fleet: Fleet, git_host: GitHost) -> None:
    identity = ssh_identity()
    url = deploy_key(git_host, fleet, identity, read_only=True)
    move_to(
        fleet,
        url,
        secret={"identity": identity.private, "known_hosts": known_hosts(gitea_ssh_port(), git_host_address(git_host))},
    )
    automation(fleet.space, "fleet", source="fleet")
    fleet.space.wait_not_ready("ImageUpdateAutomation", "fleet", reason="GitOperationFailed", message="push")
    assert len(fleet.repository.messages()) == 1


@needs_keyscan
def test_host_with_another_key_is_not_talked_to(fleet: Fleet, git_host: GitHost) -> None:
    identity = ssh_identity()
    stranger = rsa.generate_private_key(65537, 2048).public_key()
    line = stranger.public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH).decode()
    url = deploy_key(git_host, fleet, identity)
    secret = {
        "identity": identity.private,
        "known_hosts": f"[{git_host_address(git_host)}]:{gitea_ssh_port()} {line}\n",
    }
    move_to(fleet, url, secret=secret)
    automation(fleet.space, "fleet", source="fleet")
    fleet.space.wait_not_ready(
        "ImageUpdateAutomation", "fleet", reason="GitOperationFailed", message="knownhosts: key mismatch"
    )


def test_secret_without_known_hosts(fleet: Fleet, git_host: GitHost) -> None:
    identity = ssh_identity()
    move_to(fleet, deploy_key(git_host, fleet, identity), secret={"identity": identity.private})
    automation(fleet.space, "fleet", source="fleet")
    message = "invalid 'ssh' auth option: 'known_hosts' is required"
    fleet.space.wait_not_ready("ImageUpdateAutomation", "fleet", reason="SourceManagerFailed", message=message)
