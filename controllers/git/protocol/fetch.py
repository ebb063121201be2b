"""Fetch commits into an object store, and repair it: missing or damaged objects are fetched once more. Blocking."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeVar

from controllers.git.errors import (
    CorruptObject,
    ProtocolError,
    RefMoved,
    RefNotFound,
    RepositoryTooLarge,
    error_context,
)
from controllers.git.objects.hashing import format_of
from controllers.git.objects.store import ObjectStore
from controllers.git.objects.tree import ReadObject
from controllers.git.protocol.deadline import Deadline
from controllers.git.protocol.pktline import REMOTE_ERROR
from controllers.git.protocol.refs import HEADS
from controllers.git.protocol.session import RemoteSession
from controllers.git.protocol.wire import Want

T = TypeVar("T")

MAX_OBJECT_BYTES = 128 << 20
MAX_EXPANSION_RATIO = 8
"""Git's packs of text seldom unfold to more than this many times their size."""


@dataclass(frozen=True, slots=True)
class PackSource:
    """The remote that fills a store. max_bytes: of one pack."""

    session: RemoteSession
    max_bytes: int
    deadline: Deadline


def ensure_commit(store: ObjectStore, commit: str, ref: str, source: PackSource) -> None:
    """Make a commit complete in the store. Sends no request when it already is.

    ref: where the commit was found, empty for a bare commit. Raises RefMoved when the remote no longer has the commit
    there, RefNotFound for an unknown bare commit, RepositoryTooLarge, CacheFailed, and as the session does.
    """
    if store.has(commit):
        return
    if store.has_too_many_packs() or store.size_bytes() > source.max_bytes:
        store.wipe()
    with error_context(f"unable to clone '{source.session.url}'"):
        _match_object_format(store, commit, source)
        if store.complete_commits and _fetch_incremental(store, commit, ref, source):
            return
        _fetch(store, commit, ref, source)


def _match_object_format(store: ObjectStore, commit: str, source: PackSource) -> None:
    """Empty a store of the other object format: the remote is then not the repository that it was."""
    theirs = source.session.object_format(source.deadline)
    if format_of(commit) is not theirs:
        hint = f"the repository names commits by {theirs.name}, in {theirs.hex_length} characters"
        raise RefNotFound(f"couldn't find remote commit '{commit}': {hint}")
    if store.object_format is not theirs:
        store.wipe(theirs)


def _fetch_incremental(store: ObjectStore, commit: str, ref: str, source: PackSource) -> bool:
    """Return False, with the store emptied, when the pack does not fit the objects that are here."""
    try:
        _fetch(store, commit, ref, source)
    except RepositoryTooLarge:
        raise
    except ProtocolError:
        pass
    else:
        return True
    store.wipe()
    return False


def read_or_refetch(store: ObjectStore, commit: str, source: PackSource, use: Callable[[], T]) -> T:
    """Return the result of `use`, with `commit` complete in the store. A damaged store is refilled, once."""
    ensure_commit(store, commit, "", source)
    with suppress(CorruptObject):
        return use()
    store.wipe()
    ensure_commit(store, commit, "", source)
    try:
        return use()
    except CorruptObject as e:
        raise ProtocolError(f"commit {commit} has a missing or malformed object although it was just fetched") from e


def read_in_time(store: ObjectStore, deadline: Deadline) -> ReadObject:
    """Return what reads objects until the time is over: a small repository can hold very many of them."""

    def read(object_id: str, kind: str) -> bytes:
        deadline.remaining()
        return store.read(object_id, kind)

    return read


def _fetch(store: ObjectStore, commit: str, ref: str, source: PackSource) -> None:
    session = source.session
    want = Want([commit], tuple(store.complete_commits), depth=1)
    if not ref and not session.can_fetch_any_commit():
        want = _want_reachable(session, commit, want, source.deadline)
    try:
        with session.fetch(want, source.deadline, max_bytes=source.max_bytes) as chunks:
            store.add_pack(
                chunks,
                commit,
                max_object_bytes=MAX_OBJECT_BYTES,
                max_total_bytes=MAX_EXPANSION_RATIO * source.max_bytes,
                check_time=source.deadline.remaining,
            )
    except ProtocolError as e:
        is_missing = "not our ref" in e.reason or "did not send commit" in e.reason
        if ref and is_missing:
            raise RefMoved(f"{ref} is no longer at {commit[:7]}") from e
        if not ref and (is_missing or e.reason.startswith(REMOTE_ERROR)):
            raise RefNotFound(
                f"couldn't find remote commit '{commit}': {e.reason}; some servers serve only commits that a branch or "
                "tag leads to"
            ) from e
        raise


def _want_reachable(session: RemoteSession, commit: str, want: Want, deadline: Deadline) -> Want:
    """Widen a want for a remote that serves tips only: unless the commit is a tip, all branches with their history."""
    refs = session.list_refs((), deadline)
    if session.can_fetch_any_commit() or commit in refs.values.values() or commit in refs.peeled.values():
        return want
    heads = sorted({c for ref, c in refs.values.items() if ref.startswith(HEADS)})
    if not heads:
        raise RefNotFound(f"couldn't find remote commit '{commit}'")
    return Want(heads, (), depth=0)
