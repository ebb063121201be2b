"""The Git side of a run: list, fetch, scan, commit, push — without work tree, without a clone per run.

Per remote and identity one bounded object cache survives runs; what is cached is checked when read, and fetched anew
once when it turns out damaged. Blocking work runs in threads of the engine's own, one at a time for each remote's
objects. A cancelled caller leaves at once; its thread ends at the next step, and only then do others follow.
The engine holds no opinion on when to push: leadership and retries are the caller's.
"""

import asyncio
import itertools
import shutil
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Hashable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit
from weakref import WeakValueDictionary

from controllers.git.errors import PushRejected, RefMoved, error_context
from controllers.git.login.githubapp import GithubApp, GithubApps
from controllers.git.objects.commits import (
    Author,
    CommitInfo,
    NewCommit,
    Signer,
    build_commit,
    build_pack,
    parse_commit,
)
from controllers.git.objects.names import format_of
from controllers.git.objects.scan import File, FileFilter, ScanCache, find_marked_files
from controllers.git.objects.store import ObjectStore, parse_tree_id
from controllers.git.protocol.fetch import PackSource, ensure_commit, read_or_refetch
from controllers.git.protocol.refs import Refs, Tip
from controllers.git.protocol.refspec import RefUpdate
from controllers.git.protocol.session import PushResult
from controllers.git.protocol.transport import Deadline
from controllers.git.remote import Basic, Remote, SshAlgorithms
from controllers.git.signing.secret import Signers
from controllers.git.transport.connections import Connections, canonical_url

T = TypeVar("T")

DEFAULT_MAX_BYTES = 512 << 20
DEFAULT_MAX_AGE = timedelta(hours=24)
STORES_DIR = "remotes"
MAX_OPEN_STORES = 16
DEFAULT_SSH_ALGORITHMS = SshAlgorithms()


def _utc_now() -> datetime:
    return datetime.now(UTC)


class _CachedStore:
    """One remote's objects and who uses them. All but `store` belongs to the event loop."""

    def __init__(self, store: ObjectStore) -> None:
        self.store = store
        self.lock = asyncio.Lock()
        self.users = 0
        self.used_at = 0.0
        self.size_bytes = 0


class GitEngine:
    """See the module. One for the process; safe to call from several tasks of one event loop."""

    def __init__(
        self,
        cache_dir: Path,
        *,
        max_bytes: int = DEFAULT_MAX_BYTES,
        max_age: timedelta = DEFAULT_MAX_AGE,
        threads: int = 16,
        monotonic: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = _utc_now,
        ssh: SshAlgorithms = DEFAULT_SSH_ALGORITHMS,
    ) -> None:
        """An engine with an empty cache; what a former process left in the folder is removed.

        cache_dir: for this process alone. max_bytes: of all remotes together, and so of the largest pack accepted.
        max_age: objects of a remote that was not used for so long are dropped. threads: a quarter of them for one host.
        """
        self._dir = cache_dir / STORES_DIR
        self._max_bytes = max_bytes
        self._max_age = max_age
        self._monotonic = monotonic
        self._threads_per_host = max(1, threads // 4)
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="git")
        self._connections = Connections(ssh, now=now)
        self._memory = ScanCache()
        self._signers = Signers()
        self._github = GithubApps(now=now, monotonic=monotonic)
        self._stores: dict[Hashable, _CachedStore] = {}
        self._open: OrderedDict[_CachedStore, None] = OrderedDict()
        self._names = itertools.count()
        self._writers: WeakValueDictionary[tuple[str, str], asyncio.Lock] = WeakValueDictionary()
        self._hosts: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()
        shutil.rmtree(self._dir, ignore_errors=True)
        self._dir.mkdir(mode=0o700, parents=True)

    async def list_refs(self, remote: Remote, *, extra: Iterable[str] = ()) -> Refs:
        """HEAD, branches, tags and `extra` full names of a remote. One round trip.

        Raises Unreachable, AuthenticationFailed, RepositoryNotFound, ProtocolError, BadCredentials.
        """
        deadline, names = self._deadline(remote), tuple(extra)

        def work() -> Refs:
            with error_context(f"unable to clone '{remote.url}'"):
                return self._connections.session(remote).list_refs(names, deadline)

        return await self._in_thread(remote, deadline, work)

    async def fetch(self, remote: Remote, tip: Tip) -> None:
        """Makes a commit readable here: its tree without history, and of that only what is missing.

        No request when it is there already. Raises RefMoved when the reference moved on and the remote no longer gives
        the commit out, RefNotFound for an unknown bare commit, RepositoryTooLarge, and as `list_refs`.
        """
        deadline = self._deadline(remote)

        def work(store: ObjectStore) -> int:
            ensure_commit(store, tip.commit, tip.ref, self._source(remote, deadline))
            return store.size_bytes()

        self._cached(remote).size_bytes = await self._with_store(remote, deadline, work)
        await self._evict()

    async def files(
        self, remote: Remote, commit: str, path: str, *, wanted: Callable[[str], bool], containing: bytes
    ) -> list[File]:
        """The files of a commit at or below `path` whose name is wanted and which contain a marker.

        path: folder or file, from the root of the repository; empty for all of it. wanted: judges base names; give the
        same function object each time, what is remembered of unchanged folders hangs on it. In the order of a directory
        walk. Fetches the commit when the cache lost it. Raises PathMissing, PathOutside, RepositoryTooLarge, and as `fetch`.
        """
        deadline, which = self._deadline(remote), FileFilter(wanted, containing)

        def work(store: ObjectStore) -> list[File]:
            def use() -> list[File]:
                root = parse_tree_id(store.read(commit, "commit"))
                return find_marked_files(store.read, root, path, which=which, cache=self._memory)

            return read_or_refetch(store, commit, self._source(remote, deadline), use)

        return await self._with_store(remote, deadline, work)

    async def read_commit(self, remote: Remote, commit: str) -> CommitInfo:
        """Who made a commit, when, and on what. Fetches it when it is not there. Raises as `fetch`."""
        deadline = self._deadline(remote)

        def work(store: ObjectStore) -> CommitInfo:
            return read_or_refetch(
                store, commit, self._source(remote, deadline), lambda: parse_commit(store.read(commit, "commit"))
            )

        return await self._with_store(remote, deadline, work)

    def can_fetch_any_commit(self, remote: Remote) -> bool:
        """True when a commit behind the tips is had for itself; else all history comes with it. After `list_refs`."""
        return self._connections.session(remote).can_fetch_any_commit()

    async def commit(
        self,
        remote: Remote,
        parent: str,
        edits: Mapping[str, bytes],
        *,
        author: Author,
        message: str,
        when: datetime,
        signer: Signer | None = None,
    ) -> NewCommit | None:
        """A commit on `parent`, not pushed yet; None when no file differs.

        edits: `File.target` → new content. when: to the second, recorded as UTC. Raises PathMissing, BadSigningKey.
        """
        deadline = self._deadline(remote)

        def work(store: ObjectStore) -> NewCommit | None:
            return read_or_refetch(
                store, parent, self._source(remote, deadline),
                lambda: build_commit(
                    store.read, parent, store.read(parent, "commit"), edits,
                    author=author, message=message, when=when, signer=signer,
                ),
            )  # fmt: skip

        return await self._with_store(remote, deadline, work)

    async def push(
        self,
        remote: Remote,
        new: NewCommit,
        updates: Sequence[RefUpdate],
        *,
        options: Mapping[str, str] | None = None,
        force: bool = False,
    ) -> PushResult:
        """Moves references of the remote, to `new` or to commits that the remote has.

        options: push options, sent as `key=value`. force: allows updates that are no fast-forward; what an update
        expects is compared in any case. Raises RefMoved when a reference is not where it was expected (re-apply on the
        new tip), PushRejected with the server's words, and as `list_refs`; `moved` of the first two names the
        references that a server without atomic pushes moved nevertheless.
        """
        deadline = self._deadline(remote)
        push_options = [f"{key}={value}" for key, value in sorted((options or {}).items())]
        behind = (
            {}
            if force
            else await self._with_store(remote, deadline, partial(_known_ancestors, new=new, updates=updates))
        )

        def work() -> PushResult:
            with error_context(f"unable to push to '{remote.url}'"):
                return self._connections.session(remote).push(
                    updates,
                    lambda has: build_pack(() if new.id in has else new.objects, format_of(new.id)),
                    options=push_options,
                    may_update=lambda old, to: force or old in behind[to],
                    deadline=deadline,
                )

        try:
            result = await self._in_thread(remote, deadline, work)
        except (RefMoved, PushRejected) as e:
            e.error_context = ""  # the server's verdict speaks for itself
            raise
        await self._with_store(remote, deadline, partial(_keep_commit, new=new))
        return result

    async def signer(self, kind: str, data: Mapping[str, bytes], *, secret_name: str) -> Signer:
        """A signer with the key of a Secret: see `signer_from_secret`. Unlocks a key once. Raises BadSigningKey."""
        return await self._in_pool(partial(self._signers.signer, kind, data, secret_name=secret_name))

    async def github_login(self, app: GithubApp, via: Remote) -> Basic:
        """What a GitHub App logs in with: see `GithubApps.login`. One request an hour."""
        return await self._in_pool(partial(self._github.login, app, via))

    @asynccontextmanager
    async def writer(self, remote: Remote, branch: str) -> AsyncIterator[bool]:
        """While inside, no other task of this process is the writer of this branch of this repository.

        True when there was none to wait for: what was seen of the branch before is as good as ever.
        """
        lock = self._writers.setdefault((canonical_url(remote.url), branch), asyncio.Lock())
        at_once = not lock.locked()
        async with lock:
            yield at_once

    async def aclose(self) -> None:
        """Waits for threads at work, closes connections and drops the cache."""
        await asyncio.to_thread(self._threads.shutdown)
        self._connections.close()
        self._github.close()
        for cached in self._open:
            cached.store.close()
        self._stores.clear()
        await asyncio.to_thread(shutil.rmtree, self._dir, ignore_errors=True)

    async def _in_pool(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    def _deadline(self, remote: Remote) -> Deadline:
        return Deadline(remote.timeout, monotonic=self._monotonic)

    def _source(self, remote: Remote, deadline: Deadline) -> PackSource:
        return PackSource(self._connections.session(remote), self._max_bytes, deadline)

    async def _with_store(self, remote: Remote, deadline: Deadline, work: Callable[[ObjectStore], T]) -> T:
        """Runs `work` in a thread, alone on the remote's store until the thread ends, even when the caller is gone."""
        cached = self._cached(remote)
        cached.users += 1
        try:
            await cached.lock.acquire()
        except BaseException:
            cached.users -= 1
            raise
        self._close_idle_stores(cached)

        def released() -> None:
            cached.lock.release()
            cached.users -= 1
            cached.used_at = self._monotonic()

        return await self._in_thread(remote, deadline, partial(work, cached.store), released)

    async def _in_thread(
        self, remote: Remote, deadline: Deadline, work: Callable[[], T], released: Callable[[], None] = lambda: None
    ) -> T:
        """Runs `work` in a thread; a host that is slow or silent occupies a few threads only."""
        gate = self._hosts.setdefault(urlsplit(remote.url).netloc, asyncio.Semaphore(self._threads_per_host))
        try:
            await gate.acquire()
        except BaseException:
            released()
            raise

        def ended(_: object) -> None:
            gate.release()
            released()

        future = asyncio.get_running_loop().run_in_executor(self._threads, work)
        future.add_done_callback(ended)
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            deadline.abandon()
            raise

    def _close_idle_stores(self, cached: _CachedStore) -> None:
        """Closes the files of stores not used lately: each holds up to two for every pack."""
        self._open[cached] = None
        self._open.move_to_end(cached)
        for other in [c for c in self._open if c.users == 0][: max(0, len(self._open) - MAX_OPEN_STORES)]:
            del self._open[other]
            other.store.close()

    def _cached(self, remote: Remote) -> _CachedStore:
        identity = (remote.url, remote.user, remote.principal or remote.credentials, remote.tls)
        cached = self._stores.get(identity)
        if cached is None:
            cached = self._stores[identity] = _CachedStore(ObjectStore(self._dir / str(next(self._names))))
        return cached

    async def _evict(self) -> None:
        """Drops what was not used for long, and the least recently used while all together is too large."""
        oldest_first = sorted(self._stores.items(), key=lambda item: item[1].used_at)
        total = sum(cached.size_bytes for cached in self._stores.values())
        latest = self._monotonic() - self._max_age.total_seconds()
        dropped = []
        for identity, cached in oldest_first[:-1]:
            if cached.users == 0 and (total > self._max_bytes or cached.used_at < latest):
                total -= cached.size_bytes
                self._open.pop(cached, None)
                dropped.append(self._stores.pop(identity).store)
        if dropped:
            await asyncio.to_thread(_remove, dropped)


def _remove(stores: Sequence[ObjectStore]) -> None:
    for store in stores:
        store.remove()


def _known_ancestors(store: ObjectStore, *, new: NewCommit, updates: Sequence[RefUpdate]) -> dict[str, set[str]]:
    """What is known to be behind each commit that is to be pushed."""
    return {u.new: store.ancestors(new.parent if u.new == new.id else u.new) for u in updates}


def _keep_commit(store: ObjectStore, *, new: NewCommit) -> None:
    """Keeps a pushed commit, so that it need not be fetched."""
    if store.has(new.parent) and not store.has(new.id):
        store.add_commit(new.id, new.objects)
