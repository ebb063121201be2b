"""`controllers.git`: servers that never end their answers get their connections cut, and nobody else waits for them."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from contextlib import ExitStack, asynccontextmanager
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa

from controllers.git.conftest import GitRun
from controllers.git.engine import GitEngine
from controllers.git.errors import DeadlineExceeded, GitError
from controllers.git.login.githubapp import GithubApp
from controllers.git.remote import Remote, SshKey
from hack.attacks.gitdrip import MODES, DrippingServer

TIMEOUT = timedelta(seconds=1)
KNOWN = "* ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGJVtTPDfbtjbfEQIO7m6VZLZO8HZNxRjo+wTD1zTVkz\n"
RSA = (
    rsa.generate_private_key(65537, 2048)
    .private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    .decode()
)
IDENTITY = (
    ed25519.Ed25519PrivateKey.generate()
    .private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption())
    .decode()
)
PATIENCE = timedelta(minutes=10)
SOON_SECONDS = 20.0
"""A small part of that: nothing that drips, and no victim, is waited for longer, on a loaded machine either."""
ENDS_BY_ITSELF = {"redirect-body", "chunks", "compressed", "after-the-end"}
SAYS_WHY = {"body", "error-body", "denial-body", *ENDS_BY_ITSELF}
"""What arrived of the answer may be reason enough; the others run out of time."""


def remote(server: DrippingServer, mode: str, *, timeout: timedelta = TIMEOUT, tenant: str = "") -> Remote:
    if mode.startswith("ssh"):
        url = f"ssh://git@{server.host}/x.git"
        return Remote(url, credentials=SshKey(IDENTITY, KNOWN), timeout=timeout, tenant=tenant)
    return Remote(f"{'https' if mode == 'tls' else 'http'}://{server.host}/x.git", timeout=timeout, tenant=tenant)


async def until(condition: Callable[[], bool]) -> None:
    """Wait until a condition holds, for a small part of an attacker's patience."""
    end = time.monotonic() + SOON_SECONDS
    while not condition():
        assert time.monotonic() < end
        await asyncio.sleep(0.02)


@asynccontextmanager
async def attacked(attacks: Iterable[Coroutine[object, object, object]]) -> AsyncIterator[None]:
    """Let attacks go on during the block."""
    tasks = [asyncio.create_task(attack) for attack in attacks]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@pytest.mark.parametrize("mode", MODES)
async def test_the_time_of_an_operation_ends_it(engine: GitEngine, mode: str) -> None:
    with DrippingServer(mode, every=0.05) as server:
        began = time.monotonic()
        with pytest.raises(GitError) as caught:
            await engine.list_refs(remote(server, mode))
        assert time.monotonic() - began < SOON_SECONDS
        assert isinstance(caught.value, DeadlineExceeded) or mode in SAYS_WHY, caught.value
        await until(lambda: server.open == 0)


@pytest.mark.parametrize("mode", sorted(MODES.keys() - ENDS_BY_ITSELF))
async def test_an_abandoned_operation_ends_at_once(engine: GitEngine, mode: str) -> None:
    with DrippingServer(mode, every=0.05) as server:
        async with attacked([engine.list_refs(remote(server, mode, timeout=PATIENCE))]):
            await until(lambda: server.accepted > 0)
            await asyncio.sleep(0.3)
        await until(lambda: server.open == 0)


async def test_forty_dripping_repositories_of_a_namespace_take_its_share_only(run: GitRun) -> None:
    with DrippingServer("headers") as server:
        patient = remote(server, "headers", timeout=PATIENCE, tenant="attacker")
        async with attacked(run.engine.list_refs(patient) for _ in range(40)):
            await until(lambda: server.accepted >= 4)
            began = time.monotonic()
            assert (await run.engine.list_refs(run.remote)).branch("main")
            assert time.monotonic() - began < SOON_SECONDS
            assert server.accepted == 4
        await until(lambda: server.open == 0)


async def test_many_dripping_hosts_of_a_namespace_take_its_share_only(run: GitRun) -> None:
    """Nor do those that a GitHub App's API is at."""
    with ExitStack() as stack:
        servers = [stack.enter_context(DrippingServer("headers")) for _ in range(14)]
        lists = [remote(server, "http", timeout=PATIENCE, tenant="attacker") for server in servers[:7]]
        apps = [GithubApp("7", RSA, "42", url=f"http://{server.host}") for server in servers[7:]]
        via = Remote("https://github.example/x", timeout=PATIENCE, tenant="attacker")
        logins = [run.engine.github_login(app, via) for app in apps]
        async with attacked([*logins, *(run.engine.list_refs(at) for at in lists for _ in range(4))]):
            await until(lambda: sum(server.accepted for server in servers) >= 8)
            assert (await run.engine.list_refs(run.remote)).branch("main")
            assert sum(server.open for server in servers) == 8
        await until(lambda: all(server.open == 0 for server in servers))


async def test_a_dripping_host_of_a_namespace_leaves_it_its_other_hosts(run: GitRun) -> None:
    with DrippingServer("headers") as slow:
        patient = remote(slow, "headers", timeout=PATIENCE)
        async with attacked(run.engine.list_refs(patient) for _ in range(40)):
            await until(lambda: slow.accepted > 0)
            assert (await run.engine.list_refs(run.remote)).branch("main")


async def test_the_caller_is_answered_at_the_deadline_whatever_the_thread_does(engine: GitEngine) -> None:
    """A thread that nothing can interrupt, as one that asks a slow name server, keeps its place but nobody waiting."""
    held = engine._deadline(Remote("http://h/x", timeout=timedelta(seconds=0.2)))

    def work() -> None:
        held.remaining()
        time.sleep(1.2)

    began = time.monotonic()
    with pytest.raises(DeadlineExceeded, match=r"timed out after 0\.2s"):
        await engine._workers.run(Remote("http://h/x"), held, work)
    assert time.monotonic() - began < 1
