"""SSH against an in-process server that runs Git's own upload-pack and receive-pack."""

import socket
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Literal

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from controllers.git.conftest import GitRun, marked
from controllers.git.engine import GitEngine
from controllers.git.errors import (
    AuthenticationFailed,
    BadCredentials,
    DeadlineExceeded,
    PushRejected,
    RefMoved,
    RepositoryNotFound,
    Unreachable,
)
from controllers.git.protocol.refspec import RefUpdate
from controllers.git.remote import Remote, SshAlgorithms, SshKey
from controllers.git.transport.ssh import SshTransport, quote_path
from controllers.net.proxy.address import Proxy
from testing.destinations import LOCAL_PROXIES
from testing.gitserver import BareRepository
from testing.proxy import ProxyServer
from testing.sshserver import CLIENT, HOST, Private, SshServer, key, openssh, public


@pytest.fixture
def server(tmp_path: Path) -> Iterator[SshServer]:
    root = tmp_path / "ssh"
    root.mkdir()
    serving = SshServer(root, HOST, [public(CLIENT)])
    yield serving
    serving.close()


@pytest.fixture
def fleet(server: SshServer) -> BareRepository:
    repository = BareRepository(server.root / "fleet.git")
    repository.commit({"app.yaml": marked("1.0.0")})
    return repository


@pytest.fixture
async def engine(server: SshServer, tmp_path: Path) -> AsyncIterator[GitEngine]:
    git = GitEngine(tmp_path / "cache", destinations=LOCAL_PROXIES)
    yield git
    await git.aclose()


@pytest.fixture
def run(server: SshServer, fleet: BareRepository, engine: GitEngine) -> GitRun:
    return GitRun(engine, Remote(f"ssh://git@127.0.0.1:{server.port}/fleet.git", credentials=key(server)))


@pytest.mark.parametrize("takes_environment", [True, False], ids=["protocol-2", "protocol-0"])
async def test_runs_from_refs_to_push(
    run: GitRun, server: SshServer, fleet: BareRepository, takes_environment: bool
) -> None:
    server.takes_environment = takes_environment
    for old, new in ((b"1.0.0", b"1.0.1"), (b"1.0.1", b"1.0.2")):
        made = await run.change(old, new)
        await run.push(made)
        assert fleet.head() == made.id
        fleet.commit({"other.txt": new})
    assert fleet.read("app.yaml") == marked("1.0.2").encode()
    assert server.connections == 1


@pytest.mark.parametrize("takes_environment", [True, False], ids=["protocol-2", "protocol-0"])
async def test_a_repository_in_sha256_takes_the_place_of_one_in_sha1(
    run: GitRun, server: SshServer, fleet: BareRepository, takes_environment: bool
) -> None:
    server.takes_environment = takes_environment
    await run.tip()
    fleet.path.rename(fleet.path.with_name("former"))
    other = BareRepository(fleet.path, object_format="sha256")
    other.commit({"app.yaml": marked("2.0.0")})
    for old, new in ((b"2.0.0", b"2.0.1"), (b"2.0.1", b"2.0.2")):
        made = await run.change(old, new)
        await run.push(made)
        assert other.head() == made.id
    other.git("fsck", "--strict")


async def test_the_server_is_asked_as_git_asks_it(run: GitRun, server: SshServer) -> None:
    await run.push(await run.change(b"1.0.0", b"1.0.1"))
    assert set(server.commands) == {"git-upload-pack '/fleet.git'", "git-receive-pack '/fleet.git'"}


async def test_a_push_after_another_one_starts_one_program(
    run: GitRun, server: SshServer, fleet: BareRepository
) -> None:
    await run.push(await run.change(b"1.0.0", b"1.0.1"))
    new = await run.change(b"1.0.1", b"1.0.2")
    server.commands.clear()
    await run.push(new)
    assert list(server.commands) == ["git-receive-pack '/fleet.git'"]
    assert fleet.head() == new.id


class Late(Exception):
    """Raised by a check."""


async def test_whoever_may_not_write_any_more_is_stopped_behind_what_the_server_says_first(
    run: GitRun, server: SshServer, fleet: BareRepository
) -> None:
    begun: list[int] = []

    def check() -> None:
        begun.append(len(server.commands))
        raise Late

    for old, now in ((b"1.0.0", b"1.0.1"), (b"1.0.1", b"1.0.2")):  # the first push asks, and the next one does not
        new = await run.change(old, now)
        server.commands.clear()
        with pytest.raises(Late):
            await run.engine.push(run.remote, new, [RefUpdate("refs/heads/main", new.id, new.parent)], check=check)
        assert fleet.head() == new.parent
        await run.push(new)
    assert begun == [2, 1], "the program that takes the push has been started, and has said what there is"


@pytest.mark.parametrize(
    ("path", "quoted"),
    [
        pytest.param("/fleet.git", "'/fleet.git'", id="plain"),
        pytest.param("~bot/a b", "'~bot/a b'", id="blank-and-home"),
        pytest.param("/it's!", "'/it'\\''s'\\!''", id="quote-and-exclamation-mark"),
        pytest.param("/$(id);`id`", "'/$(id);`id`'", id="what-a-shell-would-run"),
    ],
)
def test_paths_are_quoted_as_git_quotes_them(path: str, quoted: str) -> None:
    assert quote_path(path) == quoted


async def test_algorithms_can_be_set(run: GitRun, tmp_path: Path) -> None:
    curve = "curve25519-sha256@libssh.org"
    engine = GitEngine(tmp_path / "ssh-cache", ssh=SshAlgorithms(("unheard-of", "ecdsa-sha2-nistp256"), (curve,)))
    await engine.list_refs(run.remote)
    transport = engine._connections.session(run.remote)._transport
    assert isinstance(transport, SshTransport)
    assert transport._connection is not None
    used, offered = transport._connection.get_security_options(), transport._connection.preferred_keys
    await engine.aclose()
    assert (used.key_types, used.kex) == (("ecdsa-sha2-nistp256",), (curve,))
    assert offered == ("ecdsa-sha2-nistp256",)


@pytest.mark.parametrize(
    ("algorithms", "text"),
    [
        pytest.param(SshAlgorithms(host_keys=("ssh-dss",)), r"ssh-dss \(--ssh-hostkey-algos\)", id="host-keys"),
        pytest.param(SshAlgorithms(key_exchanges=("sntrup",)), r"sntrup \(--ssh-kex-algos\)", id="key-exchanges"),
    ],
)
async def test_algorithms_of_which_none_is_supported(
    run: GitRun, tmp_path: Path, algorithms: SshAlgorithms, text: str
) -> None:
    engine = GitEngine(tmp_path / "ssh-cache", ssh=algorithms)
    with pytest.raises(BadCredentials, match=text):
        await engine.list_refs(run.remote)
    await engine.aclose()


async def test_a_lost_connection_is_made_again(run: GitRun, server: SshServer) -> None:
    await run.tip()
    server.drop_connections()
    await run.engine.list_refs(run.remote)
    assert server.connections == 2


async def test_lost_races_and_refusals_are_distinguished(run: GitRun, fleet: BareRepository) -> None:
    made = await run.change(b"1.0.0", b"1.0.1")
    fleet.commit({"other.txt": "x"})
    with pytest.raises(RefMoved):
        await run.push(made)
    fleet.hook("pre-receive", "#!/bin/sh\necho frozen >&2\nexit 1\n")
    with pytest.raises(PushRejected, match="pre-receive hook declined: frozen"):
        await run.push(await run.change(b"1.0.0", b"1.0.1"))


@pytest.mark.parametrize(
    "private", [rsa.generate_private_key(65537, 2048), ec.generate_private_key(ec.SECP384R1())], ids=["rsa", "ecdsa"]
)
async def test_other_kinds_of_keys(run: GitRun, server: SshServer, private: Private) -> None:
    server.allowed.append(public(private))
    await run.engine.list_refs(Remote(run.remote.url, credentials=key(server, private=private)))


async def test_a_key_with_a_passphrase(run: GitRun, server: SshServer) -> None:
    locked = openssh(CLIENT, b"hunter2")
    hosts = key(server).known_hosts
    await run.engine.list_refs(Remote(run.remote.url, credentials=SshKey(locked, hosts, "hunter2")))
    with pytest.raises(BadCredentials, match="cannot use the SSH identity: wrong passphrase"):
        await run.engine.list_refs(Remote(run.remote.url, credentials=SshKey(locked, hosts, "wrong")))


async def test_a_key_that_the_server_does_not_know(run: GitRun, server: SshServer) -> None:
    stranger = ed25519.Ed25519PrivateKey.generate()
    with pytest.raises(AuthenticationFailed, match=r"unable to clone 'ssh://127.0.0.1:.*': ssh: handshake failed"):
        await run.engine.list_refs(Remote(run.remote.url, credentials=key(server, private=stranger)))


async def test_another_host_key_is_a_mismatch(run: GitRun, server: SshServer) -> None:
    other = key(server, host=ec.generate_private_key(ec.SECP256R1()))
    with pytest.raises(AuthenticationFailed, match="knownhosts: key mismatch"):
        await run.engine.list_refs(Remote(run.remote.url, credentials=other))


async def test_a_host_that_is_not_listed_is_unknown(run: GitRun) -> None:
    elsewhere = SshKey(openssh(CLIENT), f"example.com {public(HOST)}\n")
    with pytest.raises(AuthenticationFailed, match="knownhosts: key is unknown"):
        await run.engine.list_refs(Remote(run.remote.url, credentials=elsewhere))


async def test_a_missing_repository(run: GitRun) -> None:
    url = run.remote.url.replace("fleet", "elsewhere")
    with pytest.raises(RepositoryNotFound, match=r"repository not found: .*does not appear to be a git repository"):
        await run.engine.list_refs(Remote(url, credentials=run.remote.credentials))


async def test_what_the_server_says_before_it_hangs_up(run: GitRun, server: SshServer) -> None:
    server.says_before_hanging_up = b"ERROR: You are not allowed to push to this project.\n"
    with pytest.raises(AuthenticationFailed, match="authorization failed: ERROR: You are not allowed"):
        await run.engine.list_refs(run.remote)


async def test_nobody_there(run: GitRun, server: SshServer) -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    with pytest.raises(Unreachable, match="ssh: connection refused"):
        await run.engine.list_refs(Remote(f"ssh://127.0.0.1:{port}/x", credentials=key(server)))


async def test_somebody_who_does_not_speak_ssh(run: GitRun, server: SshServer) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        remote = Remote(
            f"ssh://127.0.0.1:{silent.getsockname()[1]}/x", credentials=key(server), timeout=timedelta(milliseconds=200)
        )
        with pytest.raises(DeadlineExceeded, match="timed out after 0"):
            await run.engine.list_refs(remote)


@pytest.mark.parametrize("kind", ["http", "socks5"])
async def test_a_proxy_leads_to_the_server(
    run: GitRun, server: SshServer, fleet: BareRepository, kind: Literal["http", "socks5"]
) -> None:
    """Only the proxy can resolve the host of the URL, and known_hosts names that host."""
    with ProxyServer(kind, login="robot:hush", routes={"git.invalid:22": f"127.0.0.1:{server.port}"}) as serving:
        serving.ahead = True
        credentials = SshKey(openssh(CLIENT), f"git.invalid {public(HOST)}\n")
        proxy = Proxy(serving.url, "robot", "hush")
        through = GitRun(run.engine, Remote("ssh://git@git.invalid/fleet.git", credentials=credentials, proxy=proxy))
        made = await through.change(b"1.0.0", b"1.0.1")
        await through.push(made)
        assert fleet.head() == made.id
        assert len(serving.asked) == server.connections == 1
        await run.engine.aclose()


async def test_a_proxy_that_refuses_is_named(run: GitRun) -> None:
    with ProxyServer("http", login="robot:hush") as serving:
        remote = Remote(run.remote.url, credentials=run.remote.credentials, proxy=Proxy(serving.url, "robot", "wr0ng"))
        with pytest.raises(Unreachable) as caught:
            await run.engine.list_refs(remote)
    assert f"proxy {serving.url} does not connect to 127.0.0.1:" in str(caught.value)
    assert str(caught.value).endswith(": 407 Proxy Authentication Required")
    assert "wr0ng" not in str(caught.value)


async def test_proxies_of_the_environment_are_not_for_ssh(run: GitRun, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "ssh_proxy"):
        monkeypatch.setenv(name, "socks5://127.0.0.1:1")
    await run.engine.list_refs(run.remote)
