"""`controllers.registry.client`: proxies of the environment, hosts without them, IPv6, and silent HTTPS."""

import asyncio
import socket
from contextlib import suppress

import pytest

from controllers.image.reference import Image, parse_image
from controllers.net.proxy.address import Proxy
from controllers.registry.access import Access
from controllers.registry.client import RegistryClient
from controllers.registry.session import HTTP_FALLBACK_DELAY
from testing.clock import VirtualClock
from testing.registry_harness import LOCAL_PROXIES, MINUTE, RegistryClock, run_harness
from testing.registry_server import ReceivedRequest, RegistryHandler, Reply, run_server

IMAGE = Image("registry.example", "team/app")
INSECURE = Access(insecure=True)


class ForwardProxy:
    """A proxy that plays the registry behind it for plain HTTP, and opens no tunnel."""

    def __init__(self, tunnel: Reply = Reply(502)) -> None:  # noqa: B008 - frozen
        self.registry = RegistryHandler({"team/app": ["1.0"]})
        self.tunnel = tunnel

    def __call__(self, asked: ReceivedRequest) -> Reply:
        if asked.method == "CONNECT":
            return self.tunnel
        scheme, _, rest = asked.target.partition("://")
        host, slash, path = rest.partition("/")
        assert (scheme, host) == ("http", "registry.example")
        return self.registry(ReceivedRequest(asked.method, slash + path, asked.headers, asked.body))


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Remove proxies from the environment."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    return monkeypatch


def _has_loopback6() -> bool:
    with suppress(OSError), socket.create_server(("::1", 0), family=socket.AF_INET6):
        return True
    return False


async def tags(image: Image, access: Access) -> list[str]:
    client = RegistryClient(clock=RegistryClock(), user_agent="test", jitter=lambda: 0.0, settings=LOCAL_PROXIES)
    try:
        return list((await client.list_tags(image, access, timeout=MINUTE)).tags)
    finally:
        await client.aclose()


async def test_the_proxy_of_the_environment_is_used(environment: pytest.MonkeyPatch) -> None:
    async with run_server(ForwardProxy()) as proxy:
        environment.setenv("HTTP_PROXY", f"http://{proxy.address}")
        environment.setenv("HTTPS_PROXY", f"http://{proxy.address}")
        assert await tags(IMAGE, INSECURE) == ["1.0"]
        assert "CONNECT registry.example:443" in proxy.targets()


async def test_the_proxy_of_the_object_goes_before_that_of_the_environment(environment: pytest.MonkeyPatch) -> None:
    async with run_server(ForwardProxy()) as proxy, run_server(lambda asked: Reply(500)) as other:
        environment.setenv("HTTP_PROXY", f"http://{other.address}")
        environment.setenv("HTTPS_PROXY", f"http://{other.address}")
        assert await tags(IMAGE, Access(insecure=True, proxy=Proxy(f"http://{proxy.address}"))) == ["1.0"]
        assert other.asked == []


async def test_plain_http_is_tried_beside_https_that_is_silent_for_a_moment() -> None:
    clock = VirtualClock()
    async with run_server(ForwardProxy(tunnel=Reply(delay=MINUTE.total_seconds()))) as proxy:
        client = RegistryClient(clock=clock, user_agent="test", settings=LOCAL_PROXIES)
        access = Access(insecure=True, proxy=Proxy(f"http://{proxy.address}"))
        scan = asyncio.ensure_future(client.list_tags(IMAGE, access, timeout=MINUTE))
        await clock.wait_for_sleepers()
        assert clock.next_wake == HTTP_FALLBACK_DELAY
        await clock.advance(HTTP_FALLBACK_DELAY)
        assert (await scan).tags == ["1.0"]
        assert clock.sleeper_count == 0
        await client.aclose()


async def test_local_registries_and_those_of_no_proxy_are_reached_directly(environment: pytest.MonkeyPatch) -> None:
    async with run_server(lambda asked: Reply(500)) as proxy, run_harness(RegistryHandler({"app": ["1.0"]})) as b:
        environment.setenv("HTTP_PROXY", f"http://{proxy.address}")
        environment.setenv("HTTPS_PROXY", f"http://{proxy.address}")
        assert await b.tags() == ["1.0"]
        assert proxy.asked == []


@pytest.mark.skipif(not socket.has_ipv6 or not _has_loopback6(), reason="there is no IPv6 here")
async def test_a_registry_at_an_ipv6_address(environment: pytest.MonkeyPatch) -> None:
    async with run_server(RegistryHandler({"team/app": ["1.0"]}), host="::1") as server:
        assert await tags(parse_image(f"{server.address}/team/app"), Access()) == ["1.0"]
    assert server.asked[-1].headers["host"] == server.address
    assert server.address.startswith("[::1]:")
