"""From the files of a commit and the images of policies to the files that are to change. Pure."""

from controllers import setters
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
