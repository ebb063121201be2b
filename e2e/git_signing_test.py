"""`controllers.git.signing`: signed commits, verified by Git itself and by the Git host."""

import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from e2e.cluster import eventually
from e2e.fleet import Fleet
from e2e.git_fixtures import SshIdentity, ssh_identity
from e2e.objects import automation
from e2e.pull_requests_test import Offers
from hack.githost import GitHost, git

AUTHOR = {"name": "Image Bot", "email": "admin@example.com"}
"""The administrator's address: the Git host knows whose key it is to look for."""
PASSPHRASE = "correct horse"


def signed_automation(fleet: Fleet, secret: dict[str, str], kind: str) -> None:
    fleet.space.apply("Secret", "signing", stringData=secret)
    key = {"secretRef": {"name": "signing"}, "type": kind}
    git = {"commit": {"author": AUTHOR, "messageTemplate": "Update images", "signingKey": key}}
    automation(fleet.space, "fleet", source="fleet", git=git)


def signed_offers(fleet: Fleet, secret: dict[str, str]) -> Offers:
    """Apply an automation whose signed commits are pull requests."""
    fleet.space.apply("Secret", "signing", stringData=secret)
    commit = {"author": AUTHOR, "signingKey": {"secretRef": {"name": "signing"}, "type": "ssh"}}
    automation(fleet.space, "fleet", source="fleet", git={"commit": commit, "pullRequest": {"forge": "gitea"}})
    return Offers(fleet)


def is_verified(git_host: GitHost, fleet: Fleet) -> bool:
    path = f"/repos/{git_host.user}/{fleet.repository.name}/git/commits/{fleet.repository.head()}"
    return bool(git_host.call("GET", path)["commit"]["verification"]["verified"])


@dataclass(frozen=True, slots=True)
class PgpKey:
    """A key that gpg made in a home of its own."""

    home: Path
    private: str
    public: str


@pytest.fixture
def pgp(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PgpKey]:
    if shutil.which("gpg") is None:
        pytest.skip("gpg makes the keys and judges the signatures")
    home = tmp_path_factory.mktemp("g", numbered=True)
    home.chmod(0o700)

    def gpg(*arguments: str) -> str:
        command = ["gpg", "--homedir", str(home), "--batch", "--pinentry-mode", "loopback", "--passphrase", PASSPHRASE]
        return subprocess.run([*command, *arguments], capture_output=True, text=True, check=True).stdout

    gpg("--quick-gen-key", f"{AUTHOR['name']} <{AUTHOR['email']}>", "ed25519", "sign", "never")
    yield PgpKey(home, gpg("--armor", "--export-secret-keys"), gpg("--armor", "--export"))
    subprocess.run(["gpgconf", "--homedir", str(home), "--kill", "all"], check=False, capture_output=True)


def test_openpgp_signature_is_verified_by_git_and_shown_by_the_host(
    fleet: Fleet, git_host: GitHost, pgp: PgpKey
) -> None:
    added = git_host.call("POST", "/user/gpg_keys", {"armored_public_key": pgp.public})
    try:
        signed_automation(fleet, {"git.asc": pgp.private, "passphrase": PASSPHRASE}, "gpg")
        fleet.wait_commits(2)
        with fleet.repository.clone() as clone:
            (clone / ".gnupg").symlink_to(pgp.home)  # the clone is the home of the git that is run in it
            git(clone, "verify-commit", "origin/main")
        eventually(lambda: is_verified(git_host, fleet), what="the host to show the commit as verified", seconds=5)
    finally:
        git_host.call("DELETE", f"/user/gpg_keys/{added['id']}")


@pytest.mark.parametrize("passphrase", [pytest.param("", id="open"), pytest.param(PASSPHRASE, id="locked")])
def test_ssh_signature_is_verified_by_git(fleet: Fleet, passphrase: str) -> None:
    if shutil.which("ssh-keygen") is None:
        pytest.skip("git verifies SSH signatures with ssh-keygen")
    identity = ssh_identity(passphrase)
    signed_automation(fleet, {"identity": identity.private, "password": passphrase}, "ssh")
    fleet.wait_commits(2)
    with fleet.repository.clone() as clone:
        (clone / "allowed").write_text(f'{AUTHOR["email"]} namespaces="git" {identity.public}\n')
        options = ("-c", "gpg.format=ssh", "-c", f"gpg.ssh.allowedSignersFile={clone}/allowed")
        git(clone, *options, "verify-commit", "origin/main")


def test_signature_of_a_pull_request_is_verified_after_each_update(fleet: Fleet) -> None:
    if shutil.which("ssh-keygen") is None:
        pytest.skip("git verifies SSH signatures with ssh-keygen")
    identity = ssh_identity()
    offers = signed_offers(fleet, {"identity": identity.private})
    for tag in ("1.0.1", "1.0.2"):
        if tag == "1.0.2":
            fleet.push_tag(tag)
        offers.wait_open(f"Update app to {tag}")
        with fleet.repository.clone() as clone:
            (clone / "allowed").write_text(f'{AUTHOR["email"]} namespaces="git" {identity.public}\n')
            options = ("-c", "gpg.format=ssh", "-c", f"gpg.ssh.allowedSignersFile={clone}/allowed")
            git(clone, *options, "verify-commit", f"origin/{offers.head}")


def prove_possession(git_host: GitHost, identity: SshIdentity, fingerprint: str, folder: Path) -> None:
    """Verify a key as a person does on the page of their keys: sign a text that the host gives, once."""
    key = folder / "key"
    key.touch(0o600)
    key.write_text(identity.private)
    login = {"user_name": git_host.user, "password": git_host.password}
    with httpx.Client(base_url=git_host.url, trust_env=False) as web:
        token = web.get("/api/v1/user/gpg_key_token", auth=(git_host.user, git_host.password)).text
        command = ["ssh-keygen", "-Y", "sign", "-n", "gitea", "-f", str(key)]
        signed = subprocess.run(command, input=token, capture_output=True, text=True, check=True).stdout
        web.post("/user/login", data=login)
        form = {"type": "verify_ssh", "title": "none", "content": "none", "fingerprint": fingerprint}
        web.post("/user/settings/keys", data={**form, "signature": signed})


def test_ssh_signature_is_shown_as_verified_by_the_host(fleet: Fleet, git_host: GitHost, tmp_path: Path) -> None:
    if shutil.which("ssh-keygen") is None:
        pytest.skip("ssh-keygen proves that the key is ours")
    identity = ssh_identity()
    added = git_host.call("POST", "/user/keys", {"title": fleet.space.name, "key": identity.public})
    try:
        prove_possession(git_host, identity, added["fingerprint"], tmp_path)
        signed_automation(fleet, {"identity": identity.private}, "ssh")
        fleet.wait_commits(2)
        eventually(lambda: is_verified(git_host, fleet), what="the host to show the commit as verified", seconds=5)
    finally:
        git_host.call("DELETE", f"/user/keys/{added['id']}")


def test_key_that_cannot_be_unlocked_is_reported_and_mended(fleet: Fleet, pgp: PgpKey) -> None:
    signed_automation(fleet, {"git.asc": pgp.private, "passphrase": "wrong"}, "gpg")
    fleet.space.wait_not_ready(
        "ImageUpdateAutomation", "fleet", reason="SourceManagerFailed", message="could not decrypt private key"
    )
    fleet.space.apply("Secret", "signing", stringData={"git.asc": pgp.private, "passphrase": PASSPHRASE})
    fleet.space.request("ImageUpdateAutomation", "fleet")
    fleet.wait_commits(2)
