"""Logins of one session: those at other registries that a redirect leads to."""

import threading

import pytest
from cachetools import TLRUCache

from controllers.registry import dockerconfig
from controllers.registry.access import Access
from controllers.registry.auth import NO_CHALLENGE, TokenKey
from controllers.registry.dockerconfig import Credentials, Keyring, KeyringEntry
from controllers.registry.login import CachedToken, TokenLogin
from controllers.registry.realms import Relations
from controllers.registry.session import SessionCache
from testing.clock import VirtualClock
from testing.loop_holds import record_threads


async def test_many_globs_for_another_registry_do_not_hold_the_event_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    entries = [KeyringEntry(f"*{number:04}{'[a-z]' * 20}.i*", Credentials("u", "p")) for number in range(999)]
    clock = VirtualClock()
    login = TokenLogin(
        Access(keyring=Keyring((*entries, KeyringEntry("gh*.io", Credentials("me", "hunter2"))))),
        relations=Relations(),
        tokens=TLRUCache(1, ttu=lambda *_: 0.0, timer=clock.monotonic),
        clock=clock,
        client_id="test",
        request=lambda _: None,  # type: ignore[arg-type, return-value]  # no token is asked for
    )
    threads = record_threads(monkeypatch, dockerconfig, "glob_matches")
    challenges = ['Basic realm="x"']
    found = await login.log_in_elsewhere("https://ghcr.io/v2/a/tags/list", challenges, refused=False)
    assert found == {"Authorization": "Basic bWU6aHVudGVyMg=="}
    assert threads
    assert threading.main_thread() not in threads


def test_tokens_of_thousands_of_images_are_kept_until_they_run_out() -> None:
    tokens = SessionCache(VirtualClock()).tokens
    keys = [
        TokenKey("ghcr.io", NO_CHALLENGE, f"repository:org/app-{number}:pull", Access()) for number in range(10_000)
    ]
    for key in keys:
        tokens[key] = CachedToken("t", renew_at=300.0)
    assert all(key in tokens for key in keys)
