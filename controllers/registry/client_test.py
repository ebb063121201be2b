"""The client against a registry in the same process: what it requests, as whom, how often."""

import asyncio
import gzip
import json
from urllib.parse import parse_qs, urlsplit

import pytest

from controllers.registry.access import Access
from controllers.registry.dockerconfig import Credentials
from controllers.registry.errors import BadResponse, Denied
from controllers.registry.login import MAX_SCOPES
from testing.registry_harness import ALICE, LIST, LIST_URL, run_harness
from testing.registry_server import Handler, ReceivedRequest, RegistryHandler, Reply

DIGEST = "sha256:" + "ab" * 32


async def test_pages_are_followed_until_the_last() -> None:
    async with run_harness(RegistryHandler({"app": [f"1.0.{n}" for n in range(7)]}, page_size=3)) as b:
        assert await b.tags() == [f"1.0.{n}" for n in range(7)]
        assert b.server.targets() == [
            "GET /v2/",
            LIST,
            "GET /v2/app/tags/list?last=1.0.2&n=1000",
            "GET /v2/app/tags/list?last=1.0.5&n=1000",
        ]


async def test_a_rescan_without_changes_costs_one_request() -> None:
    registry = RegistryHandler({"app": ["1.0"]}, auth="bearer", users={"alice": "wonder"})
    async with run_harness(registry) as b:
        registry.realm = f"http://{b.server.address}/token"
        await b.tags(ALICE)
        del b.server.asked[:]
        assert await b.tags(ALICE) == ["1.0"]
        assert b.server.targets() == [LIST]
        assert b.server.connections == 2  # one of them tried TLS


async def test_one_connection_carries_what_is_asked_about_single_tags() -> None:
    async with run_harness(RegistryHandler({"app": ["1.0"]}, digests={"1.0": DIGEST})) as b:
        for _ in range(3):
            assert await b.digest() == DIGEST
        assert [asked.method for asked in b.server.asked] == ["GET", "HEAD", "HEAD", "HEAD"]
        assert b.server.connections == 2  # one of them tried TLS


async def test_a_repository_without_tags_has_none() -> None:
    async with run_harness(lambda asked: Reply(body=b'{"name": "app", "tags": null}')) as b:
        assert await b.tags() == []


async def test_compressed_pages_are_unpacked() -> None:
    body = gzip.compress(json.dumps({"tags": [f"v{n}" for n in range(5000)]}).encode())
    async with run_harness(lambda asked: Reply(headers={"Content-Encoding": "gzip"}, body=body)) as b:
        assert len(await b.tags()) == 5000


@pytest.mark.parametrize("auth", ["basic", "bearer"])
async def test_credentials_open_the_repository(auth: str) -> None:
    registry = RegistryHandler({"app": ["1.0"]}, auth=auth, users={"alice": "wonder"})
    async with run_harness(registry) as b:
        registry.realm = f"http://{b.server.address}/token?x=1"
        assert await b.tags(ALICE) == ["1.0"]


async def test_token_is_asked_for_the_repository_and_service() -> None:
    registry = RegistryHandler({"app": ["1.0"]}, auth="bearer")
    async with run_harness(registry) as b:
        registry.realm = f"http://{b.server.address}/token"
        await b.tags()
        assert b.server.targets()[1] == "GET /token?scope=repository%3Aapp%3Apull&service=registry"


async def test_identity_token_goes_to_the_token_service_by_post() -> None:
    registry = RegistryHandler({"app": ["1.0"]}, auth="bearer", users={"alice": "wonder"})
    async with run_harness(registry) as b:
        registry.realm = f"http://{b.server.address}/token"
        assert await b.tags(Access(Credentials(identity_token="identity"))) == ["1.0"]
        asked = b.server.asked[1]
        assert (asked.method, asked.target) == ("POST", "/token")
        assert b"grant_type=refresh_token&refresh_token=identity&scope=repository%3Aapp%3Apull" in asked.body


async def test_registry_token_is_sent_as_it_is() -> None:
    registry = RegistryHandler({"app": ["1.0"]}, auth="bearer", tokens=["given"])
    async with run_harness(registry) as b:
        registry.realm = f"http://{b.server.address}/token"
        assert await b.tags(Access(Credentials(registry_token="given"))) == ["1.0"]
        assert registry.issued == 0


async def test_token_is_renewed_before_it_expires() -> None:
    registry = RegistryHandler({"app": ["1.0"]}, auth="bearer", lifetime=None)
    async with run_harness(registry) as b:
        registry.realm = f"http://{b.server.address}/token"
        await b.tags()
        b.clock.skip(53)
        await b.tags()
        assert registry.issued == 1
        b.clock.skip(2)
        await b.tags()
        assert registry.issued == 2


async def test_a_revoked_token_is_replaced_once() -> None:
    registry = RegistryHandler({"app": ["1.0"]}, auth="bearer")
    async with run_harness(registry) as b:
        registry.realm = f"http://{b.server.address}/token"
        await b.tags()
        registry.tokens.clear()
        del b.server.asked[:]
        assert await b.tags() == ["1.0"]
        assert [asked.path for asked in b.server.asked] == ["/v2/app/tags/list", "/token", "/v2/app/tags/list"]


async def test_a_fresh_token_that_is_refused_is_not_replaced() -> None:
    registry = RegistryHandler({"app": ["1.0"]}, auth="bearer")
    async with run_harness(lambda asked: registry(ReceivedRequest(asked.method, asked.target, {}, b""))) as b:
        registry.realm = f"http://{b.server.address}/token"
        assert await b.expect_error(Denied) == f"GET {LIST_URL}: UNAUTHORIZED: authentication required"
        assert registry.issued == 1


def scoped_registry(*wanted: str) -> Handler:
    """Return a registry whose list needs a token for each of these scopes, and which names one that is missing."""

    def respond(request: ReceivedRequest) -> Reply:
        host = request.headers["host"]
        if request.path == "/token":
            return Reply(
                body=json.dumps({"token": " ".join(parse_qs(urlsplit(request.target).query).get("scope", []))}).encode()
            )
        has = request.headers.get("authorization", "").removeprefix("Bearer ").split()
        missing = [scope for scope in wanted if scope not in has]
        if has and not missing:
            return Reply(body=b'{"name": "app", "tags": ["1.0"]}')
        scope = f',scope="{missing[0]}"' if has else ""
        return Reply(401, {"WWW-Authenticate": f'Bearer realm="http://{host}/token",service="s"{scope}'})

    return respond


@pytest.mark.parametrize(
    "wanted",
    [
        pytest.param(["repository:app:pull"], id="the-usual"),
        pytest.param(["repository:group/app:pull"], id="another"),
        pytest.param(["repository:app:pull", "registry:catalog:*", "repository:base:pull"], id="several"),
    ],
)
async def test_a_token_is_fetched_for_the_scope_that_the_registry_asks_for(wanted: list[str]) -> None:
    async with run_harness(scoped_registry(*wanted)) as b:
        assert await b.tags() == ["1.0"]


async def test_each_scope_is_asked_for_once() -> None:
    def respond(request: ReceivedRequest) -> Reply:
        if request.path == "/token":
            return Reply(body=b'{"token": "useless"}')
        count = len(b.server.asked)
        headers = {
            "WWW-Authenticate": f'Bearer realm="http://{b.server.address}/token",scope="repository:{count}:pull"'
        }
        return Reply(401, headers, b"")

    async with run_harness(respond) as b:
        await b.expect_error(Denied)
        assert sum(request.path == "/token" for request in b.server.asked) == 1 + MAX_SCOPES


async def test_a_registry_that_begins_to_ask_for_a_token_gets_one() -> None:
    registry = RegistryHandler({"app": ["1.0"]})
    async with run_harness(registry) as b:
        registry.realm = f"http://{b.server.address}/token"
        await b.tags()
        registry.auth = "bearer"
        assert await b.tags() == ["1.0"]


async def test_tokens_and_manners_are_not_shared_between_identities() -> None:
    registry = RegistryHandler({"app": ["1.0"]}, auth="bearer", users={"alice": "wonder"})
    async with run_harness(registry) as b:
        registry.realm = f"http://{b.server.address}/token"
        await b.tags(ALICE)
        message = await b.expect_error(Denied)
        assert "/token?scope=repository%3Aapp%3Apull&service=registry: UNAUTHORIZED: wrong password" in message


async def test_basic_with_a_wrong_password_is_tried_once() -> None:
    registry = RegistryHandler({"app": ["1.0"]}, auth="basic", users={"alice": "wonder"})
    async with run_harness(registry) as b:
        message = await b.expect_error(Denied, Access(Credentials("alice", "wrong-pass")))
        assert message == f"GET {LIST_URL}: UNAUTHORIZED: authentication required"
        assert b.server.targets() == ["GET /v2/", LIST]


async def test_an_unknown_challenge_is_named() -> None:
    async with run_harness(lambda asked: Reply(401, {"WWW-Authenticate": "Negotiate"})) as b:
        assert await b.expect_error(BadResponse) == "REGISTRY: unrecognized challenge: negotiate"


async def test_cookies_are_not_kept() -> None:
    async with run_harness(lambda asked: Reply(headers={"Set-Cookie": "a=b"}, body=b'{"tags": []}')) as b:
        await b.tags()
        assert all("cookie" not in asked.headers for asked in b.server.asked)


async def test_four_operations_at_a_time_reach_a_registry() -> None:
    registry = RegistryHandler({f"app{n}": ["1.0"] for n in range(20)})

    def slow(asked: ReceivedRequest) -> Reply:
        reply = registry(asked)
        return Reply(reply.status, reply.headers, reply.body, delay=0.002)

    async with run_harness(slow) as b:
        await b.tags(repo="app0")
        await asyncio.gather(*(b.tags(repo=f"app{n}") for n in range(20)))
        assert b.server.max_concurrent == 4


async def test_the_same_scan_asked_for_at_the_same_time_is_made_once() -> None:
    async with run_harness(RegistryHandler({"app": ["1.0"]})) as b:
        found = await asyncio.gather(*(b.tags() for _ in range(10)))
        assert found == [["1.0"]] * 10
        assert b.server.targets().count(LIST) == 1


async def test_a_scan_under_way_does_not_serve_those_who_come_later() -> None:
    registry = RegistryHandler({"app": ["1.0"]}, faults=[])
    asked = asyncio.Event()

    def handler(request: ReceivedRequest) -> Reply:
        reply = registry(request)
        if request.path == "/v2/app/tags/list":
            asked.set()
            return Reply(reply.status, reply.headers, reply.body, delay=0.005)
        return reply

    async with run_harness(handler) as b:
        first = asyncio.create_task(b.tags())
        await asked.wait()
        registry.repos["app"].append("1.1")
        assert await b.tags() == ["1.0", "1.1"]
        assert await first == ["1.0"]


async def test_cancelling_one_who_waits_leaves_the_others_their_answer() -> None:
    async with run_harness(RegistryHandler({"app": ["1.0"]})) as b:
        one, other = asyncio.create_task(b.tags()), asyncio.create_task(b.tags())
        await asyncio.sleep(0)
        one.cancel()
        assert await other == ["1.0"]
        with pytest.raises(asyncio.CancelledError):
            await one


async def test_cancelling_all_who_wait_ends_the_scan() -> None:
    registry, asked = RegistryHandler({"app": ["1.0"]}, faults=[Reply(delay=5)]), asyncio.Event()

    def handler(request: ReceivedRequest) -> Reply:
        if request.path != "/v2/":
            asked.set()
        return registry(request)

    async with run_harness(handler) as b:
        task = asyncio.create_task(b.tags())
        await asked.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await b.tags() == ["1.0"]
