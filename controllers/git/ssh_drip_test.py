"""`controllers.git.transport.ssh`: servers that let one in and then never come to an end."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import paramiko  # type: ignore[import-untyped]  # comes without type hints
import pytest

from controllers.git.conftest import GitRun, marked
from controllers.git.engine import GitEngine
from controllers.git.errors import DeadlineExceeded, GitError
from controllers.git.remote import Remote, SshAlgorithms
from controllers.git.transport import sshlogin
from controllers.git.transport.sshlogin import MAX_UNASKED_MESSAGES
from testing.gitserver import BareRepository
from testing.sshserver import CLIENT, HOST, HUNG_UP, SshServer, key, public


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


SOON_SECONDS = 20.0
"""Beyond any deadline here, on a loaded machine either; without one each of these waits would have no end."""


@pytest.fixture
async def engine(server: SshServer, tmp_path: Path) -> AsyncIterator[GitEngine]:
    git = GitEngine(tmp_path / "cache")
    yield git
    await git.aclose()


@pytest.fixture
def run(server: SshServer, fleet: BareRepository, engine: GitEngine) -> GitRun:
    return GitRun(engine, Remote(f"ssh://git@127.0.0.1:{server.port}/fleet.git", credentials=key(server)))


async def test_a_server_that_does_not_answer_a_command(run: GitRun, server: SshServer) -> None:
    """Paramiko itself waits for ever then."""
    server.answers_requests = False
    began = time.monotonic()
    with pytest.raises(DeadlineExceeded, match=r"timed out after 0\.5s"):
        await run.engine.list_refs(replace(run.remote, timeout=timedelta(seconds=0.5)))
    assert time.monotonic() - began < SOON_SECONDS
    await threads_are_free(run.engine)


@pytest.mark.parametrize(
    "drip",
    [
        pytest.param(lambda channel: channel.sendall(b"2"), id="answer"),
        pytest.param(lambda channel: channel.sendall_stderr(b"x"), id="stderr"),
        pytest.param(lambda channel: channel.transport.send_ignore(1), id="ignore"),
    ],
)
async def test_a_server_that_drips_after_the_login(run: GitRun, server: SshServer, drip: Callable[[Any], None]) -> None:
    server.drips = drip
    began = time.monotonic()
    with pytest.raises(GitError):
        await run.engine.list_refs(replace(run.remote, timeout=timedelta(seconds=0.5)))
    assert time.monotonic() - began < SOON_SECONDS
    await threads_are_free(run.engine)


async def test_messages_that_nobody_asked_for_end_an_idle_connection(run: GitRun, server: SshServer) -> None:
    await run.engine.list_refs(run.remote)
    (transport,) = server._transports
    with suppress(*HUNG_UP):
        for _ in range(MAX_UNASKED_MESSAGES + 50):
            transport.send_ignore(1)
    transport.join(5)
    assert not transport.is_alive()
    assert (await run.engine.list_refs(run.remote)).branch("main")
    assert server.connections == 2


@pytest.mark.parametrize("exchange", ["diffie-hellman-group16-sha512", "diffie-hellman-group14-sha256"])
async def test_key_exchanges_compute_with_short_exponents(
    run: GitRun, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, exchange: str
) -> None:
    taken: list[int] = []

    def randbits(bits: int) -> int:
        taken.append(bits)
        return 1 << bits - 1

    monkeypatch.setattr("secrets.randbits", randbits)
    engine = GitEngine(tmp_path / "exchange", ssh=SshAlgorithms((), (exchange,)))
    assert (await engine.list_refs(run.remote)).branch("main")
    assert taken == [511]
    await engine.aclose()


def test_a_group_that_is_too_large_is_refused() -> None:
    exchange = sshlogin._Client._kex_info["diffie-hellman-group-exchange-sha256"](None)
    exchange.p = (1 << 8193) + 1
    with pytest.raises(paramiko.SSHException, match="a group of 8194 bits; at most 8192 are allowed"):
        exchange._generate_x()


async def threads_are_free(engine: GitEngine) -> None:
    """Wait until all threads of the engine have ended what they were at."""
    end = time.monotonic() + SOON_SECONDS
    while any(slots._value < share.threads for share, slots in engine._workers._threads._slots.items()):
        assert time.monotonic() < end
        await asyncio.sleep(0.02)
