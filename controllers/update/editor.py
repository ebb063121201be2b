"""From a commit to its edit. Reads Git, writes nothing."""

import asyncio

from controllers import setters
from controllers.git.protocol.refs import Tip
from controllers.update.edit import plan_edit
from controllers.update.repository import Repository
from controllers.update.work import Edit, Work


class Editor:
    """Plans edits of commits, and remembers the files that need none. Safe to call from several tasks."""

    def __init__(self) -> None:
        self._cache = setters.FileCache()

    async def edit(
        self, repository: Repository, work: Work, base: Tip, *, reverts: setters.Reverts = setters.NO_REVERTS
    ) -> Edit:
        """Return the edit of a commit. Raises UpdateFailed, and RefMoved when the remote no longer has the commit."""
        tree = await repository.read_tree(work, base)
        # In a thread: a repository with many marked files would hold the event loop for longer than its 50 ms.
        return await asyncio.to_thread(plan_edit, tree, work, reverts=reverts, cache=self._cache)
