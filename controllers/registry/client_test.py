"""The client against a registry in the same process: what it asks, how often, and what it says when things go wrong."""

import asyncio
import gzip
import hashlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

from controllers.registry.access import Access, Proxy, TlsMaterial
from controllers.registry.client import RegistryClient
from controllers.registry.dockerconfig import Credentials
from controllers.registry.errors import (
    BadAnswer,
    BadReference,
    Denied,
    NotFound,
    RegistryError,
    Throttled,
    TooLarge,
    Unavailable,
)
from controllers.registry.reference import Image
from controllers.registry.testing import FakeClock, Identity, authority, server_identity
from controllers.registry.testing_server import (
    HANG_UP,
    Asked,
    ConnectProxy,
    Handler,
    Registry,
    Reply,
    Server,
    diagnostics,
    listening,
    serving,
)

MINUTE = timedelta(minutes=1)
CA = authority("private CA")
IDENTITY = server_identity(CA, "127.0.0.1")
ANONYMOUS = Access()
ALICE = Access(Credentials("alice", "wonder"))
TRUSTING = Access(tls=TlsMaterial(ca=CA.certificate))
DIGEST = "sha256:" + "ab" * 32


class Bench:
    """A client, its clock, and a server it talks to."""

    def __init__(self, server: Server, client: RegistryClient, clock: FakeClock) -> None:
        self.server, self.client, self.clock = server, client, clock

    def image(self, repo: str = "app") -> Image:
        return Image(self.server.address, repo)

    async def tags(self, access: Access = ANONYMOUS, *, repo: str = "app", timeout: timedelta = MINUTE) -> list[str]:
        return await self.client.list_tags(self.image(repo), access, timeout=timeout)

    async def digest(self, tag: str = "1.0", access: Access = ANONYMOUS) -> str:
        return await self.client.digest(self.image(), tag, access, timeout=MINUTE)

    async def fails(self, kind: type[RegistryError], access: Access = ANONYMOUS, *, timeout: timedelta = MINUTE) -> str:
        with pytest.raises(kind) as caught:
            await self.tags(access, timeout=timeout)
        return str(caught.value).replace(self.server.address, "REGISTRY")


@asynccontextmanager
async def bench(handler: Handler, identity: Identity | None = None, client_ca: bytes = b"") -> AsyncIterator[Bench]:
    clock = FakeClock()
    client = RegistryClient(clock=clock, user_agent="tagline-test", jitter=lambda: 0.0)
    async with serving(handler, identity, client_ca) as server:
        yield Bench(server, client, clock)
        await client.aclose()


LIST = "GET /v2/app/tags/list?n=1000"
LIST_URL = "http://REGISTRY/v2/app/tags/list?n=1000"


# What is asked


async def test_pages_are_followed_until_the_last() -> None:
    async with bench(Registry({"app": [f"1.0.{n}" for n in range(7)]}, page_size=3)) as b:
        assert await b.tags() == [f"1.0.{n}" for n in range(7)]
        assert b.server.targets() == [
            "GET /v2/",
            LIST,
            "GET /v2/app/tags/list?last=1.0.2&n=1000",
            "GET /v2/app/tags/list?last=1.0.5&n=1000",
        ]


async def test_a_quiet_rescan_costs_one_request() -> None:
    registry = Registry({"app": ["1.0"]}, auth="bearer", users={"alice": "wonder"})
    async with bench(registry) as b:
        registry.realm = f"http://{b.server.address}/token"
        await b.tags(ALICE)
        del b.server.asked[:]
        assert await b.tags(ALICE) == ["1.0"]
        assert b.server.targets() == [LIST]
        assert b.server.connections == 2  # one of them tried TLS


async def test_a_repository_without_tags_has_none() -> None:
    async with bench(lambda asked: Reply(body=b'{"name": "app", "tags": null}')) as b:
        assert await b.tags() == []


async def test_compressed_pages_are_unpacked() -> None:
    body = gzip.compress(json.dumps({"tags": [f"v{n}" for n in range(5000)]}).encode())
    async with bench(lambda asked: Reply(headers={"Content-Encoding": "gzip"}, body=body)) as b:
        assert len(await b.tags()) == 5000


# Who asks


@pytest.mark.parametrize("auth", ["basic", "bearer"])
async def test_credentials_open_the_repository(auth: str) -> None:
    registry = Registry({"app": ["1.0"]}, auth=auth, users={"alice": "wonder"})
    async with bench(registry) as b:
        registry.realm = f"http://{b.server.address}/token?x=1"
        assert await b.tags(ALICE) == ["1.0"]


async def test_token_is_asked_for_the_repository_and_service() -> None:
    registry = Registry({"app": ["1.0"]}, auth="bearer")
    async with bench(registry) as b:
        registry.realm = f"http://{b.server.address}/token"
        await b.tags()
        assert b.server.targets()[1] == "GET /token?scope=repository%3Aapp%3Apull&service=registry"


async def test_identity_token_goes_to_the_token_service_by_post() -> None:
    registry = Registry({"app": ["1.0"]}, auth="bearer", users={"alice": "wonder"})
    async with bench(registry) as b:
        registry.realm = f"http://{b.server.address}/token"
        assert await b.tags(Access(Credentials(identity_token="identity"))) == ["1.0"]
        asked = b.server.asked[1]
        assert (asked.method, asked.target) == ("POST", "/token")
        assert b"grant_type=refresh_token&refresh_token=identity&scope=repository%3Aapp%3Apull" in asked.body


async def test_registry_token_is_sent_as_it_is() -> None:
    registry = Registry({"app": ["1.0"]}, auth="bearer", tokens=["given"])
    async with bench(registry) as b:
        registry.realm = f"http://{b.server.address}/token"
        assert await b.tags(Access(Credentials(registry_token="given"))) == ["1.0"]
        assert registry.issued == 0


async def test_token_is_renewed_before_it_expires() -> None:
    registry = Registry({"app": ["1.0"]}, auth="bearer", lifetime=None)
    async with bench(registry) as b:
        registry.realm = f"http://{b.server.address}/token"
        await b.tags()
        b.clock.seconds += 53
        await b.tags()
        assert registry.issued == 1
        b.clock.seconds += 2
        await b.tags()
        assert registry.issued == 2


async def test_a_revoked_token_is_replaced_once() -> None:
    registry = Registry({"app": ["1.0"]}, auth="bearer")
    async with bench(registry) as b:
        registry.realm = f"http://{b.server.address}/token"
        await b.tags()
        registry.tokens.clear()
        del b.server.asked[:]
        assert await b.tags() == ["1.0"]
        assert [asked.path for asked in b.server.asked] == ["/v2/app/tags/list", "/token", "/v2/app/tags/list"]


async def test_a_fresh_token_that_is_refused_is_not_replaced() -> None:
    registry = Registry({"app": ["1.0"]}, auth="bearer")
    async with bench(lambda asked: registry(Asked(asked.method, asked.target, {}, b""))) as b:
        registry.realm = f"http://{b.server.address}/token"
        assert await b.fails(Denied) == f"GET {LIST_URL}: UNAUTHORIZED: authentication required"
        assert registry.issued == 1


async def test_a_registry_that_begins_to_ask_for_a_token_gets_one() -> None:
    registry = Registry({"app": ["1.0"]})
    async with bench(registry) as b:
        registry.realm = f"http://{b.server.address}/token"
        await b.tags()
        registry.auth = "bearer"
        assert await b.tags() == ["1.0"]


async def test_tokens_and_manners_are_not_shared_between_identities() -> None:
    registry = Registry({"app": ["1.0"]}, auth="bearer", users={"alice": "wonder"})
    async with bench(registry) as b:
        registry.realm = f"http://{b.server.address}/token"
        await b.tags(ALICE)
        message = await b.fails(Denied)
        assert "/token?scope=repository%3Aapp%3Apull&service=registry: UNAUTHORIZED: wrong password" in message


async def test_basic_with_a_wrong_password_is_tried_once() -> None:
    registry = Registry({"app": ["1.0"]}, auth="basic", users={"alice": "wonder"})
    async with bench(registry) as b:
        message = await b.fails(Denied, Access(Credentials("alice", "wrong-pass")))
        assert message == f"GET {LIST_URL}: UNAUTHORIZED: authentication required"
        assert b.server.targets() == ["GET /v2/", LIST]


async def test_an_unknown_challenge_is_named() -> None:
    async with bench(lambda asked: Reply(401, {"WWW-Authenticate": "Negotiate"})) as b:
        assert await b.fails(BadAnswer) == "REGISTRY: unrecognized challenge: negotiate"


async def test_cookies_are_not_kept() -> None:
    async with bench(lambda asked: Reply(headers={"Set-Cookie": "a=b"}, body=b'{"tags": []}')) as b:
        await b.tags()
        assert all("cookie" not in asked.headers for asked in b.server.asked)


# What goes elsewhere


async def test_a_redirect_to_another_origin_loses_the_credentials() -> None:
    async with serving(lambda asked: Reply(body=b'{"tags": ["1.0"]}')) as other:
        registry = Registry({"app": []}, auth="basic", users={"alice": "wonder"})
        registry.faults = [Reply(307, {"Location": f"http://{other.address}/elsewhere"})]
        async with bench(registry) as b:
            assert await b.tags(ALICE) == ["1.0"]
        assert other.targets() == ["GET /elsewhere"]
        assert "authorization" not in other.asked[0].headers


async def test_a_redirect_within_the_origin_keeps_the_credentials() -> None:
    registry = Registry({"app": ["1.0"]}, auth="basic", users={"alice": "wonder"})
    registry.faults = [Reply(302, {"Location": "/v2/app/tags/list?again"})]
    async with bench(registry) as b:
        assert await b.tags(ALICE) == ["1.0"]


async def test_redirects_end() -> None:
    registry = Registry({"app": []}, faults=[Reply(302, {"Location": "/v2/app/tags/list"})] * 20)
    async with bench(registry) as b:
        assert await b.fails(BadAnswer) == f"GET {LIST_URL}: stopped after 10 redirects"


async def test_https_is_not_left_for_plain_http() -> None:
    registry = Registry({"app": []}, faults=[Reply(302, {"Location": "http://127.0.0.1:1/"})])
    async with bench(registry, IDENTITY) as b:
        message = await b.fails(BadAnswer, TRUSTING)
    assert message == (
        "GET https://REGISTRY/v2/app/tags/list?n=1000: redirects from HTTPS to plain HTTP at 127.0.0.1:1; not followed"
    )


async def test_a_next_page_elsewhere_is_refused() -> None:
    page = Reply(headers={"Link": '<http://evil.example/v2/>; rel="next"'}, body=b'{"tags": ["1.0"]}')
    async with bench(Registry({"app": []}, faults=[page])) as b:
        message = await b.fails(BadAnswer)
    assert message == f"GET {LIST_URL}: next page is on another origin, evil.example; not followed"


async def test_pages_that_go_round_in_a_circle_are_noticed() -> None:
    page = Reply(headers={"Link": f'<{LIST.removeprefix("GET ")}>; rel="next"'}, body=b'{"tags": ["1.0"]}')
    async with bench(Registry({"app": []}, faults=[page])) as b:
        assert "was read before; the list goes round in a circle" in await b.fails(BadAnswer)


# What comes back


@pytest.mark.parametrize(
    ("reply", "kind", "message"),
    [
        pytest.param(
            diagnostics(404, "NAME_UNKNOWN", "repository name not known to registry"),
            NotFound,
            f"GET {LIST_URL}: NAME_UNKNOWN: repository name not known to registry",
            id="not-found",
        ),
        pytest.param(
            diagnostics(403, "DENIED", "requested access to the resource is denied"),
            Denied,
            f"GET {LIST_URL}: DENIED: requested access to the resource is denied",
            id="denied",
        ),
        pytest.param(
            Reply(200, {"Content-Type": "text/html"}, b"<html>\n<title>hi"),
            BadAnswer,
            f"GET {LIST_URL}: expected a list of tags in JSON, got text/html: <html> <title>hi",
            id="html",
        ),
        pytest.param(
            Reply(200, {"Content-Encoding": "gzip"}, b"no gzip"),
            BadAnswer,
            f"GET {LIST_URL}: body is not the gzip it claims to be",
            id="no-gzip",
        ),
        pytest.param(
            Reply(200, {"Content-Encoding": "gzip"}, gzip.compress(bytes(40 << 20))),
            TooLarge,
            f"GET {LIST_URL}: body has more than 33554432 bytes",
            id="bomb",
        ),
        pytest.param(
            Reply(200, {}, json.dumps({"tags": ["x" * 600]}).encode()),
            TooLarge,
            f"GET {LIST_URL}: a tag has more than 512 characters",
            id="long-tag",
        ),
        pytest.param(
            Reply(400, {}, b"y" * 300), BadAnswer, f"GET {LIST_URL}: unexpected status code 400 Bad Request: ", id="cut"
        ),
    ],
)
async def test_answer_without_tags_is_told(reply: Reply, kind: type[RegistryError], message: str) -> None:
    async with bench(Registry({"app": []}, faults=[reply])) as b:
        found = await b.fails(kind)
    assert found.startswith(message)
    assert len(found) < len(message) + 260


async def test_digest_of_the_header_is_believed() -> None:
    async with bench(Registry({"app": ["1.0"]}, digests={"1.0": DIGEST})) as b:
        assert await b.digest() == DIGEST
        assert b.server.targets()[1:] == ["HEAD /v2/app/manifests/1.0"]
        assert "application/vnd.oci.image.index.v1+json" in b.server.asked[1].headers["accept"]


@pytest.mark.parametrize("faults", [[], [Reply(405)]], ids=["no-header", "no-head"])
async def test_digest_is_computed_where_none_is_told(faults: list[Reply]) -> None:
    async with bench(Registry({"app": ["1.0"]}, faults=faults)) as b:
        assert await b.digest() == f"sha256:{hashlib.sha256(b'manifest of 1.0').hexdigest()}"
        assert b.server.targets()[1:] == ["HEAD /v2/app/manifests/1.0", "GET /v2/app/manifests/1.0"]


async def test_a_digest_that_is_none_is_refused() -> None:
    async with bench(Registry({"app": ["1.0"]}, digests={"1.0": "sha256:short"})) as b:
        with pytest.raises(BadAnswer, match="Docker-Content-Digest is not a digest"):
            await b.digest()


async def test_missing_manifest_is_told_without_a_body() -> None:
    async with bench(Registry({"other": []})) as b:
        with pytest.raises(NotFound) as caught:
            await b.digest()
    assert str(caught.value).endswith(
        "/v2/app/manifests/1.0: unexpected status code 404 Not Found (HEAD responses have no body, use GET for details)"
    )


@pytest.mark.parametrize("tag", ["..", "a/b", "", "x" * 129, "a?b"])
async def test_digest_of_what_is_no_tag_is_not_asked_for(tag: str) -> None:
    async with bench(Registry({"app": []})) as b:
        with pytest.raises(BadReference):
            await b.digest(tag)
        assert b.server.asked == []


@pytest.mark.parametrize(
    "image", [Image("x]y.z", "app"), Image("a.b:99999", "app"), Image("a.b", "../admin")], ids=["host", "port", "dots"]
)
async def test_a_reference_that_is_no_address_is_refused(image: Image) -> None:
    client = RegistryClient(clock=FakeClock(), user_agent="test")
    with pytest.raises(BadReference):
        await client.list_tags(image, ANONYMOUS, timeout=MINUTE)


# When it is asked again


@pytest.mark.parametrize("status", [408, 429, 499, 500, 502, 503, 504, 522])
async def test_a_fault_that_passes_is_waited_for(status: int) -> None:
    async with bench(Registry({"app": ["1.0"]}, faults=[Reply(status), Reply(status)])) as b:
        assert await b.tags() == ["1.0"]
        assert b.clock.slept == [1, 3]


async def test_a_fault_that_stays_is_told_after_three_attempts() -> None:
    fault = diagnostics(500, "UNKNOWN", "out of order")
    async with bench(Registry({"app": []}, faults=[fault] * 4)) as b:
        assert await b.fails(Unavailable) == f"GET {LIST_URL}: UNKNOWN: out of order"
        assert b.server.targets().count(LIST) == 3


async def test_a_connection_that_breaks_off_is_made_anew() -> None:
    page = json.dumps({"tags": ["1.0"]}).encode()
    async with bench(Registry({"app": ["1.0"]}, faults=[HANG_UP, Reply(body=page, cut=3)])) as b:
        assert await b.tags() == ["1.0"]
        assert b.clock.slept == [1, 3]


async def test_retry_after_is_honoured_within_the_deadline() -> None:
    async with bench(Registry({"app": ["1.0"]}, faults=[Reply(429, {"Retry-After": "7"})])) as b:
        assert await b.tags() == ["1.0"]
        assert b.clock.slept == [7]


@pytest.mark.parametrize(
    ("retry_after", "timeout"),
    [pytest.param("50", timedelta(seconds=40), id="deadline"), pytest.param("50", timedelta(hours=1), id="too-long")],
)
async def test_retry_after_beyond_reach_is_handed_on(retry_after: str, timeout: timedelta) -> None:
    fault = diagnostics(429, "TOOMANYREQUESTS", "slow down", {"Retry-After": retry_after})
    async with bench(Registry({"app": ["1.0"]}, faults=[fault])) as b:
        with pytest.raises(Throttled) as caught:
            await b.tags(timeout=timeout)
        assert caught.value.retry_after == timedelta(seconds=50)
        assert str(caught.value).endswith("/v2/app/tags/list?n=1000: TOOMANYREQUESTS: slow down")
        assert b.clock.slept == []


async def test_a_registry_that_throttles_is_left_alone_until_it_may_be_asked() -> None:
    fault = diagnostics(429, "TOOMANYREQUESTS", "slow down", {"Retry-After": "50"})
    async with bench(Registry({"app": ["1.0"]}, faults=[fault])) as b:
        first = await b.fails(Throttled)
        asked = len(b.server.asked)
        assert await b.fails(Throttled) == first
        assert len(b.server.asked) == asked
        assert await b.tags(Access(Credentials("other", "identity"))) == ["1.0"]
        b.clock.seconds += 51
        assert await b.tags() == ["1.0"]


async def test_an_exhausted_rate_limit_is_noticed_on_a_good_answer() -> None:
    page = Reply(headers={"RateLimit-Remaining": "0;w=60", "RateLimit-Reset": "30"}, body=b'{"tags": ["1.0"]}')
    async with bench(Registry({"app": ["1.0"]}, faults=[page])) as b:
        assert await b.tags() == ["1.0"]
        assert await b.fails(Throttled) == f"GET {LIST_URL}: registry's rate limit is used up"


# Time, connections, certificates


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param(Reply(delay=5), id="silent"),
        pytest.param(Reply(body=b'{"tags": ["1.0", "1.1", "1.2", "1.3", "1.4"]}', drip=0.005), id="drip"),
    ],
)
async def test_the_deadline_covers_the_whole_answer(reply: Reply) -> None:
    async with bench(Registry({"app": ["1.0"]}, faults=[reply])) as b:
        message = await b.fails(Unavailable, timeout=timedelta(milliseconds=60))
    assert message == f'Get "{LIST_URL}": context deadline exceeded'


async def test_nobody_listening_is_told_for_both_schemes() -> None:
    async with listening(lambda reader, writer: asyncio.sleep(0)) as address:
        pass
    client = RegistryClient(clock=FakeClock(), user_agent="test")
    with pytest.raises(Unavailable) as caught:
        await client.list_tags(Image(address, "app"), ANONYMOUS, timeout=MINUTE)
    assert str(caught.value) == (
        f'Get "https://{address}/v2/": dial tcp {address}: connect: connection refused; '
        f'Get "http://{address}/v2/": dial tcp {address}: connect: connection refused'
    )


async def test_a_dead_registry_is_left_alone_after_five_failures() -> None:
    async with listening(lambda reader, writer: asyncio.sleep(0)) as address:
        pass
    clock = FakeClock()
    client = RegistryClient(clock=clock, user_agent="test")
    messages = set()
    for _ in range(7):
        with pytest.raises(Unavailable) as caught:
            await client.list_tags(Image(address, "app"), ANONYMOUS, timeout=MINUTE)
        messages.add(str(caught.value))
    assert len(messages) == 1
    async with listening(Server(Registry({"app": ["1.0"]})).serve, port=int(address.rpartition(":")[2])):
        with pytest.raises(Unavailable):
            await client.list_tags(Image(address, "app"), ANONYMOUS, timeout=MINUTE)
        clock.seconds += 11
        assert await client.list_tags(Image(address, "app"), ANONYMOUS, timeout=MINUTE) == ["1.0"]
    await client.aclose()


async def test_private_authority_is_trusted_where_it_is_given() -> None:
    async with bench(Registry({"app": ["1.0"]}), IDENTITY) as b:
        assert await b.tags(TRUSTING) == ["1.0"]
        message = await b.fails(Unavailable)
    assert message.startswith(
        'Get "https://REGISTRY/v2/": tls: failed to verify certificate: x509: certificate signed by unknown authority; '
    )


async def test_certificate_for_another_host_is_refused() -> None:
    async with bench(Registry({"app": ["1.0"]}), server_identity(CA, "127.0.0.9")) as b:
        message = await b.fails(Unavailable, TRUSTING)
    assert "x509: certificate is not valid for 127.0.0.1; " in message


async def test_client_certificate_is_shown() -> None:
    access = Access(tls=TlsMaterial(CA.certificate, IDENTITY.certificate, IDENTITY.key))
    async with bench(Registry({"app": ["1.0"]}), IDENTITY, CA.certificate) as b:
        assert await b.tags(access) == ["1.0"]
        assert (await b.fails(Unavailable, TRUSTING)).startswith('Get "https://REGISTRY/v2/": ')


async def test_plain_http_is_only_for_those_who_may() -> None:
    async with bench(Registry({"app": ["1.0"]})) as b:
        image = Image(b.server.address.replace("127.0.0.1", "127.0.0.2"), "app")
        with pytest.raises(Unavailable) as caught:
            await b.client.list_tags(image, ANONYMOUS, timeout=MINUTE)
        assert "http://" not in str(caught.value)


# Proxies


@pytest.mark.parametrize("password", ["", "user:p@ss"], ids=["open", "password"])
@pytest.mark.parametrize("scheme", ["http", "socks5"])
async def test_a_proxy_carries_the_requests(scheme: str, password: str) -> None:
    proxy = ConnectProxy(password)
    username, _, secret = password.partition(":")
    async with bench(Registry({"app": ["1.0"]}), IDENTITY) as b:
        async with listening(proxy.serve_socks if scheme == "socks5" else proxy.serve) as address:
            access = Access(tls=TRUSTING.tls, proxy=Proxy(f"{scheme}://{address}", username, secret))
            assert await b.tags(access) == ["1.0"]
        method = "SOCKS" if scheme == "socks5" else "CONNECT"
        assert proxy.connects == [f"{method} {b.server.address}"]


@pytest.mark.parametrize(
    ("scheme", "reason"),
    [
        pytest.param("http", "407 Proxy Authentication Required", id="http"),
        pytest.param("socks5", "socks connect: username/password authentication failed", id="socks5"),
    ],
)
async def test_a_proxy_that_refuses_is_told_without_its_password(scheme: str, reason: str) -> None:
    proxy = ConnectProxy("user:right")
    serve = proxy.serve_socks if scheme == "socks5" else proxy.serve
    async with bench(Registry({"app": ["1.0"]}), IDENTITY) as b, listening(serve) as address:
        access = Access(tls=TRUSTING.tls, proxy=Proxy(f"{scheme}://{address}", "user", "wr0ng"))
        message = await b.fails(RegistryError, access)
    assert message.startswith(f'Get "https://REGISTRY/v2/": {reason}; ')
    assert "wr0ng" not in message


async def test_a_proxy_nobody_runs_is_named() -> None:
    async with listening(lambda reader, writer: asyncio.sleep(0)) as address:
        pass
    client = RegistryClient(clock=FakeClock(), user_agent="test")
    access = Access(proxy=Proxy(f"http://{address}"))
    with pytest.raises(Unavailable) as caught:
        await client.list_tags(Image("registry.example", "app"), access, timeout=MINUTE)
    assert str(caught.value) == (
        f'Get "https://registry.example/v2/": proxyconnect tcp: dial tcp {address}: connect: connection refused'
    )


# Many at once


async def test_four_operations_at_a_time_reach_a_registry() -> None:
    registry = Registry({f"app{n}": ["1.0"] for n in range(20)})

    def slow(asked: Asked) -> Reply:
        reply = registry(asked)
        return Reply(reply.status, reply.headers, reply.body, delay=0.002)

    async with bench(slow) as b:
        await b.tags(repo="app0")
        await asyncio.gather(*(b.tags(repo=f"app{n}") for n in range(20)))
        assert b.server.busiest == 4


async def test_the_same_scan_asked_for_at_the_same_time_is_made_once() -> None:
    async with bench(Registry({"app": ["1.0"]})) as b:
        found = await asyncio.gather(*(b.tags() for _ in range(10)))
        assert found == [["1.0"]] * 10
        assert b.server.targets().count(LIST) == 1


async def test_a_scan_under_way_does_not_serve_those_who_come_later() -> None:
    registry = Registry({"app": ["1.0"]}, faults=[])
    asked = asyncio.Event()

    def handler(request: Asked) -> Reply:
        reply = registry(request)
        if request.path == "/v2/app/tags/list":
            asked.set()
            return Reply(reply.status, reply.headers, reply.body, delay=0.005)
        return reply

    async with bench(handler) as b:
        first = asyncio.create_task(b.tags())
        await asked.wait()
        registry.repos["app"].append("1.1")
        assert await b.tags() == ["1.0", "1.1"]
        assert await first == ["1.0"]


async def test_cancelling_one_who_waits_leaves_the_others_their_answer() -> None:
    async with bench(Registry({"app": ["1.0"]})) as b:
        one, other = asyncio.create_task(b.tags()), asyncio.create_task(b.tags())
        await asyncio.sleep(0)
        one.cancel()
        assert await other == ["1.0"]
        with pytest.raises(asyncio.CancelledError):
            await one


async def test_cancelling_all_who_wait_ends_the_scan() -> None:
    registry, asked = Registry({"app": ["1.0"]}, faults=[Reply(delay=5)]), asyncio.Event()

    def handler(request: Asked) -> Reply:
        if request.path != "/v2/":
            asked.set()
        return registry(request)

    async with bench(handler) as b:
        task = asyncio.create_task(b.tags())
        await asked.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await b.tags() == ["1.0"]
