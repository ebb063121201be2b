"""Runs the engine's blocking work in threads, one at a time on the objects of a remote, within everybody's share.

A cancelled caller leaves at once; its thread ends at the next step, and only then do others follow.
"""

import asyncio
from collections.abc import Callable, Hashable
from functools import partial
from typing import TypeVar
from urllib.parse import urlsplit

from controllers.git.errors import reading_foreign_input
from controllers.git.objects.store import ObjectStore
from controllers.git.protocol.deadline import Deadline
from controllers.git.remote import Remote
from controllers.git.stores import StoreCache
from controllers.threads import FairThreads, Share

T = TypeVar("T")


class Workers:
    """The threads of one engine. Used from one event loop."""

    def __init__(self, stores: StoreCache, *, threads: int, monotonic: Callable[[], float]) -> None:
        """Build it. threads: at most a sixth of them work for one tenant, and half of that for one of its hosts."""
        self._stores = stores
        self._monotonic = monotonic
        self._per_tenant = max(1, threads // 6)
        self._per_host = max(1, threads // 12)
        self._threads = FairThreads(threads, name="git")

    async def aclose(self) -> None:
        """Wait for threads at work."""
        await asyncio.to_thread(self._threads.shutdown, wait=True)

    async def run_for(self, tenant: Hashable, work: Callable[[], T]) -> T:
        """Run `work`, which asks nobody, in a thread within the share of a tenant."""
        return await self._threads.run(work, Share(tenant, self._per_tenant))

    async def run(
        self, remote: Remote, deadline: Deadline, work: Callable[[], T], release: Callable[[], None] = lambda: None
    ) -> T:
        """Run `work` in a thread within the shares of a remote's tenant and host.

        Returns at the deadline, whatever the thread does; its place stays taken until it has ended. release: called
        then.
        """
        shares = (
            Share(remote.tenant, self._per_tenant),
            Share((remote.tenant, urlsplit(remote.url).netloc), self._per_host),
        )

        def work_guarded() -> T:
            with reading_foreign_input():
                return work()

        return await deadline.result_of(await self._threads.start(work_guarded, *shares, release=release))

    async def with_store(self, remote: Remote, deadline: Deadline, work: Callable[[ObjectStore], T]) -> T:
        """Run `work` in a thread, alone on the remote's store until the thread ends, even when the caller is gone."""
        cached = self._stores.of(remote)
        cached.users += 1
        try:
            await cached.lock.acquire()
        except BaseException:
            cached.users -= 1
            raise
        self._stores.close_others(cached)

        def release() -> None:
            cached.lock.release()
            cached.users -= 1
            cached.used_at = self._monotonic()

        return await self.run(remote, deadline, partial(work, cached.store), release)

    async def add_to_store(self, remote: Remote, deadline: Deadline, work: Callable[[ObjectStore], None]) -> None:
        """Run `work` as `with_store` does; then drop what is not used for long, or for which there is no room."""

        def add(store: ObjectStore) -> int:
            work(store)
            return store.size_bytes()

        cached = self._stores.of(remote)  # asked for afterwards it might be another one: others may evict it meanwhile
        cached.size_bytes = await self.with_store(remote, deadline, add)
        await self._stores.evict()
