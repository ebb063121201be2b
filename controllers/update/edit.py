"""From a commit and the images of policies to the files that are to change. Reads Git, writes nothing."""

import asyncio

from controllers import setters
from controllers.git.protocol.refs import Tip
from controllers.update.repository import Repository
from controllers.update.work import Edit, Tree, Work


def plan_edit(
    tree: Tree, work: Work, *, reverts: setters.Reverts = setters.NO_REVERTS, cache: setters.FileCache | None = None
) -> Edit:
    """Return what the images of `work` make of a tree. Pure: the same tree and work give the same edit.

    reverts: values that are not to be written again. cache: saves work that was done before.
    """
    update = setters.update(
        [(file.path, file.data) for file in tree.files],
        work.images,
        work.path,
        globs=work.globs,
        reverts=reverts,
        cache=cache,
    )
    targets = {file.path: file.target for file in tree.files}
    return Edit(tree.base, update, {targets[path]: edit.data for path, edit in update.edits.items()})


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
