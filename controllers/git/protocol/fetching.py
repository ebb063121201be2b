"""Brings commits into an object store, and mends it: what is missing or damaged is fetched once more. Blocking."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeVar

from controllers.git.errors import Outdated, ProtocolError, RefNotFound, TooLarge, doing
from controllers.git.objects.names import format_of
from controllers.git.objects.store import Damaged, ObjectStore
from controllers.git.protocol.refs import HEADS
from controllers.git.protocol.remote_session import Conversation
from controllers.git.protocol.transport import Deadline
from controllers.git.protocol.wire import Want

T = TypeVar("T")

MAX_OBJECT_BYTES = 128 << 20
MAX_UNFOLDING = 8
"""Git's packs of text seldom unfold to more than this many times their size."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where a store's objects come from. max_bytes: of one pack."""

    conversation: Conversation
    max_bytes: int
    deadline: Deadline


def ensure(store: ObjectStore, commit: str, ref: str, source: Source) -> None:
    """Makes a commit complete in the store; nothing to do, and no request, when it is.

    ref: where the commit was seen, empty for a bare commit. Raises Outdated when the remote no longer has the commit
    there, RefNotFound for an unknown bare commit, TooLarge, CacheFailed, and what conversations raise.
    """
    if store.has(commit):
        return
    if store.is_worn() or store.size_bytes() > source.max_bytes:
        store.wipe()
    with doing(f"unable to clone '{source.conversation.url}'"):
        _name_alike(store, commit, source)
        if store.complete and _fetch_more(store, commit, ref, source):
            return
        _fetch(store, commit, ref, source)


def _name_alike(store: ObjectStore, commit: str, source: Source) -> None:
    """Empties a store that names objects otherwise than the remote, which is then another repository than it was."""
    theirs = source.conversation.object_format(source.deadline)
    if format_of(commit) is not theirs:
        hint = f"the repository names commits by {theirs.name}, in {theirs.hex_length} characters"
        raise RefNotFound(f"couldn't find remote commit '{commit}': {hint}")
    if store.object_format is not theirs:
        store.wipe(theirs)


def _fetch_more(store: ObjectStore, commit: str, ref: str, source: Source) -> bool:
    """False, with the store emptied, when what is here and what the remote sends do not fit together."""
    try:
        _fetch(store, commit, ref, source)
    except TooLarge:
        raise
    except ProtocolError:
        pass
    else:
        return True
    store.wipe()
    return False


def reading(store: ObjectStore, commit: str, source: Source, use: Callable[[], T]) -> T:
    """What `use` makes of a store in which `commit` is complete. A damaged store is wiped and filled anew, once."""
    ensure(store, commit, "", source)
    with suppress(Damaged):
        return use()
    store.wipe()
    ensure(store, commit, "", source)
    try:
        return use()
    except Damaged as e:
        raise ProtocolError(f"commit {commit} lacks an object although it was just fetched") from e


def _fetch(store: ObjectStore, commit: str, ref: str, source: Source) -> None:
    conversation = source.conversation
    want = Want([commit], tuple(store.complete), depth=1)
    if not ref and not conversation.takes_any_commit():
        want = _reachable(conversation, commit, want, source.deadline)
    try:
        with conversation.fetch(want, source.deadline, max_bytes=source.max_bytes) as chunks:
            store.add_pack(
                chunks, commit, max_object_bytes=MAX_OBJECT_BYTES, max_total_bytes=MAX_UNFOLDING * source.max_bytes
            )
    except ProtocolError as e:
        if "not our ref" not in e.reason and "did not send commit" not in e.reason:
            raise
        if ref:
            raise Outdated(f"{ref} is no longer at {commit[:7]}") from e
        raise RefNotFound(f"couldn't find remote commit '{commit}'") from e


def _reachable(conversation: Conversation, commit: str, want: Want, deadline: Deadline) -> Want:
    """How to get a commit from a remote that gives out tips only: all history of all branches, unless it is a tip."""
    refs = conversation.list_refs((), deadline)
    if conversation.takes_any_commit() or commit in refs.values.values() or commit in refs.peeled.values():
        return want
    heads = sorted({c for ref, c in refs.values.items() if ref.startswith(HEADS)})
    if not heads:
        raise RefNotFound(f"couldn't find remote commit '{commit}'")
    return Want(heads, (), depth=0)
