"""The client of the embedded API with the controls of `apiserver.ScriptedServer`, for tests that both must pass."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Self

from api.resource import Resource
from controllers.clock import Clock
from controllers.runtime.embedded.client import EmbeddedClient
from controllers.runtime.embedded.history import Ended, Item, Subscription, Tick
from controllers.runtime.kube.errors import Unreachable, error_for_status
from controllers.runtime.kube.protocols import ApiClient
from controllers.runtime.kube.serializer import K, Page, T, WatchEvent
from testing.apistore import ApiStore, Json
from testing.clock import TEST_TIMEOUT_SECONDS


@dataclass(frozen=True, slots=True)
class RecordedCall:
    """A list or watch as it was asked for, in the words of HTTP."""

    verb: str
    query: dict[str, str]


class EmbeddedServer:
    """Use as `async with EmbeddedServer() as api: api.connect(clock)`."""

    def __init__(self) -> None:
        self.requests: list[RecordedCall] = []
        self.store = ApiStore(version=1000)
        self.watches: list[Subscription] = []
        self._opened = 0
        self._changed = asyncio.Event()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_raised: object) -> None:
        self.end_watches()

    def connect(self, clock: Clock) -> ApiClient:
        """Return a client whose lists and watches are recorded."""
        return _RecordingClient(self, EmbeddedClient(self.store.objects, clock=clock))

    @property
    def version(self) -> str:
        return self.store.version

    def put(self, resource: Resource, obj: Json) -> Json:
        return self.store.put(resource.plural, {"apiVersion": resource.api_version, "kind": resource.kind, **obj})

    def remove(self, resource: Resource, namespace: str, name: str) -> None:
        self.store.remove(resource.plural, namespace, name)

    def get(self, resource: Resource, namespace: str, name: str) -> Json | None:
        return self.store.find(resource.plural, namespace, name)

    def compact(self) -> None:
        self.store.skip_version()
        self.store.objects.history.forget(int(self.version))

    def bookmark(self) -> None:
        self._send_all(Tick(self.version))

    def error_watches(self, status: int, reason: str = "") -> None:
        error = error_for_status("watch things", "scripted", status=status, reason=reason, retry_after=None)
        self._send_all(Ended(error))

    def end_watches(self) -> None:
        self._send_all(Ended())

    def drop_watches(self) -> None:
        self._send_all(Ended(Unreachable("watch things", "scripted")))

    @property
    def watching(self) -> int:
        return len(self.watches)

    async def wait_for_opened(self, count: int) -> None:
        await self._wait(lambda: self._opened >= count)

    async def wait_for_watches(self, count: int = 1) -> None:
        await self._wait(lambda: len(self.watches) == count)

    def count(self, verb: str) -> int:
        return sum(seen.verb == verb for seen in self.requests)

    def note_opened(self, subscription: Subscription) -> None:
        """Record that a watch runs."""
        self.watches.append(subscription)
        self._opened += 1
        self._changed.set()

    def note_closed(self, subscription: Subscription) -> None:
        """Record that a watch has ended."""
        self.watches.remove(subscription)
        self._changed.set()

    async def _wait(self, fulfilled: Callable[[], bool]) -> None:
        async with asyncio.timeout(TEST_TIMEOUT_SECONDS):
            while not fulfilled():
                self._changed.clear()
                await self._changed.wait()

    def _send_all(self, item: Item) -> None:
        for watch in self.watches:
            watch.items.put_nowait(item)


class _RecordingClient:
    """An embedded client that records lists and watches."""

    def __init__(self, server: EmbeddedServer, client: EmbeddedClient) -> None:
        self._server = server
        self._client = client
        self.get, self.create, self.patch = client.get, client.create, client.patch
        self.delete, self.close = client.delete, client.close

    async def list(
        self,
        resource: Resource,
        *,
        into: type[T],
        namespace: str = "",
        label_selector: str = "",
        limit: int = 500,
        continue_: str = "",
    ) -> Page[T]:
        self._server.requests.append(RecordedCall("list", {"limit": str(limit)}))
        return await self._client.list(
            resource,
            into=into,
            namespace=namespace,
            label_selector=label_selector,
            limit=limit,
            continue_=continue_,
        )

    async def watch(
        self,
        resource: Resource,
        *,
        into: type[K],
        namespace: str = "",
        label_selector: str = "",
        resource_version: str,
        timeout_seconds: int,
    ) -> AsyncGenerator[WatchEvent[K], None]:
        query = {"resourceVersion": resource_version, "timeoutSeconds": str(timeout_seconds)}
        self._server.requests.append(RecordedCall("watch", query))
        before = set(self._client.watches)
        events = self._client.watch(
            resource,
            into=into,
            namespace=namespace,
            label_selector=label_selector,
            resource_version=resource_version,
            timeout_seconds=timeout_seconds,
        )
        async with aclosing(events):
            # The subscription exists once the generator runs, and it runs when it is asked for its first event.
            first = asyncio.ensure_future(anext(events))
            while not first.done() and self._client.watches == before:  # noqa: ASYNC110 -- a generator announces nothing
                await asyncio.sleep(0)
            opened = self._client.watches - before
            for subscription in opened:
                self._server.note_opened(subscription)
            try:
                try:
                    yield await first
                except StopAsyncIteration:
                    return
                async for event in events:
                    yield event
            finally:
                first.cancel()
                await asyncio.gather(first, return_exceptions=True)
                for subscription in opened:
                    self._server.note_closed(subscription)
