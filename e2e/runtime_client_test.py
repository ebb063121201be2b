"""`controllers.runtime.kube`: client and informer on a real API server, through a connection that a test can cut.

What needs no connection is asked of the embedded API as well.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import msgspec
import pytest
import pytest_asyncio

from api.kinds import KINDS
from api.meta import ObjectMeta
from api.resource import Resource
from controllers.clock import SYSTEM_CLOCK
from controllers.runtime.cache.informer import Informer
from controllers.runtime.embedded.api import EmbeddedApi
from controllers.runtime.key import Key
from controllers.runtime.kube.client import KubeClient
from controllers.runtime.kube.config import ClusterConfig, load_config
from controllers.runtime.kube.errors import AlreadyExists, Conflict, Gone, Invalid, NotFound, Unreachable
from controllers.runtime.kube.protocols import ApiClient
from controllers.runtime.kube.serializer import ObjectEvent
from e2e.cuttable_link import CuttableLink

CONFIG_MAPS = Resource("", "v1", "configmaps", "ConfigMap")
IMAGE_POLICIES = Resource("image.toolkit.fluxcd.io", "v1", "imagepolicies", "ImagePolicy")
TEST_TIMEOUT_SECONDS = 30.0
RNG = random.Random(1)  # noqa: S311 -- jitter
OURS = "e2e=runtime-client"


class ConfigMap(msgspec.Struct, frozen=True):
    metadata: ObjectMeta
    data: dict[str, str] = {}


class Policy(msgspec.Struct, frozen=True):
    metadata: ObjectMeta


def config_map(name: str, **data: str) -> dict[str, Any]:
    return {"metadata": {"name": name, "labels": {"e2e": "runtime-client"}}, "data": data}


class RecordingHandler:
    """Records what a handler is called with, as (name, old version of `data.n`, new one)."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str | None, str | None]] = []
        self.more = asyncio.Event()

    def __call__(self, old: ConfigMap | None, new: ConfigMap | None) -> None:
        obj = new or old
        assert obj is not None
        before, after = (value.data.get("n", "") if value else None for value in (old, new))
        self.lines.append((obj.metadata.name, before, after))
        self.more.set()

    async def until(self, fulfilled: Callable[[], bool]) -> None:
        async with asyncio.timeout(TEST_TIMEOUT_SECONDS):
            while not fulfilled():
                self.more.clear()
                await self.more.wait()


@pytest.fixture
def config(kubeconfig: str) -> ClusterConfig:
    return load_config(kubeconfig)


@pytest_asyncio.fixture
async def client(config: ClusterConfig) -> AsyncIterator[KubeClient]:
    made = KubeClient(config, user_agent="tagline-e2e")
    yield made
    await made.close()


@pytest_asyncio.fixture(params=["cluster", "embedded"])
async def either(request: pytest.FixtureRequest, client: KubeClient) -> AsyncIterator[ApiClient]:
    """Yield a client of the real API server, and one of the embedded API."""
    if request.param == "cluster":
        yield client
    else:
        with EmbeddedApi.in_memory(KINDS, clock=SYSTEM_CLOCK) as api:
            yield api.connect()


@pytest_asyncio.fixture
async def link(config: ClusterConfig) -> AsyncIterator[CuttableLink]:
    server = urlsplit(config.server)
    made = CuttableLink(server.hostname or "", server.port or 443)
    yield made
    await made.close()


@pytest_asyncio.fixture
async def far_client(config: ClusterConfig, link: CuttableLink) -> AsyncIterator[KubeClient]:
    """Yield a client whose connections run through the link; the certificate is still checked for the real host."""
    server = urlsplit(config.server)
    through = replace(
        config,
        server=f"{server.scheme}://127.0.0.1:{await link.open()}{server.path}",
        server_name=config.server_name or server.hostname or "",
    )
    made = KubeClient(through, user_agent="tagline-e2e")
    yield made
    await made.close()


@pytest_asyncio.fixture
async def handler() -> RecordingHandler:
    return RecordingHandler()


@pytest_asyncio.fixture
async def informer(
    far_client: KubeClient, namespace: str, handler: RecordingHandler
) -> AsyncIterator[Informer[ConfigMap]]:
    """Yield an informer of our ConfigMaps in the namespace, synced."""
    made = Informer(
        far_client,
        CONFIG_MAPS,
        into=ConfigMap,
        clock=SYSTEM_CLOCK,
        rng=RNG,
        namespace=namespace,
        label_selector=OURS,
        page_size=7,
        silence_timeout=timedelta(seconds=2),
    )
    made.add_handler(handler)
    async with running_informer(made):
        yield made


class running_informer:  # noqa: N801 -- reads as a statement
    """Runs an informer for the length of a block, from the moment it is synced."""

    def __init__(self, informer: Informer[Any]) -> None:
        self._informer = informer

    async def __aenter__(self) -> None:
        self._task = asyncio.create_task(self._informer.run())
        async with asyncio.timeout(TEST_TIMEOUT_SECONDS):
            await self._informer.synced.wait()

    async def __aexit__(self, *_raised: object) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


async def put(client: ApiClient, namespace: str, name: str, **data: str) -> ConfigMap:
    try:
        return await client.patch(CONFIG_MAPS, namespace, name, {"data": data}, into=ConfigMap)
    except NotFound:
        return await client.create(CONFIG_MAPS, namespace, config_map(name, **data), into=ConfigMap)


async def test_an_object_lives_through_all_verbs(either: ApiClient, namespace: str) -> None:
    created = await either.create(CONFIG_MAPS, namespace, config_map("a", n="1"), into=ConfigMap)
    assert await either.get(CONFIG_MAPS, namespace, "a", into=ConfigMap) == created
    with pytest.raises(AlreadyExists):
        await either.create(CONFIG_MAPS, namespace, config_map("a"), into=ConfigMap)
    with pytest.raises(Invalid, match="RFC 1123"):
        await either.create(CONFIG_MAPS, namespace, config_map("A_"), into=ConfigMap)
    body = {"metadata": {"resourceVersion": created.metadata.resource_version}, "data": {"n": None, "m": "2"}}
    patched = await either.patch(CONFIG_MAPS, namespace, "a", body, into=ConfigMap, field_manager="e2e")
    assert patched.data == {"m": "2"}
    with pytest.raises(Conflict):
        await either.patch(CONFIG_MAPS, namespace, "a", body, into=ConfigMap)
    with pytest.raises(Conflict):
        await either.delete(CONFIG_MAPS, namespace, "a", uid="another")
    await either.delete(CONFIG_MAPS, namespace, "a", uid=created.metadata.uid)
    await either.delete(CONFIG_MAPS, namespace, "a")
    with pytest.raises(NotFound):
        await either.get(CONFIG_MAPS, namespace, "a", into=ConfigMap)


async def test_pages_show_one_moment(either: ApiClient, namespace: str) -> None:
    for number in range(5):
        await put(either, namespace, f"c{number}", n="1")
    first = await either.list(CONFIG_MAPS, into=ConfigMap, namespace=namespace, label_selector=OURS, limit=2)
    await either.delete(CONFIG_MAPS, namespace, "c4")
    names = [item.metadata.name for item in first.items]
    page = first
    while page.continue_:
        page = await either.list(
            CONFIG_MAPS,
            into=ConfigMap,
            namespace=namespace,
            label_selector=OURS,
            limit=2,
            continue_=page.continue_,
        )
        names += [item.metadata.name for item in page.items]
        assert page.resource_version == first.resource_version
    assert names == ["c0", "c1", "c2", "c3", "c4"]


async def test_watch_yields_changes_in_order_and_ends_in_time(either: ApiClient, namespace: str) -> None:
    start = await either.list(CONFIG_MAPS, into=ConfigMap, namespace=namespace)
    await put(either, namespace, "a", n="1")
    await put(either, namespace, "a", n="2")
    await either.delete(CONFIG_MAPS, namespace, "a")
    events = either.watch(
        CONFIG_MAPS,
        into=ConfigMap,
        namespace=namespace,
        label_selector=OURS,
        resource_version=start.resource_version,
        timeout_seconds=2,
    )
    async with aclosing(events):
        received = [(event.type, event.object.data["n"]) async for event in events if isinstance(event, ObjectEvent)]
    assert received == [("ADDED", "1"), ("MODIFIED", "2"), ("DELETED", "2")]


async def test_watch_from_an_ancient_version_is_gone(client: KubeClient, namespace: str) -> None:
    events = client.watch(IMAGE_POLICIES, into=Policy, namespace=namespace, resource_version="1", timeout_seconds=2)
    async with aclosing(events):
        with pytest.raises(Gone):
            await anext(events)


async def test_informer_lists_again_when_its_version_is_gone(
    client: KubeClient, far_client: KubeClient, link: CuttableLink, namespace: str
) -> None:
    informer = Informer(far_client, IMAGE_POLICIES, into=Policy, clock=SYSTEM_CLOCK, rng=RNG, namespace=namespace)
    added = asyncio.Event()
    informer.add_handler(lambda _old, _new: added.set())
    async with running_informer(informer):
        informer._resource_version = "1"
        link.cut()
        spec = {"imageRepositoryRef": {"name": "x"}, "policy": {"semver": {"range": "*"}}}
        body = {
            "apiVersion": IMAGE_POLICIES.api_version,
            "kind": IMAGE_POLICIES.kind,
            "metadata": {"name": "a"},
            "spec": spec,
        }
        await client.create(IMAGE_POLICIES, namespace, body, into=Policy)
        async with asyncio.timeout(TEST_TIMEOUT_SECONDS):
            await added.wait()
        assert informer.lists == 2


async def test_cut_connection_is_unreachable(far_client: KubeClient, link: CuttableLink, namespace: str) -> None:
    page = await far_client.list(CONFIG_MAPS, into=ConfigMap, namespace=namespace)
    events = far_client.watch(
        CONFIG_MAPS,
        into=ConfigMap,
        namespace=namespace,
        resource_version=page.resource_version,
        timeout_seconds=60,
    )
    async with aclosing(events):
        waiting = asyncio.ensure_future(anext(events))
        await put(far_client, namespace, "a", n="1")
        await waiting
        waiting = asyncio.ensure_future(anext(events))
        await asyncio.sleep(0)
        link.cut()
        with pytest.raises(Unreachable):
            await waiting


async def test_cut_watch_is_resumed_and_misses_nothing(
    client: KubeClient, informer: Informer[ConfigMap], link: CuttableLink, namespace: str, handler: RecordingHandler
) -> None:
    await put(client, namespace, "a", n="1")
    await handler.until(lambda: ("a", None, "1") in handler.lines)
    link.cut()
    await put(client, namespace, "a", n="2")
    await put(client, namespace, "b", n="3")
    await handler.until(lambda: len(handler.lines) >= 3)
    assert handler.lines == [("a", None, "1"), ("a", "1", "2"), ("b", None, "3")]
    assert informer.lists == 1


async def test_object_recreated_behind_a_broken_connection_is_deleted_and_added(
    client: KubeClient, informer: Informer[ConfigMap], link: CuttableLink, namespace: str, handler: RecordingHandler
) -> None:
    await put(client, namespace, "a", n="1")
    await handler.until(lambda: ("a", None, "1") in handler.lines)
    link.refusing = True
    link.cut()
    await client.delete(CONFIG_MAPS, namespace, "a")
    await put(client, namespace, "a", n="2")
    link.refusing = False
    await handler.until(lambda: len(handler.lines) >= 3)
    assert handler.lines[1:] == [("a", "1", None), ("a", None, "2")]


async def test_silent_connection_is_noticed(
    client: KubeClient, informer: Informer[ConfigMap], link: CuttableLink, namespace: str, handler: RecordingHandler
) -> None:
    await put(client, namespace, "a", n="1")
    await handler.until(lambda: ("a", None, "1") in handler.lines)
    link.swallowing = True
    await put(client, namespace, "b", n="1")
    await asyncio.sleep(0.5)
    assert informer.get(Key(namespace, "b")) is None
    link.swallowing = False  # for new connections; what was swallowed is lost, and with it the TLS stream
    await handler.until(lambda: ("b", None, "1") in handler.lines)


async def test_own_write_is_read_at_once_and_handled_once(
    client: KubeClient, informer: Informer[ConfigMap], namespace: str, handler: RecordingHandler
) -> None:
    informer.record_write(await put(client, namespace, "a", n="1"))
    informer.record_write(await put(client, namespace, "a", n="2"))
    found = informer.get(Key(namespace, "a"))
    assert found is not None
    assert found.data == {"n": "2"}
    await put(client, namespace, "b", n="1")
    await handler.until(lambda: ("b", None, "1") in handler.lines)
    assert handler.lines == [("a", None, "1"), ("a", "1", "2"), ("b", None, "1")]


async def test_object_that_loses_the_label_leaves_the_cache(
    client: KubeClient, informer: Informer[ConfigMap], namespace: str, handler: RecordingHandler
) -> None:
    await put(client, namespace, "a", n="1")
    await handler.until(lambda: ("a", None, "1") in handler.lines)
    unlabelled = {"metadata": {"labels": {"e2e": None}}, "data": {"n": "2"}}
    answer = await client.patch(CONFIG_MAPS, namespace, "a", unlabelled, into=ConfigMap)
    await handler.until(lambda: handler.lines[-1][2] is None)
    informer.record_write(answer)
    assert informer.list() == []


async def test_storm_of_changes_through_a_bad_connection_ends_in_the_servers_state(
    client: KubeClient, informer: Informer[ConfigMap], link: CuttableLink, namespace: str, handler: RecordingHandler
) -> None:
    rng = random.Random(11)  # noqa: S311

    async def writer(number: int) -> None:
        for step in range(40):
            name = f"c{number}-{rng.randrange(6)}"
            if rng.random() < 0.3:
                await client.delete(CONFIG_MAPS, namespace, name)
            else:
                answer = await put(client, namespace, name, n=str(step))
                if rng.random() < 0.5:
                    informer.record_write(answer)
            if rng.random() < 0.1:
                link.cut()

    async with asyncio.TaskGroup() as group:
        for number in range(4):
            group.create_task(writer(number))
    await put(client, namespace, "last", n="1")
    await handler.until(lambda: ("last", None, "1") in handler.lines)
    page = await client.list(CONFIG_MAPS, into=ConfigMap, namespace=namespace, label_selector=OURS)

    def by_name(objects: list[ConfigMap]) -> list[ConfigMap]:
        return sorted(objects, key=lambda obj: obj.metadata.name)

    assert by_name(informer.list()) == by_name(page.items)
    state: dict[str, str] = {}
    for name, old, new in handler.lines:
        assert state.pop(name, None) == old
        if new is not None:
            state[name] = new
    assert state == {obj.metadata.name: obj.data["n"] for obj in page.items}
