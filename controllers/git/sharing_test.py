"""`controllers.git`: what tenants share is keyed by who pays for it, so that nobody uses up another's."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from controllers.git.conftest import GitRun, random_bytes
from controllers.git.engine import GitEngine
from controllers.git.remote import Basic, Remote, SshKey
from controllers.git.transport.connections import MAX_SSH_SESSIONS
from testing.gitserver import GitServer


@pytest.fixture
def object_format() -> str:
    return "sha1"


async def test_a_branch_is_locked_for_its_namespace_alone(run: GitRun) -> None:
    """The victim's URL and branch under other credentials."""
    victim = replace(run.remote, tenant="victim")
    attacker = replace(run.remote, tenant="attacker", credentials=Basic("x", "y"))
    lock = run.engine.lock_branch
    async with asyncio.timeout(1), lock(attacker, "main"), lock(victim, "main") as is_uncontended:
        assert is_uncontended


async def test_stores_of_another_namespace_are_not_waited_for(run: GitRun) -> None:
    victim, attacker = (GitRun(run.engine, replace(run.remote, tenant=name)) for name in ("victim", "attacker"))
    held = run.engine._stores.of(attacker.remote)
    async with held.lock, asyncio.timeout(5):
        assert await victim.files((await victim.tip()).commit)


async def test_large_repositories_of_a_namespace_evict_its_own(server: GitServer, tmp_path: Path) -> None:
    engine = GitEngine(tmp_path / "small", max_bytes=100_000)
    server.repository("victim").commit({"noise": random_bytes("victim", 10_000)})
    victim = Remote(f"{server.url}/victim.git", tenant="victim")
    await GitRun(engine, victim).tip()
    for number in range(6):
        server.repository(f"large{number}").commit({"noise": random_bytes(f"{number}", 40_000)})
        await GitRun(engine, Remote(f"{server.url}/large{number}.git", tenant="attacker")).tip()
    requests = len(server.requests)
    tip = await GitRun(engine, victim).tip()
    assert tip.commit
    assert len(server.requests) == requests + 1  # its references alone
    await engine.aclose()


async def test_ssh_connections_of_a_namespace_push_out_its_own(engine: GitEngine) -> None:
    def remote(tenant: str, number: int) -> Remote:
        return Remote(f"ssh://git@h{number}/x", credentials=SshKey("key", ""), tenant=tenant)

    victim = engine._connections.session(remote("victim", 0))
    for number in range(2 * MAX_SSH_SESSIONS):
        engine._connections.session(remote("attacker", number))
    assert engine._connections.session(remote("victim", 0)) is victim
