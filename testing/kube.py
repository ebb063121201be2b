"""A Kubernetes API of a dozen lines for tests: objects in a dict, errors on command, no sockets.

It knows what the kinds rely on: names that are taken, merge patches, uids, growing resourceVersions, and that what the
caller's type does not name is dropped. For everything else there is `runtime.testing_server`.
"""

from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

from api.resource import Resource
from controllers.runtime.kube.client import KubeClient
from controllers.runtime.kube.config import ClusterConfig
from controllers.runtime.kube.errors import AlreadyExists, ApiError, Forbidden, NotFound
from controllers.runtime.reconcile import merge_patch

T = TypeVar("T")


class FakeKube(KubeClient):
    """The four verbs that reconcilers use."""

    def __init__(self, **objects: Any) -> None:
        """objects: plural → list of Structs to begin with."""
        super().__init__(ClusterConfig(""), user_agent="test")
        self.requests: list[str] = []
        """`verb plural namespace/name` of each request, failed ones included."""
        self.failures: dict[str, list[ApiError]] = {}
        """Request, as in `requests` → errors for the next of them, in order."""
        self.answers: dict[str, Callable[[Any], Any]] = {}
        """Subresource → what is answered to a body that is posted to it."""
        self._objects: dict[tuple[str, str, str], dict[str, Any]] = {}
        self._version = 0
        for plural, structs in objects.items():
            for struct in structs:
                self.put(plural, struct)

    @property
    def version(self) -> str:
        """The latest resourceVersion."""
        return str(self._version)

    def put(self, plural: str, struct: object) -> None:
        """Somebody else's create or replace."""
        body = msgspec.to_builtins(struct)
        meta = body["metadata"]
        self._store((plural, meta.get("namespace", ""), meta["name"]), body)

    def remove(self, plural: str, namespace: str, name: str) -> None:
        """Somebody else's delete."""
        del self._objects[plural, namespace, name]

    def all(self, plural: str, into: type[T]) -> list[T]:
        """Every object of a kind, by name."""
        return [msgspec.convert(body, into) for key, body in sorted(self._objects.items()) if key[0] == plural]

    def forbid(self, request: str) -> None:
        """The next such request is refused."""
        verb_and_plural, _, name = request.rpartition(" ")
        self.failures.setdefault(request, []).append(
            Forbidden(request, f'"{name}" is forbidden for {verb_and_plural}', status=403)
        )

    async def get(self, resource: Resource, namespace: str, name: str, *, into: type[T]) -> T:
        return msgspec.convert(self._get_stored("get", resource, namespace, name), into)

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
            self._start_request(f"create {subresource} of", resource, namespace, name)
            return msgspec.convert(self.answers[subresource](body), into)
        name = msgspec.to_builtins(body)["metadata"]["name"]
        operation, key = self._start_request("create", resource, namespace, name)
        if key in self._objects:
            raise AlreadyExists(operation, f'{resource.plural} "{name}" already exists', status=409)
        return msgspec.convert(self._store(key, msgspec.to_builtins(body)), into)

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
        held = self._get_stored("patch", resource, namespace, name)
        return msgspec.convert(
            self._store((resource.plural, namespace, name), merge_patch.merge(held, msgspec.to_builtins(body))), into
        )

    async def delete(self, resource: Resource, namespace: str, name: str, *, uid: str = "") -> None:
        _, key = self._start_request("delete", resource, namespace, name)
        self._objects.pop(key, None)

    def _start_request(
        self, verb: str, resource: Resource, namespace: str, name: str
    ) -> tuple[str, tuple[str, str, str]]:
        operation = f"{verb} {resource.plural} {namespace}/{name}"
        self.requests.append(operation)
        if self.failures.get(operation):
            raise self.failures[operation].pop(0)
        return operation, (resource.plural, namespace, name)

    def _get_stored(self, verb: str, resource: Resource, namespace: str, name: str) -> dict[str, Any]:
        operation, key = self._start_request(verb, resource, namespace, name)
        if key not in self._objects:
            group = f".{resource.group}" if resource.group else ""
            raise NotFound(operation, f'{resource.plural}{group} "{name}" not found', status=404)
        return self._objects[key]

    def _store(self, key: tuple[str, str, str], body: dict[str, Any]) -> dict[str, Any]:
        self._version += 1
        meta = {"uid": f"uid-{self.version}", **body["metadata"], "resourceVersion": self.version}
        self._objects[key] = {**body, "metadata": meta}
        return self._objects[key]
