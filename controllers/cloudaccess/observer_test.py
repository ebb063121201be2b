"""What the metrics of the token cache say about logins."""

from datetime import timedelta

import pytest
from prometheus_client import CollectorRegistry

from controllers.cloud.errors import LoginFailed
from controllers.cloud.identity import Identity, Login, SubjectToken
from controllers.cloud.logins import CloudLogins
from controllers.cloudaccess.observer import TokenCacheMetrics
from testing.clock import START, VirtualClock

HOUR = timedelta(hours=1)


class Cloud:
    def credential_scope(self, address: str) -> str:
        return address

    def audience(self, identity: Identity) -> str:
        return "cloud"

    def login(self, credential_scope: str, subject: SubjectToken | None, *, proxy: str) -> Login[str]:
        if credential_scope == "closed":
            raise LoginFailed("no")
        return Login("password", START + HOUR)


async def token(audience: str) -> str:
    return "token"


async def test_requests_items_and_evictions_are_exported() -> None:
    registry = CollectorRegistry()
    logins = CloudLogins(VirtualClock(), {"cloud": Cloud()}, pin_proxy=str, max_size=2, max_age=HOUR)
    registry.register(TokenCacheMetrics(logins))

    def sample() -> list[float | None]:
        value = registry.get_sample_value
        return [
            value("gotk_token_cache_requests_total", {"status": "success"}),
            value("gotk_token_cache_requests_total", {"status": "failure"}),
            value("gotk_token_cached_items"),
            value("gotk_token_cache_evictions_total"),
        ]

    assert sample() == [0, 0, 0, 0]
    for credential_scope in ("a", "a", "b"):
        await logins.credentials("cloud", credential_scope, None, proxy="", kubernetes_token=token)
    assert sample() == [3, 0, 2, 0]
    with pytest.raises(LoginFailed):
        await logins.credentials("cloud", "closed", None, proxy="", kubernetes_token=token)
    await logins.credentials("cloud", "c", None, proxy="", kubernetes_token=token)
    assert sample() == [4, 1, 2, 1]
    await logins.aclose()


async def test_logins_of_several_kinds_add_up() -> None:
    registry = CollectorRegistry()
    one, other = (
        CloudLogins(VirtualClock(), {"cloud": Cloud()}, pin_proxy=str, max_size=2, max_age=HOUR) for _ in range(2)
    )
    metrics = TokenCacheMetrics(one)
    registry.register(metrics)
    metrics.watch(other)
    for logins in (one, other):
        await logins.credentials("cloud", "a", None, proxy="", kubernetes_token=token)
    assert registry.get_sample_value("gotk_token_cache_requests_total", {"status": "success"}) == 2
    assert registry.get_sample_value("gotk_token_cached_items") == 2
    await one.aclose()
    await other.aclose()
