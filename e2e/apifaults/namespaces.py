"""Makes the namespaces of plays and removes them, as Kubernetes' namespace controller does.

That one asks the API server for every kind there is, twice, for each namespace: half of all requests of a run. A play
has objects of a few kinds, and nothing is left of them when its namespace goes.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from api.kinds import EVERY_KIND
from testing.observer import NeverCame, Observer

SECONDS = 120.0
"""For the controllers to take their finalizers off; a namespace with objects that somebody holds stays, as it would."""
COLLECTIONS = (
    *(f"/apis/{kind.resource.api_version}/namespaces/{{}}/{kind.resource.plural}" for kind in EVERY_KIND),
    "/api/v1/namespaces/{}/secrets",
)
"""What is deleted; events go by themselves."""
Call = Callable[..., Awaitable[Any]]


class Namespaces:
    """Belongs to one event loop."""

    def __init__(self, call: Call, observer: Observer) -> None:
        """Build it. call: of the world."""
        self._call, self._observer = call, observer
        self._tasks: set[asyncio.Task[None]] = set()

    async def create(self, name: str) -> None:
        """Make one."""
        await self._call("POST", "/api/v1/namespaces", {"metadata": {"name": name}})

    async def delete(self, name: str) -> None:
        """Have one deleted; its objects and it itself go beside what follows."""
        await self._call("DELETE", f"/api/v1/namespaces/{name}")
        task = asyncio.create_task(self._empty(name))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Stop what is under way."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _empty(self, name: str) -> None:
        for collection in COLLECTIONS:
            await self._call("DELETE", collection.format(name))
        try:
            await self._observer.wait(name, lambda objects: not objects, what="an empty namespace", seconds=SECONDS)
        except NeverCame:
            return
        finally:
            self._observer.forget(name)
        meta = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}, "spec": {"finalizers": []}}
        await self._call("PUT", f"/api/v1/namespaces/{name}/finalize", meta)
