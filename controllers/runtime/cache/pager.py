"""Complete lists of a kind, page by page, in pages that are small enough to be read."""

from collections.abc import AsyncIterator
from typing import Generic

from api.resource import Resource
from controllers.runtime.kube.errors import TooLarge
from controllers.runtime.kube.protocols import ListWatcher
from controllers.runtime.kube.serializer import K, Page


class Pager(Generic[K]):
    """Lists all namespaces or one. Used from one event loop."""

    def __init__(
        self, client: ListWatcher, resource: Resource, *, into: type[K], label_selector: str, page_size: int
    ) -> None:
        """Build it. page_size: objects a request; lowered when such pages turn out too large."""
        self._client = client
        self._resource = resource
        self._into = into
        self._label_selector = label_selector
        self._page_size = page_size

    async def pages(self, namespace: str) -> AsyncIterator[Page[K]]:
        """Yield the pages of a list; the last one has the version of all. Raises ApiError."""
        continue_ = ""
        while True:
            page = await self._page(namespace, continue_)
            yield page
            continue_ = page.continue_
            if not continue_:
                return

    async def _page(self, namespace: str, continue_: str) -> Page[K]:
        """Return one page, with fewer objects from now on if need be: a kind's size shows only when it is read."""
        while True:
            try:
                return await self._client.list(
                    self._resource,
                    into=self._into,
                    namespace=namespace,
                    label_selector=self._label_selector,
                    limit=self._page_size,
                    continue_=continue_,
                )
            except TooLarge:
                if self._page_size == 1:
                    raise
                self._page_size = max(1, self._page_size // 4)
