"""The Kubernetes API as the client shows it, without sockets: objects in memory, errors on command.

What the caller's type does not name is dropped, as by the client. `apiserver` has the same objects behind HTTP.
"""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any, Generic, TypeVar

import msgspec

from api.resource import Resource
from controllers.runtime.embedded.store import Request
from controllers.runtime.key import Key, KubeObject, key_of
from controllers.runtime.kube import serializer
from controllers.runtime.kube.errors import ApiError, Forbidden, NotFound
from controllers.runtime.kube.paths import describe_request
from testing.apistore import ApiStore

T = TypeVar("T")
K = TypeVar("K", bound=KubeObject)


class FakeObjects(dict[Key, K]):
    """An `ObjectCache`."""

    def __init__(self, objects: Mapping[Key, K] | None = None) -> None:
        super().__init__(objects or {})
        self.late: dict[Key, K] = {}
        """What the server has and the cache has not received yet."""
        self.requests: list[Key] = []
        """What the server was asked for."""
        self.lists: list[str | None] = []
        """Moments that `list_now` was asked for; None for now."""

    async def find(self, key: Key) -> K | None:
        if key in self:
            return self[key]
        self.requests.append(key)
        return self.late.get(key)

    async def list_now(self, namespace: str, *, as_of: str | None = None) -> list[K]:
        self.lists.append(as_of)
        every = {**self, **self.late}
        return [obj for key, obj in every.items() if key.namespace == namespace]

    def list(self, namespace: str = "") -> list[K]:
        return [obj for key, obj in self.items() if not namespace or key.namespace == namespace]


class FakeKube:
    """A `Client` of an API server that nobody else runs."""

    def __init__(self, store: ApiStore | None = None, **objects: Any) -> None:
        """store: the server's, where several clients share one. objects: plural → list of Structs to begin with."""
        self.requests: list[str] = []
        """`verb plural namespace/name` of each request, failed ones included."""
        self.failures: dict[str, list[ApiError]] = {}
        """Request, as in `requests` → errors for the next of them, in order."""
        self.answers: dict[str, Callable[[Any], Any]] = {}
        """Subresource → what is answered to a body that is posted to it."""
        self.patches: list[tuple[str, Any]] = []
        """Subresource and body of each PATCH, failed ones included."""
        self.field_managers: set[str] = set()
        self.before: Callable[[str], Awaitable[object]] = _pass
        """Awaited with each request before it is looked at: may wait, raise, or change what is stored."""
        self._store = ApiStore() if store is None else store
        for plural, structs in objects.items():
            for struct in structs:
                self.put(plural, struct)

    def put(self, plural: str, struct: object) -> None:
        """Create or replace an object as somebody else."""
        self._store.put(plural, msgspec.to_builtins(struct))

    def change(self, resource: Resource, namespace: str, name: str, patch: dict[str, Any]) -> None:
        """Patch an object as somebody else."""
        self._store.change(resource.plural, namespace, name, patch)

    def remove(self, plural: str, namespace: str, name: str) -> None:
        """Delete an object as somebody else."""
        self._store.remove(plural, namespace, name)

    def all(self, plural: str, into: type[T]) -> list[T]:
        """Return every object of a kind, by namespace and name."""
        return [msgspec.convert(body, into) for body in self._store.list(plural)]

    def get_stored(self, plural: str, namespace: str, name: str) -> dict[str, Any]:
        """Return an object as it is stored."""
        body = self._store.find(plural, namespace, name)
        assert body is not None
        return body

    def forbid(self, request: str) -> None:
        """Refuse the next such request."""
        verb_and_plural, _, name = request.rpartition(" ")
        self.failures.setdefault(request, []).append(
            Forbidden(request, f'"{name}" is forbidden for {verb_and_plural}', status=403)
        )

    async def get(self, resource: Resource, namespace: str, name: str, *, into: type[T]) -> T:
        await self._start_request("get", resource, namespace, name)
        return _decode(self._store.get(_request("get", resource, namespace, name)), into)

    async def create(
        self,
        resource: Resource,
        namespace: str,
        body: object,
        *,
        into: type[T],
        name: str = "",
        subresource: str = "",
    ) -> T:
        if subresource:
            await self._start_request(f"create {subresource} of", resource, namespace, name)
            return msgspec.convert(self.answers[subresource](body), into)
        serializer.encode(body)  # raises for what cannot be sent
        encoded = msgspec.to_builtins(body)
        await self._start_request("create", resource, namespace, encoded["metadata"]["name"])
        created = self._store.create(_request("create", resource, namespace, encoded["metadata"]["name"]), encoded)
        return _decode(created, into)

    async def patch(
        self,
        resource: Resource,
        namespace: str,
        name: str,
        body: object,
        *,
        into: type[T],
        subresource: str = "",
        field_manager: str = "",
    ) -> T:
        serializer.encode(body)  # raises for what cannot be sent
        patch = msgspec.to_builtins(body)
        self.patches.append((subresource, patch))
        self.field_managers.add(field_manager)
        await self._start_request("patch", resource, namespace, name)
        request = _request("patch", resource, namespace, name)
        return _decode(self._store.patch(request, patch, subresource=subresource), into)

    async def delete(self, resource: Resource, namespace: str, name: str, *, uid: str = "") -> None:
        await self._start_request("delete", resource, namespace, name)
        with suppress(NotFound):
            self._store.delete(_request("delete", resource, namespace, name), uid=uid)

    async def _start_request(self, verb: str, resource: Resource, namespace: str, name: str) -> None:
        operation = f"{verb} {resource.plural} {namespace}/{name}"
        self.requests.append(operation)
        if self.failures.get(operation):
            raise self.failures[operation].pop(0)
        await self.before(operation)


class FakeCache(Generic[K]):
    """A `Cache` of the objects of an informer's first list, and of own writes."""

    def __init__(self, *objects: K) -> None:
        self.objects = {key_of(obj): obj for obj in objects}
        self.writes: list[K] = []

        self.is_behind = False
        self.server: dict[Key, K] = {}
        """What a cache that is behind would be told."""

    def get(self, key: Key) -> K | None:
        return self.objects.get(key)

    async def find(self, key: Key) -> K | None:
        return self.server.get(key) if self.is_behind else self.objects.get(key)

    def record_write(self, obj: K) -> None:
        self.objects[key_of(obj)] = obj
        self.writes.append(obj)


def _request(verb: str, resource: Resource, namespace: str, name: str) -> Request:
    return Request(describe_request(verb, resource, namespace, name), resource, namespace, name)


def _decode(body: bytes, into: type[T]) -> T:
    return msgspec.json.decode(body, type=into)


async def _pass(_: str) -> None:
    return None
