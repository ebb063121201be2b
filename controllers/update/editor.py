"""From a commit to its edit. Reads Git, writes nothing."""

import asyncio
from threading import Event

from controllers import setters
from controllers.git.protocol.refs import Tip
from controllers.threads import FairThreads, Share
from controllers.update.edit import plan_edit
from controllers.update.repository import Repository
from controllers.update.work import Edit, Work

THREADS, THREADS_PER_NAMESPACE = 8, 2


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
