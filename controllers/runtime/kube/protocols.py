"""What the runtime needs of a client and of a cache, so that neither it nor its tests depend on the real ones.

Named after controller-runtime's `client.Reader` and `client.Writer`. `kube.client.KubeClient` and
`embedded.client.EmbeddedClient` are each an `ApiClient`, `cache.informer.Informer` is a `Cache`.
"""

from collections.abc import AsyncGenerator
from typing import Protocol, TypeVar

from api.resource import Resource
from controllers.runtime.key import Key, KubeObject
from controllers.runtime.kube.serializer import Page, WatchEvent

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


class ListWatcher(Reader, Protocol):
    """What an informer follows. Raises ApiError, such as Gone."""

    async def list(
        self,
        resource: Resource,
        *,
        into: type[T],
        namespace: str = "",
        label_selector: str = "",
        limit: int = 500,
        continue_: str = "",
    ) -> Page[T]: ...

    def watch(
        self,
        resource: Resource,
        *,
        into: type[K],
        namespace: str = "",
        label_selector: str = "",
        resource_version: str,
        timeout_seconds: int,
    ) -> AsyncGenerator[WatchEvent[K], None]: ...


class ApiClient(Writer, ListWatcher, Protocol):
    """Everything that a process asks of an API."""

    async def close(self) -> None:
        """Give back what requests have opened."""


class ObjectCache(Protocol[K]):
    """Objects of one kind as last received, and what the server has beyond them."""

    def get(self, key: Key) -> K | None: ...

    async def find(self, key: Key) -> K | None:
        """Ask the server for what the cache lacks, or may have an old version of. Raises ApiError."""

    async def list_now(self, namespace: str, *, as_of: str | None = None) -> list[K]:
        """Return the objects of a namespace at a resourceVersion or later; may ask the server. Raises ApiError.

        as_of: None for what the server has now.
        """

    def list(self, namespace: str = "") -> list[K]: ...


class Cache(Protocol[K]):
    """Objects of one kind as last received, or as last written by us."""

    @property
    def is_behind(self) -> bool:
        """Whether what it has is known to be old, perhaps."""

    def get(self, key: Key) -> K | None: ...

    async def find(self, key: Key) -> K | None:
        """Ask the server for what the cache lacks, or may have an old version of. Raises ApiError."""

    def record_write(self, obj: K) -> None:
        """Take the answer to our own write."""
