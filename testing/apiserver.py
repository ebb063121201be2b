"""An API server in the test's own process that misbehaves on command.

It stores objects, lists them in pages and streams changes as the real one does, over real sockets; a test scripts what
goes wrong: answers by verb (`script`, with `testing_answers`), and the open watches (end, drop, silence, error).
It knows no schemas, no selectors, no finalizers, no access rules: for those there is the real server in `e2e`.
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
from controllers.runtime.kube.config import ClusterConfig
from testing.clock import TEST_TIMEOUT_SECONDS
from testing.scripted_answers import Json, ScriptedAnswer, failure_response, status_object

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
    collection: tuple[str, str]
    namespace: str
    name: str
    subresource: str


@dataclass(frozen=True, slots=True)
class _Event:
    version: int
    type: str
    collection: tuple[str, str]
    object: Json


class ScriptedServer:
    """Use as `async with ScriptedServer() as api: KubeClient(api.config, user_agent="test")`."""

    def __init__(self) -> None:
        self.requests: list[RecordedRequest] = []
        self.silent = False
        """While true, open and new watches get no events; what happens is kept and told to watches opened later."""
        self._version = 1000
        self._floor = 0
        self._objects: dict[tuple[tuple[str, str], str, str], Json] = {}
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

    # The world: what other clients of the server do.

    @property
    def version(self) -> str:
        """The current resourceVersion."""
        return str(self._version)

    def put(self, resource: Resource, obj: Json) -> Json:
        """Create or replace an object; returns it with uid and resourceVersion."""
        meta = obj["metadata"]
        key = ((resource.group, resource.plural), meta.get("namespace", ""), meta["name"])
        held = self._objects.get(key)
        uid = held["metadata"]["uid"] if held else str(uuid.uuid4())
        stamp = {"apiVersion": resource.api_version, "kind": resource.kind}
        return self._store(key, {**stamp, **obj, "metadata": {**meta, "uid": uid}}, "MODIFIED" if held else "ADDED")

    def remove(self, resource: Resource, namespace: str, name: str) -> None:
        """Delete an object at once."""
        self._delete(((resource.group, resource.plural), namespace, name))

    def get(self, resource: Resource, namespace: str, name: str) -> Json | None:
        """An object as stored."""
        return self._objects.get(((resource.group, resource.plural), namespace, name))

    # The script: what goes wrong.

    def script(self, verb: str, *answers: ScriptedAnswer) -> None:
        """Answer the next requests of `verb` (get list watch create patch delete) so, one each, in this order."""
        self._scripts[verb] += answers

    def compact(self) -> None:
        """Forget all history: watches from before now get 410 Gone."""
        self._version += 1
        self._floor = self._version
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
        """How many watches are open."""
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
        """How many requests of a verb have come in."""
        return sum(seen.verb == verb for seen in self.requests)

    # Serving.

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        match = _PATH.fullmatch(request.path)
        if match is None:
            return failure_response(404, "NotFound")
        parts = {name: value or "" for name, value in match.groupdict().items()}
        resource_path = _ResourcePath(
            (parts["group"], parts["plural"]), parts["namespace"], parts["name"], parts["subresource"]
        )
        verb = _verb(request, resource_path)
        body = await request.read()
        self.requests.append(RecordedRequest(verb, request.path, dict(request.query), dict(request.headers), body))
        if self._scripts[verb]:
            answer = await self._scripts[verb].pop(0)(request)
            if answer is not None:
                return answer
        match verb:
            case "list":
                return self._list(resource_path, request.query)
            case "watch":
                return await self._watch(resource_path, request)
            case "create":
                return self._create(resource_path, json.loads(body))
        held = self._objects.get((resource_path.collection, resource_path.namespace, resource_path.name))
        if held is None:
            return failure_response(404, "NotFound")
        match verb:
            case "patch":
                return self._patch(resource_path, held, json.loads(body))
            case "delete":
                return self._delete_if(resource_path, held, json.loads(body or b"{}"))
        return web.json_response(held)

    def _list(self, resource_path: _ResourcePath, query: Mapping[str, str]) -> web.StreamResponse:
        if token := query.get("continue"):
            version, items = self._rest_of_list.pop(token)
        else:
            version = self.version
            items = [
                obj
                for (collection, namespace, _), obj in sorted(self._objects.items(), key=lambda item: item[0])
                if collection == resource_path.collection and resource_path.namespace in ("", namespace)
            ]
        limit = int(query.get("limit", "0")) or len(items)
        meta = {"resourceVersion": version}
        if items[limit:]:
            meta["continue"] = str(uuid.uuid4())
            self._rest_of_list[meta["continue"]] = (version, items[limit:])
        return web.json_response({"kind": "List", "apiVersion": "v1", "metadata": meta, "items": items[:limit]})

    async def _watch(self, resource_path: _ResourcePath, request: web.Request) -> web.StreamResponse:
        since = int(request.query["resourceVersion"])
        if since < self._floor:
            return failure_response(410, "Expired")
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        queue: asyncio.Queue[object] = asyncio.Queue()
        if not self.silent:
            for event in self._history:
                if event.version > since and _concerns(resource_path, event):
                    queue.put_nowait({"type": event.type, "object": event.object})
        self._watches.append((resource_path, queue))
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
            self._watches.remove((resource_path, queue))
            self._watches_changed.set()
        return response

    def _create(self, resource_path: _ResourcePath, body: Json) -> web.StreamResponse:
        name = body["metadata"]["name"]
        key = (resource_path.collection, resource_path.namespace, name)
        if key in self._objects:
            return failure_response(409, "AlreadyExists", f"{resource_path.collection[1]} {name!r} already exists")
        meta = {**body["metadata"], "namespace": resource_path.namespace, "uid": str(uuid.uuid4())}
        return web.json_response(self._store(key, {**body, "metadata": meta}, "ADDED"), status=201)

    def _patch(self, resource_path: _ResourcePath, held: Json, body: Json) -> web.StreamResponse:
        expected = body.get("metadata", {}).get("resourceVersion")
        if expected not in (None, held["metadata"]["resourceVersion"]):
            return failure_response(409, "Conflict", "the object has been modified")
        if resource_path.subresource == "status":
            body = {"status": body.get("status")}
        merged = merge(held, body)
        if merged == held:
            return web.json_response(held)
        if merged.get("spec") != held.get("spec"):
            merged["metadata"]["generation"] = held["metadata"].get("generation", 1) + 1
        return web.json_response(
            self._store((resource_path.collection, resource_path.namespace, resource_path.name), merged, "MODIFIED")
        )

    def _delete_if(self, resource_path: _ResourcePath, held: Json, options: Json) -> web.StreamResponse:
        if options.get("preconditions", {}).get("uid") not in (None, held["metadata"]["uid"]):
            return failure_response(409, "Conflict", "the UID in the precondition does not match")
        self._delete((resource_path.collection, resource_path.namespace, resource_path.name))
        return web.json_response(status_object(200, ""))

    def _store(self, key: tuple[tuple[str, str], str, str], obj: Json, kind: str) -> Json:
        self._version += 1
        stored = {**obj, "metadata": {"generation": 1, **obj["metadata"], "resourceVersion": self.version}}
        self._objects[key] = stored
        self._publish(_Event(self._version, kind, key[0], stored))
        return stored

    def _delete(self, key: tuple[tuple[str, str], str, str]) -> None:
        held = self._objects.pop(key)
        self._version += 1
        last = {**held, "metadata": {**held["metadata"], "resourceVersion": self.version}}
        self._publish(_Event(self._version, "DELETED", key[0], last))

    def _publish(self, event: _Event) -> None:
        self._history.append(event)
        if not self.silent:
            for resource_path, queue in self._watches:
                if _concerns(resource_path, event):
                    queue.put_nowait({"type": event.type, "object": event.object})

    def _send_all(self, *items: object) -> None:
        for _, queue in self._watches:
            for item in items:
                queue.put_nowait(item)


def merge(target: Any, patch: Any) -> Any:
    """RFC 7396."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merge(result.get(key), value)
    return result


def _verb(request: web.Request, resource_path: _ResourcePath) -> str:
    if request.method == "GET" and not resource_path.name:
        return "watch" if request.query.get("watch") else "list"
    return {"GET": "get", "POST": "create", "PATCH": "patch", "DELETE": "delete"}[request.method]


def _concerns(resource_path: _ResourcePath, event: _Event) -> bool:
    namespace = event.object["metadata"].get("namespace", "")
    return resource_path.collection == event.collection and resource_path.namespace in ("", namespace)
