"""`controllers.registry.client`: redirects, deadlines, certificates, proxies."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Literal

import pytest

from controllers.image.reference import Image
from controllers.net.proxy.address import Proxy
from controllers.net.tls import TlsMaterial
from controllers.registry.access import Access
from controllers.registry.client import RegistryClient
from controllers.registry.dockerconfig import Credentials
from controllers.registry.errors import (
    BadResponse,
    RegistryError,
    Unavailable,
)
from testing.certificates import issue_server_key_pair
from testing.proxy import ProxyServer
from testing.registry_harness import (
    ALICE,
    ANONYMOUS,
    CA,
    IDENTITY,
    LIST,
    LIST_URL,
    LOCAL_PROXIES,
    MINUTE,
    TRUSTING,
    RegistryClock,
    run_harness,
)
from testing.registry_server import HttpServer, RegistryHandler, Reply, run_listener, run_server


async def test_a_redirect_to_another_origin_loses_the_credentials() -> None:
    async with run_server(lambda asked: Reply(body=b'{"tags": ["1.0"]}')) as other:
        registry = RegistryHandler({"app": []}, auth="basic", users={"alice": "wonder"})
        registry.faults = [Reply(307, {"Location": f"http://{other.address}/elsewhere"})]
        async with run_harness(registry) as b:
            assert await b.tags(ALICE) == ["1.0"]
        assert other.targets() == ["GET /elsewhere"]
        assert "authorization" not in other.asked[0].headers


async def test_a_redirect_within_the_origin_keeps_the_credentials() -> None:
    registry = RegistryHandler({"app": ["1.0"]}, auth="basic", users={"alice": "wonder"})
    registry.faults = [Reply(302, {"Location": "/v2/app/tags/list?again"})]
    async with run_harness(registry) as b:
        assert await b.tags(ALICE) == ["1.0"]


async def test_redirects_end() -> None:
    registry = RegistryHandler({"app": []}, faults=[Reply(302, {"Location": "/v2/app/tags/list"})] * 20)
    async with run_harness(registry) as b:
        assert await b.expect_error(BadResponse) == f"GET {LIST_URL}: stopped after 10 redirects"


async def test_https_is_not_left_for_plain_http() -> None:
    registry = RegistryHandler({"app": []}, faults=[Reply(302, {"Location": "http://127.0.0.1:1/"})])
    async with run_harness(registry, IDENTITY) as b:
        message = await b.expect_error(BadResponse, TRUSTING)
    assert message == (
        "GET https://REGISTRY/v2/app/tags/list?n=1000: redirects from HTTPS to plain HTTP at 127.0.0.1:1; not followed"
    )


async def test_a_next_page_elsewhere_is_refused() -> None:
    page = Reply(headers={"Link": '<http://evil.example/v2/>; rel="next"'}, body=b'{"tags": ["1.0"]}')
    async with run_harness(RegistryHandler({"app": []}, faults=[page])) as b:
        message = await b.expect_error(BadResponse)
    assert message == (
        f"GET {LIST_URL}: next page is on another origin, evil.example, and has no query to ask for it here"
    )


async def test_pages_that_go_round_in_a_circle_are_noticed() -> None:
    page = Reply(headers={"Link": f'<{LIST.removeprefix("GET ")}>; rel="next"'}, body=b'{"tags": ["1.0"]}')
    async with run_harness(RegistryHandler({"app": []}, faults=[page])) as b:
        assert "was read before; the list goes round in a circle" in await b.expect_error(BadResponse)


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param(Reply(delay=5), id="silent"),
        pytest.param(Reply(body=b'{"tags": ["1.0", "1.1", "1.2", "1.3", "1.4"]}', drip=0.005), id="drip"),
    ],
)
async def test_the_deadline_covers_the_whole_answer(reply: Reply) -> None:
    registry = RegistryHandler({"app": ["1.0"]})
    async with run_harness(registry) as b:
        await b.tags()
        registry.faults.append(reply)
        message = await b.expect_error(Unavailable, timeout=timedelta(milliseconds=60))
    assert message == f'Get "{LIST_URL}": context deadline exceeded'


async def test_nobody_listening_is_reported_for_both_schemes() -> None:
    async with run_listener(lambda reader, writer: asyncio.sleep(0)) as address:
        pass
    client = RegistryClient(clock=RegistryClock(), user_agent="test")
    with pytest.raises(Unavailable) as caught:
        await client.list_tags(Image(address, "app"), ANONYMOUS, timeout=MINUTE)
    assert str(caught.value) == (
        f'Get "https://{address}/v2/": dial tcp {address}: connect: connection refused; '
        f'Get "http://{address}/v2/": dial tcp {address}: connect: connection refused'
    )


async def test_a_dead_registry_is_left_alone_after_five_failures() -> None:
    async with run_listener(lambda reader, writer: asyncio.sleep(0)) as address:
        pass
    clock = RegistryClock()
    client = RegistryClient(clock=clock, user_agent="test")
    messages = set()
    for _ in range(7):
        with pytest.raises(Unavailable) as caught:
            await client.list_tags(Image(address, "app"), ANONYMOUS, timeout=MINUTE)
        messages.add(str(caught.value))
    assert len(messages) == 1
    async with run_listener(HttpServer(RegistryHandler({"app": ["1.0"]})).serve, port=int(address.rpartition(":")[2])):
        with pytest.raises(Unavailable):
            await client.list_tags(Image(address, "app"), ANONYMOUS, timeout=MINUTE)
        clock.skip(11)
        assert (await client.list_tags(Image(address, "app"), ANONYMOUS, timeout=MINUTE)).tags == ["1.0"]
    await client.aclose()


async def test_private_authority_is_trusted_where_it_is_given() -> None:
    async with run_harness(RegistryHandler({"app": ["1.0"]}), IDENTITY) as b:
        assert await b.tags(TRUSTING) == ["1.0"]
        message = await b.expect_error(Unavailable)
    assert message.startswith(
        'Get "https://REGISTRY/v2/": tls: failed to verify certificate: x509: certificate signed by unknown authority; '
    )


async def test_certificate_for_another_host_is_refused() -> None:
    async with run_harness(RegistryHandler({"app": ["1.0"]}), issue_server_key_pair(CA, "127.0.0.9")) as b:
        message = await b.expect_error(Unavailable, TRUSTING)
    assert "x509: certificate is not valid for 127.0.0.1; " in message


async def test_client_certificate_is_presented() -> None:
    access = Access(tls=TlsMaterial(CA.certificate, IDENTITY.certificate, IDENTITY.key))
    async with run_harness(RegistryHandler({"app": ["1.0"]}), IDENTITY, CA.certificate) as b:
        assert await b.tags(access) == ["1.0"]
        assert (await b.expect_error(Unavailable, TRUSTING)).startswith('Get "https://REGISTRY/v2/": ')


async def test_plain_http_is_only_for_those_who_may() -> None:
    async with run_harness(RegistryHandler({"app": ["1.0"]})) as b:
        image = Image(b.server.address.replace("127.0.0.1", "127.0.0.2"), "app")
        with pytest.raises(Unavailable) as caught:
            await b.client.list_tags(image, ANONYMOUS, timeout=MINUTE)
        assert "http://" not in str(caught.value)


@pytest.mark.parametrize(
    ("leave", "tried"),
    [
        pytest.param(Access(), False, id="default"),
        pytest.param(Access(http_as_flux=True), True, id="flag"),
        pytest.param(Access(insecure=True), True, id="insecure"),
    ],
)
async def test_whoever_drops_https_to_a_private_address_gets_plain_http_only_by_leave(
    leave: Access, *, tried: bool
) -> None:
    lines: list[bytes] = []

    async def drop_https(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        lines.append(await reader.readline())
        writer.close()

    async with run_listener(drop_https) as network:  # a proxy stands for it: the address is nowhere near
        access = replace(leave, credentials=Credentials("user", "password"), proxy=Proxy(f"http://{network}"))
        client = RegistryClient(clock=RegistryClock(), user_agent="test", settings=LOCAL_PROXIES)
        with pytest.raises(Unavailable) as caught:
            await client.list_tags(Image("10.1.2.3:5000", "app"), access, timeout=MINUTE)
        await client.aclose()
    assert any(line.startswith(b"CONNECT 10.1.2.3:5000") for line in lines)
    assert any(line.startswith(b"GET http://10.1.2.3:5000/") for line in lines) is tried
    hint = "plain HTTP is not tried at private addresses without spec.insecure"
    assert (hint in str(caught.value)) is not tried


@pytest.mark.parametrize("password", ["", "user:p@ss"], ids=["open", "password"])
@pytest.mark.parametrize("scheme", ["http", "socks5"])
async def test_a_proxy_carries_the_requests(scheme: Literal["http", "socks5"], password: str) -> None:
    username, _, secret = password.partition(":")
    with ProxyServer(scheme, login=password) as proxy:
        async with run_harness(RegistryHandler({"app": ["1.0"]}), IDENTITY) as b:
            access = Access(tls=TRUSTING.tls, proxy=Proxy(proxy.url, username, secret))
            assert await b.tags(access) == ["1.0"]
        method = "SOCKS5" if scheme == "socks5" else "CONNECT"
        assert proxy.asked == [f"{method} {b.server.address}"]


@pytest.mark.parametrize(
    ("scheme", "reason"),
    [
        pytest.param("http", "407 Proxy Authentication Required", id="http"),
        pytest.param("socks5", "socks connect: username/password authentication failed", id="socks5"),
    ],
)
async def test_a_proxy_that_refuses_is_reported_without_its_password(
    scheme: Literal["http", "socks5"], reason: str
) -> None:
    with ProxyServer(scheme, login="user:right") as proxy:
        async with run_harness(RegistryHandler({"app": ["1.0"]}), IDENTITY) as b:
            access = Access(tls=TRUSTING.tls, proxy=Proxy(proxy.url, "user", "wr0ng"))
            message = await b.expect_error(RegistryError, access)
    assert message.startswith(f'Get "https://REGISTRY/v2/": {reason}; ')
    assert "wr0ng" not in message


async def test_a_proxy_nobody_runs_is_named() -> None:
    async with run_listener(lambda reader, writer: asyncio.sleep(0)) as address:
        pass
    client = RegistryClient(clock=RegistryClock(), user_agent="test", settings=LOCAL_PROXIES)
    access = Access(proxy=Proxy(f"http://{address}"))
    with pytest.raises(Unavailable) as caught:
        await client.list_tags(Image("registry.example", "app"), access, timeout=MINUTE)
    assert str(caught.value) == (
        f'Get "https://registry.example/v2/": proxyconnect tcp: dial tcp {address}: connect: connection refused'
    )


async def test_the_proxy_of_the_environment_is_for_hosts_that_are_not_local(monkeypatch: pytest.MonkeyPatch) -> None:
    with ProxyServer("http", login="user:right") as proxy:
        monkeypatch.setenv("https_proxy", proxy.url)
        monkeypatch.setenv("http_proxy", proxy.url)
        async with run_harness(RegistryHandler({"app": ["1.0"]})) as b:
            assert await b.tags() == ["1.0"]
            assert proxy.asked == []
            with pytest.raises(Unavailable, match="407 Proxy Authentication Required"):
                await b.client.list_tags(Image("registry.example", "app"), ANONYMOUS, timeout=MINUTE)
            assert proxy.asked == ["CONNECT registry.example:443"]


async def test_a_proxy_of_the_environment_that_cannot_be_used_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("all_proxy", "socks5://127.0.0.1:1")
    client = RegistryClient(clock=RegistryClock(), user_agent="test")
    with pytest.raises(Unavailable, match=r"^proxy of the environment cannot be used: "):
        await client.list_tags(Image("registry.example", "app"), ANONYMOUS, timeout=MINUTE)
