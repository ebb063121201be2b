"""The Kubernetes API as the client shows it, without sockets: objects in memory, errors on command.

What the caller's type does not name is dropped, as by the client. `apiserver` has the same objects behind HTTP.
"""

from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

import msgspec

from api.resource import Resource
from controllers.runtime.kube.client import KubeClient
from controllers.runtime.kube.config import ClusterConfig
from controllers.runtime.kube.errors import ApiError, Forbidden, NotFound
from testing.apistore import ApiStore

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
        self._store = ApiStore()
        for plural, structs in objects.items():
            for struct in structs:
                self.put(plural, struct)

    @property
    def version(self) -> str:
        """The latest resourceVersion."""
        return self._store.version

    def put(self, plural: str, struct: object) -> None:
        """Create or replace an object as somebody else."""
        self._store.put(plural, msgspec.to_builtins(struct))

    def remove(self, plural: str, namespace: str, name: str) -> None:
        """Delete an object as somebody else."""
        self._store.remove(plural, namespace, name)

    def all(self, plural: str, into: type[T]) -> list[T]:
        """Return every object of a kind, by namespace and name."""
        return [msgspec.convert(body, into) for body in self._store.list(plural)]

    def forbid(self, request: str) -> None:
        """Refuse the next such request."""
        verb_and_plural, _, name = request.rpartition(" ")
        self.failures.setdefault(request, []).append(
            Forbidden(request, f'"{name}" is forbidden for {verb_and_plural}', status=403)
        )

    async def get(self, resource: Resource, namespace: str, name: str, *, into: type[T]) -> T:
        self._start_request("get", resource, namespace, name)
        return msgspec.convert(self._store.get(resource, namespace, name), into)

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
        encoded = msgspec.to_builtins(body)
        self._start_request("create", resource, namespace, encoded["metadata"]["name"])
        return msgspec.convert(self._store.create(resource, namespace, encoded), into)

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
        self._start_request("patch", resource, namespace, name)
        patch = msgspec.to_builtins(body)
        return msgspec.convert(self._store.patch(resource, namespace, name, patch, subresource=subresource), into)

    async def delete(self, resource: Resource, namespace: str, name: str, *, uid: str = "") -> None:
        self._start_request("delete", resource, namespace, name)
        with suppress(NotFound):
            self._store.delete(resource, namespace, name, uid=uid)

    def _start_request(self, verb: str, resource: Resource, namespace: str, name: str) -> None:
        operation = f"{verb} {resource.plural} {namespace}/{name}"
        self.requests.append(operation)
        if self.failures.get(operation):
            raise self.failures[operation].pop(0)
