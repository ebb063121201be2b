"""`controllers.git`: OpenSSH's own server: keys, known hosts, one connection, both protocols, refusals, restarts."""

import os
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from controllers.git.engine import GitEngine
from controllers.git.errors import AuthenticationFailed, RepositoryNotFound
from controllers.git.objects.commits import Author
from controllers.git.protocol.refs import branch_tip
from controllers.git.protocol.refspec import RefUpdate
from controllers.git.remote import Remote
from e2e.fleet import Fleet
from e2e.git_fixtures import PrivateKey, move_to, ssh_identity, start, wait_image
from e2e.objects import automation
from e2e.ssh_server import SshServer
from hack.env import openssh
from testing.address import HOST
from testing.gitserver import BareRepository
from testing.proxy import ProxyServer

WHEN = datetime(2026, 1, 1, tzinfo=UTC)
PASSPHRASE = "correct horse"
HOST_KEYS: Mapping[str, Callable[[], PrivateKey]] = {
    "ed25519": ed25519.Ed25519PrivateKey.generate,
    "ecdsa": lambda: ec.generate_private_key(ec.SECP256R1()),
    "rsa": lambda: rsa.generate_private_key(65537, 3072),
}


@pytest.fixture(scope="session")
def programs() -> openssh.OpenSsh:
    try:
        return openssh.ensure()
    except openssh.OpenSshNotFound as missing:
        if os.environ.get("CI") and openssh.can_fetch():
            raise
        pytest.skip(str(missing))


@pytest.fixture
def server(programs: openssh.OpenSsh, tmp_path: Path) -> Iterator[SshServer]:
    folder = tmp_path / "openssh"
    folder.mkdir()
    sshd = SshServer(programs, folder, settings=("AcceptEnv GIT_PROTOCOL", "LogLevel VERBOSE"))
    sshd.start()
    yield sshd
    sshd.stop()


@pytest.fixture
def repository(server: SshServer) -> BareRepository:
    served = BareRepository(server.folder / "fleet.git")
    served.commit({"app.yaml": "tag: 1.0.0\n"})
    return served


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[GitEngine]:
    git = GitEngine(tmp_path / "cache")
    yield git
    await git.aclose()


async def change(engine: GitEngine, remote: Remote, text: bytes) -> str:
    """List, fetch, commit and push; return the commit's id."""
    tip = branch_tip(await engine.list_refs(remote), "main")
    assert tip is not None
    await engine.fetch(remote, tip)
    made = await engine.commit(
        remote, tip.commit, {"app.yaml": text}, author=Author("bot@example.com", "Bot"), message="Update", when=WHEN
    )
    assert made is not None
    await engine.push(remote, made, [RefUpdate("refs/heads/main", made.id, made.parent)])
    return made.id


@pytest.mark.parametrize(
    ("key", "said"),
    [
        pytest.param(ed25519.Ed25519PrivateKey.generate(), "ED25519", id="ed25519"),
        pytest.param(ec.generate_private_key(ec.SECP256R1()), "ECDSA", id="ecdsa-256"),
        pytest.param(ec.generate_private_key(ec.SECP521R1()), "ECDSA", id="ecdsa-521"),
        pytest.param(rsa.generate_private_key(65537, 2048), "RSA", id="rsa"),
    ],
)
@pytest.mark.parametrize("passphrase", [pytest.param("", id="open"), pytest.param(PASSPHRASE, id="locked")])
async def test_kinds_of_keys(
    server: SshServer, repository: BareRepository, engine: GitEngine, key: PrivateKey, said: str, passphrase: str
) -> None:
    identity = ssh_identity(passphrase, key=key)
    server.authorize_key(identity)
    remote = server.remote(repository.path, identity=identity, passphrase=passphrase)
    assert await change(engine, remote, b"tag: 1.0.1\n") == repository.head()
    assert f"ssh2: {said} SHA256:" in server.log
    repository.git("fsck", "--strict")


async def test_rsa_does_without_sha1(server: SshServer, repository: BareRepository, engine: GitEngine) -> None:
    server.stop()
    server.settings += ("PubkeyAcceptedAlgorithms rsa-sha2-512,rsa-sha2-256",)
    server.start()
    identity = ssh_identity(key=rsa.generate_private_key(65537, 2048))
    server.authorize_key(identity)
    await engine.list_refs(server.remote(repository.path, identity=identity))
    assert "ssh2: RSA SHA256:" in server.log


async def test_one_connection_carries_everything(
    server: SshServer, repository: BareRepository, engine: GitEngine
) -> None:
    for tag in (b"tag: 1.0.1\n", b"tag: 1.0.2\n", b"tag: 1.0.3\n"):
        await change(engine, server.remote(repository.path), tag)
    assert repository.read("app.yaml") == b"tag: 1.0.3\n"
    assert server.logins == 1


@pytest.mark.parametrize(
    ("settings", "version"),
    [pytest.param(("AcceptEnv GIT_PROTOCOL",), b"version=2", id="2"), pytest.param((), b"", id="0")],
)
async def test_protocol_of_the_server(
    server: SshServer, repository: BareRepository, engine: GitEngine, settings: tuple[str, ...], version: bytes
) -> None:
    """Read the protocol that was asked for from the server's trace."""
    server.stop()
    trace = server.folder / "trace"
    server.settings = (*settings, f"SetEnv GIT_TRACE_PACKET={trace}")
    server.start()
    assert await change(engine, server.remote(repository.path), b"tag: 1.0.1\n") == repository.head()
    upload = [line for line in trace.read_bytes().splitlines() if b"upload-pack> " in line]
    assert upload
    assert any(line.endswith(b"upload-pack> version 2") for line in upload) == bool(version)


async def test_hashed_known_hosts(server: SshServer, repository: BareRepository, engine: GitEngine) -> None:
    hashed = server.hashed_known_hosts()
    assert hashed.startswith("|1|")
    await engine.list_refs(server.remote(repository.path, known_hosts=hashed))


async def test_another_host_key(server: SshServer, repository: BareRepository, engine: GitEngine) -> None:
    other = f"[{HOST}]:{server.port} {ssh_identity().public}\n"
    with pytest.raises(AuthenticationFailed, match="ssh: handshake failed: knownhosts: key mismatch"):
        await engine.list_refs(server.remote(repository.path, known_hosts=other))
    assert server.logins == 0


async def test_repository_that_is_not_there(server: SshServer, engine: GitEngine) -> None:
    with pytest.raises(RepositoryNotFound, match="does not appear to be a git repository"):
        await engine.list_refs(server.remote(server.folder / "elsewhere.git"))


async def test_key_that_the_server_refuses(server: SshServer, repository: BareRepository, engine: GitEngine) -> None:
    with pytest.raises(AuthenticationFailed, match="the server does not accept the key"):
        await engine.list_refs(server.remote(repository.path, identity=ssh_identity()))


async def test_server_that_was_started_anew(server: SshServer, repository: BareRepository, engine: GitEngine) -> None:
    remote = server.remote(repository.path)
    await change(engine, remote, b"tag: 1.0.1\n")
    server.stop()
    server.start()
    assert await change(engine, remote, b"tag: 1.0.2\n") == repository.head()
    assert server.logins == 2


@pytest.mark.parametrize("kind", ["ed25519", "ecdsa", "rsa"])
async def test_certificate_of_the_host(
    server: SshServer, repository: BareRepository, engine: GitEngine, kind: str
) -> None:
    server.host = ssh_identity(key=HOST_KEYS[kind]())
    authority = server.certify("-V", "-1m:+1h")
    assert await change(engine, server.remote(repository.path, known_hosts=authority), b"tag: 1.0.1\n")
    assert server.logins == 1


@pytest.mark.parametrize(
    ("options", "name", "known", "reason"),
    [
        pytest.param(("-V", "-2h:-1h"), HOST, "{authority}", "ssh: cert has expired", id="expired"),
        pytest.param(("-V", "+1h:+2h"), HOST, "{authority}", "ssh: cert is not yet valid", id="early"),
        pytest.param((), "git.example", "{authority}",
                     rf'ssh: principal "{HOST}" not in the set of valid principals for given certificate: '
                     r'\["git.example"\]', id="of-another-host"),
        pytest.param((), HOST, "@cert-authority * {stranger}",
                     rf"ssh: no authorities for hostname: {HOST}:\d+", id="signed-by-somebody-else"),
        pytest.param((), HOST, "{authority}@revoked * {host}", "knownhosts: key is revoked", id="revoked"),
        pytest.param((), HOST, "@revoked * {public}{authority}", "knownhosts: key is revoked",
                     id="revoked-authority"),
    ],
)  # fmt: skip
async def test_certificate_that_does_not_count(
    server: SshServer, repository: BareRepository, engine: GitEngine, options: tuple[str, ...], name: str, known: str,
    reason: str,
) -> None:  # fmt: skip
    authority = server.certify(*options, name=name)
    text = known.format(
        authority=authority,
        public=authority.removeprefix("@cert-authority * "),
        host=server.host.public,
        stranger=ssh_identity().public,
    )
    with pytest.raises(AuthenticationFailed, match=f"ssh: handshake failed: {reason}$"):
        await engine.list_refs(server.remote(repository.path, known_hosts=text))
    assert server.logins == 0


async def test_host_with_a_key_but_no_certificate(
    server: SshServer, repository: BareRepository, engine: GitEngine
) -> None:
    authority = f"@cert-authority * {ssh_identity().public}\n"
    with pytest.raises(AuthenticationFailed, match="knownhosts: key is unknown"):
        await engine.list_refs(server.remote(repository.path, known_hosts=authority))
    await engine.list_refs(server.remote(repository.path, known_hosts=authority + server.known_hosts))


async def test_known_key_of_a_host_that_has_a_certificate_too(
    server: SshServer, repository: BareRepository, engine: GitEngine
) -> None:
    server.certify("-V", "-2h:-1h")
    await engine.list_refs(server.remote(repository.path))


def test_automation(fleet: Fleet, server: SshServer) -> None:
    """The controller writes to a repository behind OpenSSH, and again after the server was restarted."""
    repository = BareRepository(server.folder / "served.git")
    start(repository, fleet)
    move_to(fleet, server.url(repository.path), secret=server.secret())
    automation(fleet.space, "fleet", source="fleet")
    wait_image(repository, fleet, "1.0.1")
    server.stop()
    server.start()
    fleet.push_tag("1.0.2")
    wait_image(repository, fleet, "1.0.2")
    repository.git("fsck", "--strict")
    assert server.logins == 2


@pytest.mark.usefixtures("local_git_proxies")
@pytest.mark.parametrize("kind", ["http", "socks5"])
def test_automation_by_way_of_a_proxy(fleet: Fleet, server: SshServer, kind: Literal["http", "socks5"]) -> None:
    """The host of the URL exists for the proxy alone; an authority vouches for it by that name."""
    repository = BareRepository(server.folder / "served.git")
    start(repository, fleet)
    authority = server.certify(name="git.invalid")
    routes = {f"git.invalid:{server.port}": f"{HOST}:{server.port}"}
    with ProxyServer(kind, login="robot:pr0xy-hush", routes=routes) as proxy:
        login = {"address": proxy.url, "username": "robot", "password": "wrong-hush"}
        fleet.space.apply("Secret", "proxy", stringData=login)
        secret = {"identity": server.identity.private, "known_hosts": authority}
        url = server.url(repository.path, "git.invalid")
        move_to(fleet, url, secret=secret, proxySecretRef={"name": "proxy"})
        automation(fleet.space, "fleet", source="fleet")
        refused = fleet.space.wait_not_ready(
            "ImageUpdateAutomation", "fleet", reason="GitOperationFailed",
            message=f"proxy {proxy.url} does not connect to git.invalid:{server.port}",
        )  # fmt: skip
        assert "hush" not in str(refused)
        fleet.space.apply("Secret", "proxy", stringData=login | {"password": "pr0xy-hush"})
        fleet.space.request("ImageUpdateAutomation", "fleet")
        wait_image(repository, fleet, "1.0.1")
    assert server.logins == 1
