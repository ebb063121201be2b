"""Which sessions are kept, and what dropping one costs the others."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from controllers.git.protocol.session import RemoteSession
from controllers.git.remote import Remote, SshAlgorithms, SshKey
from controllers.git.transport import connections
from controllers.git.transport.connections import Connections
from controllers.net.destinations import Destinations
from testing.clock import TEST_TIMEOUT_SECONDS, VirtualClock


def remote(name: str) -> Remote:
    return Remote(f"ssh://git@host/{name}.git", SshKey("any", known_hosts=""))


@pytest.fixture
def pool(monkeypatch: pytest.MonkeyPatch) -> Connections:
    """One that keeps a single SSH session."""
    monkeypatch.setattr(connections, "MAX_SSH_SESSIONS", 1)
    return Connections(SshAlgorithms(), destinations=Destinations(), now=VirtualClock().now)


def test_session_is_kept_until_another_needs_its_place(pool: Connections) -> None:
    first = pool.session(remote("one"))
    assert pool.session(remote("one")) is first
    pool.session(remote("two"))
    assert pool.session(remote("one")) is not first


def test_dropped_session_that_is_slow_to_close_holds_up_nobody_else(
    pool: Connections, monkeypatch: pytest.MonkeyPatch
) -> None:
    closing, go_on = threading.Event(), threading.Event()

    def close(_: RemoteSession) -> None:
        closing.set()
        assert go_on.wait(TEST_TIMEOUT_SECONDS)

    monkeypatch.setattr(RemoteSession, "close", close)
    pool.session(remote("one"))
    with ThreadPoolExecutor(2) as threads:
        held_up = threads.submit(pool.session, remote("two"))
        assert closing.wait(TEST_TIMEOUT_SECONDS)
        try:
            session = threads.submit(pool.session, remote("two")).result(TEST_TIMEOUT_SECONDS)
        finally:
            go_on.set()
        assert held_up.result(TEST_TIMEOUT_SECONDS) is session
