"""From a commit and the images of policies to the files that are to change. Reads Git, writes nothing."""

import asyncio
from collections.abc import Iterable, Iterator
from threading import Event

from controllers import setters
from controllers.git.objects.scan import File
from controllers.git.protocol.refs import Tip
from controllers.threads import FairThreads, Share
from controllers.update.repository import Repository
from controllers.update.work import Edit, Tree, Work


def plan_edit(
    tree: Tree,
    work: Work,
    *,
    reverts: setters.Reverts = setters.NO_REVERTS,
    cache: setters.FileCache | None = None,
    abandoned: Event | None = None,
) -> Edit:
    """Return what the images of `work` make of a tree. Pure: the same tree and work give the same edit.

    reverts: values that are not to be written again. cache: saves work that was done before. abandoned: once it is
    set, the next file ends the work with Abandoned.
    """
    update = setters.update(
        _until(abandoned or Event(), tree.files),
        work.images,
        work.path,
        globs=work.globs,
        reverts=reverts,
        cache=cache,
    )
    targets = {file.path: file.target for file in tree.files}
    return Edit(tree.base, update, {targets[path]: edit.data for path, edit in update.edits.items()})


THREADS, THREADS_PER_NAMESPACE = 8, 2


class Abandoned(Exception):
    """Nobody waits for the edit any more; never leaves this module."""


class Editor:
    """Plans edits of commits, and remembers the files that need none. Safe to call from several tasks."""

    def __init__(self) -> None:
        self._cache = setters.FileCache()
        self._threads = FairThreads(THREADS, name="edit")

    async def edit(
        self, repository: Repository, work: Work, base: Tip, *, reverts: setters.Reverts = setters.NO_REVERTS
    ) -> Edit:
        """Return the edit of a commit. Raises UpdateFailed, and RefMoved when the remote no longer has the commit."""
        tree = await repository.read_tree(work, base)
        # In a thread: a repository with many marked files would hold the event loop for longer than its 50 ms. Whoever
        # commits files that take long to parse uses up the threads of their own namespace.
        abandoned = Event()

        def plan() -> Edit:
            return plan_edit(tree, work, reverts=reverts, cache=self._cache, abandoned=abandoned)

        share = Share(work.automation.metadata.namespace, THREADS_PER_NAMESPACE)
        planning = await self._threads.start(plan, share)
        try:
            return await asyncio.shield(planning)
        except asyncio.CancelledError:
            abandoned.set()
            raise


def _until(abandoned: Event, files: Iterable[File]) -> Iterator[tuple[str, bytes]]:
    """Yield paths and contents as long as somebody waits for what is made of them. Raises Abandoned."""
    for file in files:
        if abandoned.is_set():
            raise Abandoned
        yield file.path, file.data
