"""What a crash, or a refusal of one of two references, leaves between a push and the status that records it.

The next run finds it and completes it.
"""

from datetime import datetime

from api.imageupdateautomation import ImageUpdateAutomationStatus
from controllers import setters
from controllers.git.objects.commits import CommitInfo, NewCommit
from controllers.git.protocol.refs import Refs, Tip
from controllers.update.editor import Editor
from controllers.update.errors import GitOperationFailed, PathUnusable
from controllers.update.publish import PushContext, push
from controllers.update.repository import CHECKOUT, Repository
from controllers.update.work import Published, Work


async def finish(
    repository: Repository, status: ImageUpdateAutomationStatus, base: Tip, *, refs: Refs, context: PushContext
) -> Published | None:
    """Push the refspec of our last commit once more, after the remote accepted only its branch.

    None when there is nothing left to do. Call it only after a push has failed and before a run succeeds.
    """
    if not repository.plan.refspec or base.commit != status.last_push_commit:
        return None
    message = (await repository.read_commit(base.commit)).message
    published = Published(base.commit, message, status.last_push_time or context.now, None)
    existing = NewCommit(base.commit, base.commit, "", ())
    return published if await push(repository, existing, published, refs=refs, context=context) else None


async def recover(
    repository: Repository,
    work: Work,
    status: ImageUpdateAutomationStatus,
    base: Tip,
    *,
    editor: Editor,
    now: datetime,
    behind: int = 0,
) -> Published | None:
    """Return our commit that the status does not know, at `base` or behind it: a crash came between push and status.

    A commit is ours if it has our author, was made since the last recorded push, and is what we would make of its
    parent. behind: how many commits on top of it to look through, a request each. Call it for a base that needs no
    edits. Costs no request where `base` is another author's and `behind` is 0.
    """
    commit = base.commit
    for step in range(behind + 1):
        if is_recorded(status, commit) or (step and not repository.can_read_any_commit):
            return None
        info = await _read_if_available(repository, commit)
        if info is None or not info.parents or _is_older_than_ours(work, status, info.time, now=now):
            return None
        if info.is_by(repository.source.author) and (update := await _recreate(repository, work, info, editor=editor)):
            return Published(commit, info.message, info.time, update)
        commit = info.parents[0]
    return None


async def _recreate(repository: Repository, work: Work, info: CommitInfo, *, editor: Editor) -> setters.Update | None:
    """Return what we would have done to a commit's parent; None where something else was done."""
    if len(info.parents) != 1:
        return None
    try:
        edit = await editor.edit(repository, work, Tip("", info.parents[0], ""))
        made = await repository.commit(edit, step=CHECKOUT, message="", when=info.time)
    except PathUnusable:
        return None
    except GitOperationFailed as error:
        if error.unreachable:
            raise
        return None  # the remote does not give out the parent
    return edit.update if made is not None and made.tree == info.tree else None


async def _read_if_available(repository: Repository, commit: str) -> CommitInfo | None:
    """Return what a commit says; None where the remote does not give it out."""
    try:
        return await repository.read_commit(commit)
    except GitOperationFailed as error:
        if error.unreachable:
            raise
        return None


def is_recorded(status: ImageUpdateAutomationStatus, commit: str) -> bool:
    """Report whether a run has settled this commit: it pushed it, or found it and had nothing to add."""
    return commit == status.last_push_commit or status.observed_source_revision.endswith(f":{commit}")


def _is_older_than_ours(work: Work, status: ImageUpdateAutomationStatus, time: datetime, *, now: datetime) -> bool:
    """Report whether a commit of that time is too old to come from an unrecorded push.

    A push that is recorded for the future, by a clock that was wrong, dates nothing.
    """
    recorded, created = status.last_push_time, work.automation.metadata.creation_timestamp
    if recorded and recorded <= now:
        return time < recorded  # to the second: the one that is recorded is known by its hash
    return created is not None and time < created
