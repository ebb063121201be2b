"""From edits to a commit on the remote that the status knows of, whatever happens in between.

A push and the status that records it are two writes to two places: what a crash, or a refusal of one of two references,
leaves between them is found and made good by the next run (`recover`, `finish`).
"""

from datetime import datetime

from msgspec.structs import replace

from controllers import setters, template
from controllers.git.engine import GitEngine
from controllers.git.errors import BadRefspec, PushFailed, Unreachable
from controllers.git.objects.commits import CommitInfo, NewCommit
from controllers.git.protocol.refs import HEADS, Refs, Tip, branch_tip
from controllers.git.protocol.refspec import RefUpdate, parse_refspec
from controllers.imageupdateautomation.editor import Edit, Editor
from controllers.imageupdateautomation.job import (
    GIT_OPERATION_FAILED,
    AutomationRun,
    Job,
    Published,
    translate_git_errors,
)
from controllers.imageupdateautomation.message import build_template_data
from controllers.imageupdateautomation.plan import Plan
from controllers.runtime.reconcile.run import NotReady, Stalled

INVALID_SOURCE_CONFIGURATION = "InvalidSourceConfiguration"


class Publisher:
    """Commits, pushes, and records in `run.status` what was pushed. Safe to call from several tasks."""

    def __init__(self, git: GitEngine, editor: Editor) -> None:
        self._git = git
        self._editor = editor

    async def publish(self, run: AutomationRun, job: Job, edit: Edit, *, refs: Refs, base: Tip) -> Published | None:
        """Commits and pushes; None when the files turn out to be as they were. Raises Outdated for a lost race."""
        text = _render(run, edit.update, job)
        with translate_git_errors("failed to update source"):
            new = await self._git.commit(
                job.source.remote, base.commit, edit.contents,
                author=job.author, message=text, when=run.now, signer=job.source.signer,
            )  # fmt: skip
        if new is None or await self._is_already_pushed(job, new, refs):
            return None
        published = Published(new.id, text, run.now, edit.update)
        await self._push(run, job, new, published, refs=refs)
        return published

    async def finish(self, run: AutomationRun, job: Job, refs: Refs, base: Tip) -> Published | None:
        """Pushes once more the refspec of our last commit, which the remote took only as the branch.

        None when there is nothing left to do. To be called while a push has failed and nothing was recorded since.
        """
        status = run.status
        if not job.source.plan.refspec or base.commit != status.last_push_commit:
            return None
        message = (await self._describe(job, base.commit)).message
        published = Published(base.commit, message, status.last_push_time or run.now, None)
        there = NewCommit(base.commit, base.commit, "", ())
        return published if await self._push(run, job, there, published, refs=refs) else None

    async def recover(self, run: AutomationRun, job: Job, base: Tip, *, behind: int = 0) -> Published | None:
        """Our commit that the status does not know, at `base` or behind it: a crash came between push and status.

        Ours is what bears our author's name, was made since the last recorded push, and is what we would make of its
        parent. behind: how many commits on top of it to look through, a request each. To be called for a base that
        needs no edits. Costs nothing where `base` is another author's and nothing is to be looked for behind it.
        """
        commit = base.commit
        for step in range(behind + 1):
            if _is_recorded(run, commit) or (step and not self._git.can_fetch_any_commit(job.source.remote)):
                return None
            info = await self._describe_if_available(job, commit)
            if info is None or not info.parents or _is_older_than_ours(run, info.time):
                return None
            if info.is_by(job.author) and (update := await self._recreate_update(run, job, info)):
                published = Published(commit, info.message, info.time, update)
                _record(run, published)
                return published
            commit = info.parents[0]
        return None

    async def _recreate_update(self, run: AutomationRun, job: Job, info: CommitInfo) -> setters.Update | None:
        """What we would have done to a commit's parent; None where something else was done."""
        if len(info.parents) != 1:
            return None
        parent = Tip("", info.parents[0], "")
        try:
            edit = await self._editor.edit(run, job, parent)
            with translate_git_errors("failed to checkout source"):
                made = await self._git.commit(
                    job.source.remote, parent.commit, edit.contents, author=job.author, message="", when=info.time
                )
        except NotReady as error:
            _raise_if_unreachable(error)
            return None  # the parent cannot be had, or has no such path
        return edit.update if made is not None and made.tree == info.tree else None

    async def _describe_if_available(self, job: Job, commit: str) -> CommitInfo | None:
        """What a commit says; None where the remote does not give it out."""
        try:
            return await self._describe(job, commit)
        except NotReady as error:
            _raise_if_unreachable(error)
            return None

    async def _is_already_pushed(self, job: Job, new: NewCommit, refs: Refs) -> bool:
        """True when a push branch that is made anew each time already has this very update of this very commit."""
        plan = job.source.plan
        tip = branch_tip(refs, plan.push_branch)
        if not plan.switch or plan.continues or tip is None:
            return False
        info = await self._describe(job, tip.commit)
        return info.tree == new.tree and info.parents == (new.parent,)

    async def _describe(self, job: Job, commit: str) -> CommitInfo:
        with translate_git_errors("failed to checkout source"):
            return await self._git.read_commit(job.source.remote, commit)

    async def _push(self, run: AutomationRun, job: Job, new: NewCommit, published: Published, *, refs: Refs) -> bool:
        """True when something moved. What moved is recorded also where the push as a whole fails."""
        plan = job.source.plan
        updates, force = _ref_updates(plan, refs, new.id)
        await run.check_leader()
        with translate_git_errors("failed to update source: failed to push to remote"):
            try:
                updated_refs = await self._git.push(job.source.remote, new, updates, options=plan.options, force=force)
            except PushFailed as failure:
                if HEADS + plan.push_branch in failure.updated_refs:
                    _record(run, published)
                raise
        _record(run, published)
        return bool(updated_refs)


def _is_recorded(run: AutomationRun, commit: str) -> bool:
    """True for a commit that a run has come to terms with: it pushed it, or found it and had nothing to add."""
    status = run.object.status
    return commit == run.status.last_push_commit or status.observed_source_revision.endswith(f":{commit}")


def _is_older_than_ours(run: AutomationRun, time: datetime) -> bool:
    """True for the time of a commit that cannot be of a push which went unrecorded."""
    recorded, created = run.status.last_push_time, run.object.metadata.creation_timestamp
    return time <= recorded if recorded else created is not None and time < created


def _raise_if_unreachable(error: NotReady) -> None:
    """That a remote does not answer tells nothing of a commit."""
    if isinstance(error.__cause__, Unreachable):
        raise error


def _record(run: AutomationRun, published: Published) -> None:
    run.status = replace(run.status, last_push_commit=published.commit, last_push_time=published.time)


def _ref_updates(plan: Plan, refs: Refs, commit: str) -> tuple[list[RefUpdate], bool]:
    """Which references of the remote are to move to a commit, and whether those may be no fast-forwards."""
    branch = HEADS + plan.push_branch
    updates = [RefUpdate(branch, commit, refs.branch(plan.push_branch))]
    if not plan.refspec:
        return updates, plan.force
    try:
        refspec = parse_refspec(plan.refspec)
        return updates + refspec.updates({branch: commit}), plan.force or refspec.force
    except BadRefspec as error:
        raise Stalled(INVALID_SOURCE_CONFIGURATION, f"failed to update source: {error}") from error


def _render(run: AutomationRun, update: setters.Update, job: Job) -> str:
    data = build_template_data(run.object, update, job.usable, job.sources)
    try:
        return template.render(job.source.git.commit.message_template, data, now=run.now)
    except template.TemplateFailure as error:
        raise NotReady(GIT_OPERATION_FAILED, f"failed to update source: {error}") from error
