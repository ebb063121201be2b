"""What the runtime needs of a client and of a cache, so that neither it nor its tests depend on the real ones.

Named after controller-runtime's `client.Reader` and `client.Writer`. `kube.client.KubeClient` is a `Client`,
`cache.informer.Informer` a `Cache`.
"""

from typing import Protocol, TypeVar

from api.resource import Resource
from controllers.runtime.key import Key, KubeObject

T = TypeVar("T")
K = TypeVar("K", bound=KubeObject)


class Reader(Protocol):
    """Reads from the API server. Raises ApiError, such as NotFound."""

    async def get(self, resource: Resource, namespace: str, name: str, *, into: type[T]) -> T: ...


class Writer(Protocol):
    """Writes to the API server and returns the object as it is afterwards. Raises ApiError."""

    async def create(
        self, resource: Resource, namespace: str, body: object, *, into: type[T], name: str = "", subresource: str = ""
    ) -> T: ...

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
    ) -> T: ...

    async def delete(self, resource: Resource, namespace: str, name: str, *, uid: str = "") -> None: ...


class Client(Reader, Writer, Protocol):
    """Reads and writes."""


class Cache(Protocol[K]):
    """Objects of one kind as last received, or as last written by us."""

    def get(self, key: Key) -> K | None: ...

    def record_write(self, obj: K) -> None:
        """Take the answer to our own write."""
