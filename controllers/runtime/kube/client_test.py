import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import pytest
import pytest_asyncio

from controllers.runtime.kube import client as client_module
from controllers.runtime.kube import errors
from controllers.runtime.kube.client import KubeClient
from controllers.runtime.kube.config import ClusterConfig
from controllers.runtime.kube.protocols import ApiClient
from controllers.runtime.kube.serializer import Bookmark, ObjectEvent
from testing.apiserver import ScriptedServer
from testing.clock import VirtualClock
from testing.embedded import EmbeddedServer
from testing.scripted_answers import delay_until, fail, pass_through, raw, reset_connection
from testing.thing import THINGS, Thing, ThingSpec, ThingStatus, encode_thing


@pytest_asyncio.fixture
async def api() -> AsyncIterator[ScriptedServer]:
    async with ScriptedServer() as server:
        yield server


@pytest_asyncio.fixture(params=[ScriptedServer, EmbeddedServer], ids=["http", "embedded"])
async def either(request: pytest.FixtureRequest) -> AsyncIterator[EmbeddedServer]:
    """Yield a server over HTTP, and the embedded API; they have the same controls."""
    async with request.param() as server:
        yield server


@pytest_asyncio.fixture
async def any_client(either: EmbeddedServer, clock: VirtualClock) -> AsyncIterator[ApiClient]:
    made = either.connect(clock)
    yield made
    await made.close()


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def observed() -> list[tuple[str, int]]:
    return []


@pytest_asyncio.fixture
async def client(
    api: ScriptedServer, clock: VirtualClock, observed: list[tuple[str, int]]
) -> AsyncIterator[KubeClient]:
    made = KubeClient(api.config, user_agent="tagline/test", observe=lambda *seen: observed.append(seen), clock=clock)
    yield made
    await made.close()


async def test_object_lives_through_all_verbs(any_client: ApiClient) -> None:
    created = await any_client.create(THINGS, "ns", encode_thing("a", size=1), into=Thing)
    body = {"metadata": {"resourceVersion": created.metadata.resource_version}, "status": {"pushed": "now"}}
    patched = await any_client.patch(THINGS, "ns", "a", body, into=Thing, subresource="status")
    assert (patched.spec, patched.status) == (ThingSpec(size=1), ThingStatus(pushed="now"))
    assert await any_client.get(THINGS, "ns", "a", into=Thing) == patched
    await any_client.delete(THINGS, "ns", "a", uid=patched.metadata.uid)
    with pytest.raises(errors.NotFound, match="get things ns/a: 404 NotFound"):
        await any_client.get(THINGS, "ns", "a", into=Thing)


async def test_a_request_says_what_it_patches_and_who_sends_it(api: ScriptedServer, client: KubeClient) -> None:
    api.put(THINGS, encode_thing("a"))
    body = {"status": {"pushed": "now"}}
    await client.patch(THINGS, "ns", "a", body, into=Thing, subresource="status", field_manager="some-controller")
    patch = next(seen for seen in api.requests if seen.verb == "patch")
    assert patch.path == "/apis/example.com/v1/namespaces/ns/things/a/status"
    assert patch.query == {"fieldManager": "some-controller"}
    assert patch.headers["Content-Type"] == "application/merge-patch+json"
    assert patch.headers["User-Agent"] == "tagline/test"


async def test_patch_of_an_older_version_is_a_conflict(any_client: ApiClient) -> None:
    old = await any_client.create(THINGS, "ns", encode_thing("a"), into=Thing)
    await any_client.patch(THINGS, "ns", "a", {"spec": {"size": 1}}, into=Thing)
    with pytest.raises(errors.Conflict, match=r"patch things ns/a: 409 Conflict: .*the object has been modified"):
        await any_client.patch(
            THINGS, "ns", "a", {"metadata": {"resourceVersion": old.metadata.resource_version}}, into=Thing
        )


async def test_create_of_a_taken_name(any_client: ApiClient) -> None:
    await any_client.create(THINGS, "ns", encode_thing("a"), into=Thing)
    with pytest.raises(errors.AlreadyExists):
        await any_client.create(THINGS, "ns", encode_thing("a"), into=Thing)


async def test_delete_of_nothing_is_fine_and_of_another_incarnation_is_not(any_client: ApiClient) -> None:
    await any_client.delete(THINGS, "ns", "a")
    await any_client.create(THINGS, "ns", encode_thing("a"), into=Thing)
    with pytest.raises(errors.Conflict):
        await any_client.delete(THINGS, "ns", "a", uid="earlier")


async def test_pages_add_up(either: EmbeddedServer, any_client: ApiClient) -> None:
    for number in range(5):
        either.put(THINGS, encode_thing(f"t{number}"))
    names: list[str] = []
    continue_ = ""
    for expected in (2, 2, 1):
        page = await any_client.list(THINGS, into=Thing, limit=2, continue_=continue_)
        assert len(page.items) == expected
        assert page.resource_version == either.version
        names += [item.metadata.name for item in page.items]
        continue_ = page.continue_
    assert (names, continue_) == ([f"t{number}" for number in range(5)], "")


async def test_expired_continue_token_is_gone(api: ScriptedServer, client: KubeClient) -> None:
    api.script("list", fail(410, "Expired"))
    with pytest.raises(errors.Gone):
        await client.list(THINGS, into=Thing, continue_="old")


async def test_watch_tells_what_happens_after_a_version(either: EmbeddedServer, any_client: ApiClient) -> None:
    since = either.version
    first = either.put(THINGS, encode_thing("a"))
    events = any_client.watch(THINGS, into=Thing, namespace="ns", resource_version=since, timeout_seconds=300)
    async with aclosing(events):
        added = await anext(events)
        assert isinstance(added, ObjectEvent)
        assert (added.type, added.resource_version) == ("ADDED", first["metadata"]["resourceVersion"])
        either.remove(THINGS, "ns", "a")
        deleted = await anext(events)
        assert isinstance(deleted, ObjectEvent)
        assert deleted.type == "DELETED"
        either.bookmark()
        assert await anext(events) == Bookmark(either.version)
        either.end_watches()
        assert [event async for event in events] == []


async def test_a_watch_asks_for_bookmarks_and_a_time(api: ScriptedServer, client: KubeClient) -> None:
    since = api.version
    api.put(THINGS, encode_thing("a"))
    async with aclosing(client.watch(THINGS, into=Thing, resource_version=since, timeout_seconds=300)) as events:
        await anext(events)
    assert api.requests[-1].query == {
        "watch": "true",
        "allowWatchBookmarks": "true",
        "resourceVersion": since,
        "timeoutSeconds": "300",
    }


async def test_watch_of_forgotten_history_is_gone(either: EmbeddedServer, any_client: ApiClient) -> None:
    since = either.version
    either.compact()
    with pytest.raises(errors.Gone):
        await anext(any_client.watch(THINGS, into=Thing, resource_version=since, timeout_seconds=300))


async def test_error_event_ends_a_watch(either: EmbeddedServer, any_client: ApiClient) -> None:
    events = any_client.watch(THINGS, into=Thing, resource_version=either.version, timeout_seconds=300)
    waiting = asyncio.ensure_future(anext(events))
    await either.wait_for_watches()
    either.error_watches(410, "Expired")
    with pytest.raises(errors.Gone):
        await waiting


async def test_dropped_watch_is_unreachable(either: EmbeddedServer, any_client: ApiClient) -> None:
    events = any_client.watch(THINGS, into=Thing, resource_version=either.version, timeout_seconds=300)
    waiting = asyncio.ensure_future(anext(events))
    await either.wait_for_watches()
    either.drop_watches()
    with pytest.raises(errors.Unreachable, match="watch things: Unreachable"):
        await waiting


async def test_left_watch_gives_its_connection_back(either: EmbeddedServer, any_client: ApiClient) -> None:
    since = either.version
    either.put(THINGS, encode_thing("a"))
    events = any_client.watch(THINGS, into=Thing, resource_version=since, timeout_seconds=300)
    async with aclosing(events):
        await anext(events)
        assert either.watching == 1
    await either.wait_for_watches(0)


async def test_read_waits_for_a_throttling_server(
    api: ScriptedServer, client: KubeClient, clock: VirtualClock, observed: list[tuple[str, int]]
) -> None:
    api.put(THINGS, encode_thing("a"))
    api.script("get", fail(429, "TooManyRequests", Retry_After="3"), fail(503, Retry_After="4"))
    reading = asyncio.create_task(client.get(THINGS, "ns", "a", into=Thing))
    await clock.wait_for_sleepers()
    assert clock.next_wake == 3
    await clock.advance(3)
    await clock.wait_for_sleepers()
    assert clock.next_wake == 4
    await clock.advance(4)
    assert (await reading).metadata.name == "a"
    assert observed == [("GET", 429), ("GET", 503), ("GET", 200)]


async def test_read_gives_up_after_three_attempts(api: ScriptedServer, client: KubeClient, clock: VirtualClock) -> None:
    api.script("get", *[fail(429, "TooManyRequests", Retry_After="0")] * 3)
    with pytest.raises(errors.Throttled) as caught:
        await client.get(THINGS, "ns", "a", into=Thing)
    assert caught.value.retry_after == 0
    assert api.count("get") == 3


async def test_the_caller_decides_about_longer_waits(api: ScriptedServer, client: KubeClient) -> None:
    api.script("get", fail(429, "TooManyRequests", Retry_After="3600"))
    with pytest.raises(errors.Throttled) as caught:
        await client.get(THINGS, "ns", "a", into=Thing)
    assert (caught.value.retry_after, api.count("get")) == (3600, 1)


async def test_the_caller_decides_about_throttled_writes(api: ScriptedServer, client: KubeClient) -> None:
    api.script("patch", fail(429, "TooManyRequests", Retry_After="1"))
    with pytest.raises(errors.Throttled) as caught:
        await client.patch(THINGS, "ns", "a", {}, into=Thing)
    assert (caught.value.retry_after, api.count("patch")) == (1, 1)


@pytest.mark.parametrize(
    ("answer", "want"),
    [
        pytest.param(fail(500, "InternalError"), errors.ServerError, id="internal"),
        pytest.param(fail(403, "Forbidden"), errors.Forbidden, id="forbidden"),
        pytest.param(fail(401, "Unauthorized"), errors.Unauthorized, id="unauthorized"),
        pytest.param(fail(422, "Invalid"), errors.Invalid, id="invalid"),
        pytest.param(raw(b"hello", content_type="text/plain"), errors.Unreadable, id="not-json"),
        pytest.param(raw(b"", status=302), errors.ServerError, id="redirect-is-not-followed"),
        pytest.param(reset_connection, errors.Unreachable, id="reset"),
    ],
)
async def test_answers_that_are_errors(
    api: ScriptedServer, client: KubeClient, answer: Any, want: type[errors.ApiError]
) -> None:
    api.script("patch", answer)
    with pytest.raises(errors.ApiError, match=r"^patch things ns/a: ") as caught:
        await client.patch(THINGS, "ns", "a", {}, into=Thing)
    assert type(caught.value) is want


async def test_nobody_there_is_unreachable_and_observed_as_zero() -> None:
    observed: list[tuple[str, int]] = []
    client = KubeClient(
        ClusterConfig("http://127.0.0.1:1"), user_agent="t", observe=lambda *seen: observed.append(seen)
    )
    with pytest.raises(errors.Unreachable, match=r"get things ns/a: Unreachable: .*127\.0\.0\.1"):
        await client.get(THINGS, "ns", "a", into=Thing)
    assert observed == [("GET", 0)]
    await client.close()


async def test_answer_that_never_comes_is_unreachable(
    api: ScriptedServer, client: KubeClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = asyncio.Event()
    api.script("list", delay_until(gate))
    monkeypatch.setattr(client_module, "LIST_SECONDS", 0.05)
    with pytest.raises(errors.Unreachable, match="list things: Unreachable"):
        await client.list(THINGS, into=Thing)
    gate.set()


async def test_body_past_the_limit_is_refused(
    api: ScriptedServer, client: KubeClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    api.script("list", raw(b'{"items":[' + b" " * 5000 + b"]}"))
    monkeypatch.setattr(client_module, "MAX_PAGE_BYTES", 4096)
    with pytest.raises(errors.TooLarge, match="answer of more than 4096 bytes"):
        await client.list(THINGS, into=Thing)


class Rotating:
    def __init__(self) -> None:
        self.renewed = 0

    async def authorization(self, *, renew: bool = False) -> str:
        self.renewed += renew
        return f"Bearer token-{self.renewed}"


async def test_refused_token_is_renewed_once_for_any_verb(api: ScriptedServer) -> None:
    credentials = Rotating()
    config = ClusterConfig(api.config.server, credentials=credentials)
    client = KubeClient(config, user_agent="t")
    api.put(THINGS, encode_thing("a"))
    api.script("patch", fail(401, "Unauthorized"), pass_through, fail(401), fail(401))
    await client.patch(THINGS, "ns", "a", {"spec": {"size": 1}}, into=Thing)
    assert [seen.headers["Authorization"] for seen in api.requests] == ["Bearer token-0", "Bearer token-1"]
    with pytest.raises(errors.Unauthorized):
        await client.patch(THINGS, "ns", "a", {"spec": {"size": 2}}, into=Thing)
    assert credentials.renewed == 2
    await client.close()


async def test_client_can_be_used_again_after_close(either: EmbeddedServer, any_client: ApiClient) -> None:
    either.put(THINGS, encode_thing("a"))
    await any_client.get(THINGS, "ns", "a", into=Thing)
    await any_client.close()
    await any_client.close()
    assert (await any_client.get(THINGS, "ns", "a", into=Thing)).metadata.name == "a"


def test_import_is_cheap() -> None:
    code = (
        "import sys, controllers.runtime.cache.informer; print([m for m in sys.modules if m.startswith('kubernetes')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
