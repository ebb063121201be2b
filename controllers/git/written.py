"""Commits of ours that are pushed: what the store knows of their past, and what it keeps of them."""

from collections.abc import Sequence

from controllers.git.objects.commits import NewCommit
from controllers.git.objects.store import ObjectStore
from controllers.git.protocol.refspec import RefUpdate


def is_next(new: NewCommit, update: RefUpdate) -> bool:
    """Return whether an update makes a reference, or moves it from a commit's parent to the commit."""
    return update.new == new.id and update.expected in (None, new.parent)


def known_ancestors(store: ObjectStore, *, new: NewCommit, updates: Sequence[RefUpdate]) -> dict[str, set[str]]:
    """Return the ancestors of each commit to push, as far as the store has them."""
    starts = {update.new: new.parent if update.new == new.id else update.new for update in updates}
    return {commit: store.ancestors(start) if start else set() for commit, start in starts.items()}


def keep_commit(store: ObjectStore, *, new: NewCommit) -> None:
    """Keep a pushed commit, so that it need not be fetched; not in a store that is full, which a fetch starts anew."""
    if store.has_too_many_packs():
        return
    if (not new.parent or store.has(new.parent)) and not store.has(new.id):
        store.add_commit(new.id, new.objects)
