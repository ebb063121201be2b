"""The Git side of a run: list, fetch, scan, commit, push — without work tree, without a clone per run.

One bounded object cache per remote and identity survives runs; objects are checked when read, and fetched anew, once,
when they turn out damaged. Blocking work runs in the engine's own threads: see `workers`.
When to push is not decided here: leadership and retries are up to the caller.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from weakref import WeakValueDictionary

from controllers.git.errors import (
    PathMissing,
    PathOutside,
    PushRejected,
    RefMoved,
    error_context,
)
from controllers.git.login.githubapp import GithubApp, GithubApps
from controllers.git.objects.commits import (
    Author,
    CommitInfo,
    CommitText,
    NewCommit,
    Signer,
    build_commit,
    build_commit_of_files,
    parse_commit,
    parse_tree_id,
)
from controllers.git.objects.hashing import format_of
from controllers.git.objects.packs import build_pack
from controllers.git.objects.scan import File, FileFilter, ScanCache, find_marked_files
from controllers.git.objects.store import ObjectStore
from controllers.git.objects.tree import find_entry
from controllers.git.protocol.deadline import Deadline
from controllers.git.protocol.fetch import PackSource, ensure_commit, read_in_time, read_or_refetch
from controllers.git.protocol.refs import Refs, Tip
from controllers.git.protocol.refspec import RefUpdate
from controllers.git.protocol.session import Check, anyone
from controllers.git.remote import Basic, Remote, SshAlgorithms
from controllers.git.signing.signers import Signers, SigningKey
from controllers.git.stores import StoreCache
from controllers.git.transport.connections import Connections, canonical_url
from controllers.git.workers import Workers
from controllers.git.written import is_next, keep_commit, known_ancestors
from controllers.net.destinations import Destinations

DEFAULT_MAX_BYTES = 512 << 20
DEFAULT_MAX_AGE = timedelta(hours=24)
STORES_DIR = "remotes"
DEFAULT_SSH_ALGORITHMS = SshAlgorithms()
DEFAULT_DESTINATIONS = Destinations()


def _utc_now() -> datetime:
    return datetime.now(UTC)


class GitEngine:
    """See the module. One per process; safe to call from several tasks of one event loop."""

    def __init__(
        self,
        cache_dir: Path,
        *,
        max_bytes: int = DEFAULT_MAX_BYTES,
        max_age: timedelta = DEFAULT_MAX_AGE,
        threads: int = 48,
        monotonic: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = _utc_now,
        ssh: SshAlgorithms = DEFAULT_SSH_ALGORITHMS,
        destinations: Destinations = DEFAULT_DESTINATIONS,
    ) -> None:
        """Start with an empty cache: whatever a former process left in the folder is removed.

        cache_dir: for this process alone. max_bytes: of all remotes together, and so of the largest pack accepted.
        max_age: objects of a remote that was not used for this long are dropped. threads: at most a sixth of them work
        for the same tenant, and half of that for one of its hosts. destinations: where URLs, redirects and proxies of
        remotes may lead.
        """
        self._max_bytes = max_bytes
        self._monotonic = monotonic
        self._connections = Connections(ssh, destinations=destinations, now=now)
        self._scan_cache = ScanCache()
        self._signers = Signers()
        self._github = GithubApps(destinations=destinations, now=now)
        self._branch_locks: WeakValueDictionary[tuple[str, str, str], asyncio.Lock] = WeakValueDictionary()
        folder = cache_dir / STORES_DIR
        self._stores = StoreCache(folder, max_bytes=max_bytes, max_age=max_age, monotonic=monotonic)
        self._workers = Workers(self._stores, threads=threads, monotonic=monotonic)

    async def list_refs(self, remote: Remote, *, extra: Iterable[str] = ()) -> Refs:
        """List HEAD, branches, tags and `extra` full names of a remote. One round trip.

        Raises Unreachable, AuthenticationFailed, RepositoryNotFound, ProtocolError, BadCredentials.
        """
        deadline, names = self._deadline(remote), tuple(extra)

        def work() -> Refs:
            with error_context(f"unable to clone '{remote.url}'"):
                return self._connections.session(remote).list_refs(names, deadline)

        return await self._workers.run(remote, deadline, work)

    async def fetch(self, remote: Remote, tip: Tip) -> None:
        """Make a commit readable here: its tree without history, and of that only what is missing.

        Sends no request when it is here already. Raises RefMoved when the reference moved on and the remote no longer
        serves the commit, RefNotFound for an unknown bare commit, RepositoryTooLarge, and as `list_refs`.
        """
        cached = self._stores.of(remote)
        if not cached.lock.locked() and cached.store.has(tip.commit):  # no thread is at work on the store
            return
        deadline = self._deadline(remote)

        def work(store: ObjectStore) -> None:
            ensure_commit(store, tip.commit, tip.ref, self._source(remote, deadline))

        await self._workers.add_to_store(remote, deadline, work)

    async def find_files(
        self,
        remote: Remote,
        commit: str,
        path: str,
        *,
        is_wanted: Callable[[str], bool],
        has_marker: Callable[[bytes], bool],
    ) -> list[File]:
        """Return the files of a commit at or below `path` whose base name `is_wanted` and whose content `has_marker`.

        path: folder or file, from the root of the repository; empty for all of it. Pass the same function objects each
        time, or unchanged folders are read again. The order is that of a directory walk. Fetches the
        commit when the cache lost it. Raises PathMissing, PathOutside, RepositoryTooLarge, and as `fetch`.
        """
        deadline, file_filter = self._deadline(remote), FileFilter(is_wanted, has_marker)

        def work(store: ObjectStore) -> list[File]:
            def use() -> list[File]:
                root = parse_tree_id(store.read(commit, "commit"))
                read = read_in_time(store, deadline)
                return find_marked_files(read, root, path, file_filter=file_filter, cache=self._scan_cache)

            return read_or_refetch(store, commit, self._source(remote, deadline), use)

        return await self._workers.with_store(remote, deadline, work)

    async def read_commit(self, remote: Remote, commit: str) -> CommitInfo:
        """Return who made a commit, when, and on which parents. Fetches it when it is not here. Raises as `fetch`."""
        deadline = self._deadline(remote)

        def work(store: ObjectStore) -> CommitInfo:
            return read_or_refetch(
                store, commit, self._source(remote, deadline), lambda: parse_commit(store.read(commit, "commit"))
            )

        return await self._workers.with_store(remote, deadline, work)

    def can_fetch_any_commit(self, remote: Remote) -> bool:
        """Return True when a commit behind the tips comes without all history. Call it after `list_refs`."""
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
        """Make a commit on `parent`, not pushed yet. Return None when no file differs.

        edits: `File.target` → new content. when: to the second, recorded as UTC. Raises PathMissing, BadSigningKey.
        """
        deadline = self._deadline(remote)

        def work(store: ObjectStore) -> NewCommit | None:
            return read_or_refetch(
                store, parent, self._source(remote, deadline),
                lambda: build_commit(
                    read_in_time(store, deadline), parent, store.read(parent, "commit"), edits,
                    author=author, message=message, when=when, signer=signer,
                ),
            )  # fmt: skip

        return await self._workers.with_store(remote, deadline, work)

    async def commit_files(
        self, remote: Remote, parent: str, files: Mapping[str, bytes], about: CommitText
    ) -> NewCommit | None:
        """Make a commit on `parent` that has these files, new ones too, not pushed yet. Return None when none differs.

        parent: empty for the first commit of a repository. Call it after `list_refs`. Raises PathTaken, BadPath,
        BadSigningKey.
        """
        deadline = self._deadline(remote)
        source = self._source(remote, deadline)

        def build(store: ObjectStore) -> NewCommit | None:
            before = store.read(parent, "commit") if parent else b""
            form = format_of(parent) if parent else source.session.object_format(deadline)
            if store.object_format is not form:
                store.wipe(form)
            read = read_in_time(store, deadline)
            return build_commit_of_files(read, parent, before, files, about=about, object_format=form)

        def work(store: ObjectStore) -> NewCommit | None:
            return read_or_refetch(store, parent, source, lambda: build(store)) if parent else build(store)

        return await self._workers.with_store(remote, deadline, work)

    async def read_files(self, remote: Remote, commit: str, paths: Iterable[str]) -> dict[str, bytes]:
        """Return the content of those paths of a commit that are files, links followed. Raises as `fetch`."""
        deadline = self._deadline(remote)

        def use(store: ObjectStore) -> dict[str, bytes]:
            read = read_in_time(store, deadline)
            root = parse_tree_id(store.read(commit, "commit"))
            found = {}
            for path in paths:
                with suppress(PathMissing, PathOutside):
                    entry = find_entry(read, root, path)
                    if entry.is_file:
                        found[path] = read(entry.id, "blob")
            return found

        def work(store: ObjectStore) -> dict[str, bytes]:
            return read_or_refetch(store, commit, self._source(remote, deadline), lambda: use(store))

        return await self._workers.with_store(remote, deadline, work)

    async def push(
        self,
        remote: Remote,
        new: NewCommit,
        updates: Sequence[RefUpdate],
        *,
        options: Mapping[str, str] | None = None,
        force: bool = False,
        check: Check = anyone,
    ) -> tuple[str, ...]:
        """Move references of the remote, to `new` or to commits that it has. Return those that moved.

        One round trip to a remote that has taken a push, else two: see `RemoteSession.push`.
        options: push options, sent as `key=value`. force: allows updates that are not fast-forwards; the expected value
        of an update is compared in any case. check: called in a thread right before references move, however long the
        process was stopped before that; what it raises goes to the caller.
        Raises RefMoved when a reference is not where it was expected (re-apply on the new tip), PushRejected with the
        server's words, and as `list_refs`; `updated_refs` of the first two names the references that a server without
        atomic pushes moved nevertheless.
        """
        deadline = self._deadline(remote)
        push_options = [f"{key}={value}" for key, value in sorted((options or {}).items())]
        ancestors = {new.id: {new.parent}}
        if not force and not all(is_next(new, update) for update in updates):
            ancestors = await self._workers.with_store(
                remote, deadline, partial(known_ancestors, new=new, updates=updates)
            )

        def work() -> tuple[str, ...]:
            with error_context(f"unable to push to '{remote.url}'"):
                return self._connections.session(remote).push(
                    updates,
                    lambda has: build_pack(() if new.id in has else new.objects, format_of(new.id)),
                    options=push_options,
                    may_update=lambda old, to: force or old in ancestors[to],
                    deadline=deadline,
                    check=check,
                )

        try:
            updated_refs = await self._workers.run(remote, deadline, work)
        except (RefMoved, PushRejected) as e:
            e.error_context = ""  # the server's verdict speaks for itself
            raise
        if not self._stores.keep(remote, new):
            await self._workers.add_to_store(remote, deadline, partial(keep_commit, new=new))
        return updated_refs

    async def delete_ref(self, remote: Remote, ref: str, expected: str, *, check: Check = anyone) -> None:
        """Delete a reference of the remote; one that is gone already is fine. Two round trips. check: as of `push`.

        Raises RefMoved when it is not at `expected`, PushRejected, and as `list_refs`.
        """
        deadline = self._deadline(remote)

        def work() -> None:
            with error_context(f"unable to push to '{remote.url}'"):
                self._connections.session(remote).delete_ref(ref, expected, deadline, check=check)

        await self._workers.run(remote, deadline, work)

    async def check_push(self, remote: Remote) -> None:
        """Ask whether the remote lets us push at all; that it refuses single branches turns out at the push.

        One round trip. Raises AuthenticationFailed where it does not, and as `list_refs`.
        """
        deadline = self._deadline(remote)

        def work() -> None:
            with error_context(f"unable to push to '{remote.url}'"):
                session = self._connections.session(remote)
                session.push((), lambda _: b"", options=(), may_update=lambda *_: False, deadline=deadline)

        await self._workers.run(remote, deadline, work)

    async def signer(self, key: SigningKey) -> Signer:
        """Return a signer with this key. Unlocks each key once. Raises BadSigningKey."""
        work = partial(self._signers.signer, key)
        return await self._workers.run_for(key.tenant, work)

    async def github_login(self, app: GithubApp, via: Remote) -> Basic:
        """Return what a GitHub App logs in with: see `GithubApps.login`. One request an hour."""
        deadline = self._deadline(via)
        api = Remote(app.url, tls=via.tls, proxy=via.proxy, timeout=via.timeout, tenant=via.tenant)
        return await self._workers.run(api, deadline, partial(self._github.login, app, via, deadline))

    @asynccontextmanager
    async def lock_branch(self, remote: Remote, branch: str) -> AsyncIterator[bool]:
        """Keep other tasks of this process and tenant from writing to this branch of this repository.

        Tenants do not wait for each other: between them, as between processes, the remote decides.

        Yields True when there was nobody to wait for: no other task has changed what the caller has read of it.
        """
        lock = self._branch_locks.setdefault((remote.tenant, canonical_url(remote.url), branch), asyncio.Lock())
        is_uncontended = not lock.locked()
        async with lock:
            yield is_uncontended

    async def aclose(self) -> None:
        """Wait for threads at work, close connections and drop the cache."""
        await self._workers.aclose()
        self._connections.close()
        self._github.close()
        await self._stores.aclose()

    def _deadline(self, remote: Remote) -> Deadline:
        return Deadline(remote.timeout, monotonic=self._monotonic)

    def _source(self, remote: Remote, deadline: Deadline) -> PackSource:
        return PackSource(self._connections.session(remote), self._max_bytes, deadline)
