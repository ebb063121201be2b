"""An API server in the test's own process that misbehaves on command.

It lists the objects of an `ApiStore` in pages and streams changes as the real one does, over real sockets; a test
scripts what goes wrong: answers by verb (`script`, with `scripted_answers`), and the open watches (end, drop, silence,
error).
"""

import asyncio
import json
import re
import uuid
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Self

from aiohttp import web

from api.resource import Resource
from controllers.clock import Clock
from controllers.runtime.embedded.store import Request
from controllers.runtime.kube.client import KubeClient
from controllers.runtime.kube.config import ClusterConfig
from controllers.runtime.kube.errors import ApiError
from controllers.runtime.kube.protocols import ApiClient
from testing.apistore import ApiStore, Json
from testing.clock import TEST_TIMEOUT_SECONDS
from testing.scripted_answers import ScriptedAnswer, failure_response, status_object

_PATH = re.compile(
    r"/(?:api|apis/(?P<group>[^/]+))/(?P<version>[^/]+)(?:/namespaces/(?P<namespace>[^/]+))?"
    r"/(?P<plural>[^/]+)(?:/(?P<name>[^/]+))?(?:/(?P<subresource>[^/]+))?"
)
_END, _DROP = object(), object()


@dataclass(frozen=True, slots=True)
class RecordedRequest:
    """A request as it came in."""

    verb: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True, slots=True)
class _ResourcePath:
    resource: Resource
    namespace: str
    name: str
    subresource: str


@dataclass(frozen=True, slots=True)
class _Event:
    version: int
    plural: str
    namespace: str
    line: Json


class ScriptedServer:
    """Use as `async with ScriptedServer() as api: KubeClient(api.config, user_agent="test")`."""

    def __init__(self) -> None:
        self.requests: list[RecordedRequest] = []
        self.silent = False
        """While true, open and new watches get no events; what happens is kept and sent to watches opened later."""
        self._store = ApiStore(self._publish, version=1000)
        self._floor = 0
        self._history: list[_Event] = []
        self._scripts: dict[str, list[ScriptedAnswer]] = defaultdict(list)
        self._rest_of_list: dict[str, tuple[str, list[Json]]] = {}
        self._watches: list[tuple[_ResourcePath, asyncio.Queue[object]]] = []
        self._opened = 0
        self._watches_changed = asyncio.Event()
        self._runner: web.AppRunner | None = None
        self.config = ClusterConfig("")

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._serve)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1, handler_cancellation=True)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.config = ClusterConfig(f"http://127.0.0.1:{self._runner.addresses[0][1]}")
        return self

    async def __aexit__(self, *_raised: object) -> None:
        self.end_watches()
        if self._runner is not None:
            await self._runner.cleanup()

    def connect(self, clock: Clock) -> ApiClient:
        """Return a client of it; close it."""
        return KubeClient(self.config, user_agent="test", clock=clock)

    # The world: what other clients of the server do.

    @property
    def version(self) -> str:
        """The current resourceVersion."""
        return self._store.version

    def put(self, resource: Resource, obj: Json) -> Json:
        """Create or replace an object; return it with uid and resourceVersion."""
        return self._store.put(resource.plural, {"apiVersion": resource.api_version, "kind": resource.kind, **obj})

    def remove(self, resource: Resource, namespace: str, name: str) -> None:
        """Delete an object at once."""
        self._store.remove(resource.plural, namespace, name)

    def get(self, resource: Resource, namespace: str, name: str) -> Json | None:
        """Return an object as stored; None when there is none."""
        return self._store.find(resource.plural, namespace, name)

    # The script: what goes wrong.

    def script(self, verb: str, *answers: ScriptedAnswer) -> None:
        """Answer the next requests of `verb` (get list watch create patch delete) so, one each, in this order."""
        self._scripts[verb] += answers

    def compact(self) -> None:
        """Forget all history: watches from before now get 410 Gone."""
        self._store.skip_version()
        self._floor = int(self.version)
        self._history.clear()

    def bookmark(self) -> None:
        """Send a bookmark to every open watch."""
        bookmark = {"type": "BOOKMARK", "object": {"kind": "X", "metadata": {"resourceVersion": self.version}}}
        self._send_all(bookmark)

    def error_watches(self, status: int, reason: str = "") -> None:
        """Send an ERROR event to every open watch and end it."""
        self._send_all({"type": "ERROR", "object": status_object(status, reason)}, _END)

    def end_watches(self) -> None:
        """End every open watch cleanly, as after timeoutSeconds."""
        self._send_all(_END)

    def drop_watches(self) -> None:
        """Cut the connection under every open watch."""
        self._send_all(_DROP)

    @property
    def watching(self) -> int:
        """The number of open watches."""
        return len(self._watches)

    async def wait_for_opened(self, count: int) -> None:
        """Return once at least `count` watches have been opened since the start."""
        await self._wait(lambda: self._opened >= count)

    async def wait_for_watches(self, count: int = 1) -> None:
        """Return once exactly `count` watches are open."""
        await self._wait(lambda: len(self._watches) == count)

    async def _wait(self, fulfilled: Callable[[], bool]) -> None:
        async with asyncio.timeout(TEST_TIMEOUT_SECONDS):
            while not fulfilled():
                self._watches_changed.clear()
                await self._watches_changed.wait()

    def count(self, verb: str) -> int:
        """Return how many requests of a verb have come in."""
        return sum(seen.verb == verb for seen in self.requests)

    # Serving.

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        match = _PATH.fullmatch(request.path)
        if match is None:
            return failure_response(404, "NotFound")
        parts = {name: value or "" for name, value in match.groupdict().items()}
        resource = Resource(parts["group"], parts["version"], parts["plural"], "")
        path = _ResourcePath(resource, parts["namespace"], parts["name"], parts["subresource"])
        verb = _verb(request, path)
        body = await request.read()
        self.requests.append(RecordedRequest(verb, request.path, dict(request.query), dict(request.headers), body))
        if self._scripts[verb]:
            answer = await self._scripts[verb].pop(0)(request)
            if answer is not None:
                return answer
        match verb:
            case "list":
                return self._list(path, request.query)
            case "watch":
                return await self._watch(path, request)
        try:
            return self._answer(verb, path, json.loads(body or b"{}"))
        except ApiError as error:
            return failure_response(error.status, error.reason, error.message)

    def _answer(self, verb: str, path: _ResourcePath, body: Json) -> web.Response:
        request = Request(verb, path.resource, path.namespace, path.name)
        match verb:
            case "create":
                return _json_response(self._store.create(request, body), status=201)
            case "patch":
                return _json_response(self._store.patch(request, body, subresource=path.subresource))
            case "delete":
                self._store.delete(request, uid=body.get("preconditions", {}).get("uid", ""))
                return web.json_response(status_object(200, ""))
        return _json_response(self._store.get(request))

    def _list(self, path: _ResourcePath, query: Mapping[str, str]) -> web.StreamResponse:
        if token := query.get("continue"):
            version, items = self._rest_of_list.pop(token)
        else:
            version = self.version
            items = self._store.list(path.resource.plural, path.namespace)
        limit = int(query.get("limit", "0")) or len(items)
        meta = {"resourceVersion": version}
        if items[limit:]:
            meta["continue"] = str(uuid.uuid4())
            self._rest_of_list[meta["continue"]] = (version, items[limit:])
        return web.json_response({"kind": "List", "apiVersion": "v1", "metadata": meta, "items": items[:limit]})

    async def _watch(self, path: _ResourcePath, request: web.Request) -> web.StreamResponse:
        since = int(request.query["resourceVersion"])
        if since < self._floor:
            return failure_response(410, "Expired")
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        queue: asyncio.Queue[object] = asyncio.Queue()
        if not self.silent:
            for event in self._history:
                if event.version > since and _concerns(path, event):
                    queue.put_nowait(event.line)
        self._watches.append((path, queue))
        self._opened += 1
        self._watches_changed.set()
        try:
            while (item := await queue.get()) is not _END:
                if item is _DROP:
                    if request.transport is not None:
                        request.transport.abort()
                    break
                await response.write(json.dumps(item).encode() + b"\n")
        finally:
            self._watches.remove((path, queue))
            self._watches_changed.set()
        return response

    def _publish(self, kind: str, plural: str, obj: Json) -> None:
        namespace = obj["metadata"].get("namespace", "")
        event = _Event(int(self.version), plural, namespace, {"type": kind, "object": obj})
        self._history.append(event)
        if not self.silent:
            for path, queue in self._watches:
                if _concerns(path, event):
                    queue.put_nowait(event.line)

    def _send_all(self, *items: object) -> None:
        for _, queue in self._watches:
            for item in items:
                queue.put_nowait(item)


def _json_response(body: bytes, *, status: int = 200) -> web.Response:
    return web.Response(body=body, status=status, content_type="application/json")


def _verb(request: web.Request, path: _ResourcePath) -> str:
    if request.method == "GET" and not path.name:
        return "watch" if request.query.get("watch") else "list"
    return {"GET": "get", "POST": "create", "PATCH": "patch", "DELETE": "delete"}[request.method]


def _concerns(path: _ResourcePath, event: _Event) -> bool:
    return path.resource.plural == event.plural and path.namespace in ("", event.namespace)
