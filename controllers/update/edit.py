"""From the files of a commit and the images of policies to the files that are to change. Pure."""

from collections.abc import Iterable, Iterator
from threading import Event

from controllers import setters
from controllers.git.objects.scan import File
from controllers.update.work import Edit, MarkedTree, Work


class Abandoned(Exception):
    """Nobody waits for the edit any more; never leaves this module."""


def plan_edit(
    tree: MarkedTree,
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
        targets=work.targets,
        reverts=reverts,
        cache=cache,
    )
    targets = {file.path: file.target for file in tree.files}
    return Edit(tree.base, update, {targets[path]: edit.data for path, edit in update.edits.items()})


def _until(abandoned: Event, files: Iterable[File]) -> Iterator[tuple[str, bytes]]:
    """Yield paths and contents as long as somebody waits for what is made of them. Raises Abandoned."""
    for file in files:
        if abandoned.is_set():
            raise Abandoned
        yield file.path, file.data
