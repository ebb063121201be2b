"""From a commit and the images of policies to the files that are to change. Reads Git, writes nothing."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from controllers import setters
from controllers.git.engine import GitEngine
from controllers.git.errors import PathMissing, PathOutside
from controllers.git.objects.scan import File
from controllers.git.protocol.refs import Tip
from controllers.imageupdateautomation.job import AutomationRun, Job, translate_git_errors
from controllers.runtime.reconcile.run import NotReady

UPDATE_FAILED = "UpdateFailed"


@dataclass(frozen=True, slots=True)
class Edit:
    """What an update makes of a commit. contents: new content by the path that it is stored under."""

    update: setters.Update
    contents: Mapping[str, bytes]


class Editor:
    """Applies the images of a job to commits. Safe to call from several tasks."""

    def __init__(self, git: GitEngine) -> None:
        self._git = git
        self._memory = setters.FileCache()

    async def edit(
        self, run: AutomationRun, job: Job, base: Tip, *, reverts: setters.Reverts = setters.NO_REVERTS
    ) -> Edit:
        """The edits on a commit. Raises NotReady, and Outdated when the commit is no longer to be had."""
        files = await self._files(run, job, base)
        # In a thread: a repository with many marked files would hold the event loop for longer than its 50 ms.
        contents = [(f.path, f.data) for f in files]
        update = await asyncio.to_thread(
            setters.update, contents, job.refs, job.path, globs=job.globs, reverts=reverts, cache=self._memory
        )
        targets = {f.path: f.target for f in files}
        return Edit(update, {targets[path]: edit.data for path, edit in update.edits.items()})

    async def _files(self, run: AutomationRun, job: Job, base: Tip) -> list[File]:
        remote = job.source.remote
        with translate_git_errors("failed to checkout source"):
            await self._git.fetch(remote, base)
            try:
                return await self._git.find_files(
                    remote, base.commit, job.path, is_wanted=setters.names(job.globs), marker=setters.MARKER
                )
            except PathMissing as error:
                raise NotReady(
                    UPDATE_FAILED,
                    "failed to apply policies: walking path for files: "
                    f"lstat {run.object.spec.update.path}: no such file or directory",
                ) from error
            except PathOutside as error:  # by a symbolic link, which a commit may mend: not for a stall
                raise NotReady(UPDATE_FAILED, f"failed to apply policies: {error}") from error
