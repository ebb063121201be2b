"""From an edit to a commit on the remote. A push and the status that records it are two writes: see also `recovery`."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from controllers.git.errors import PushFailed
from controllers.git.objects.commits import NewCommit
from controllers.git.protocol.refs import HEADS, Refs, branch_tip
from controllers.git.protocol.refspec import RefUpdate, parse_refspec
from controllers.git.protocol.session import Check
from controllers.gitaccess.branches import BranchPlan
from controllers.update.errors import attempting
from controllers.update.repository import UPDATE, Repository
from controllers.update.work import Edit, Published


@dataclass(frozen=True, slots=True)
class PushContext:
    """What pushing needs of the run that it is part of."""

    now: datetime
    check: Check
    """Called right before a push; raises unless this process may push."""
    record: Callable[[Published], None]
    """Called as soon as the push branch has a commit, also where the push as a whole failed."""


async def publish(
    repository: Repository, edit: Edit, message: str, *, refs: Refs, context: PushContext
) -> Published | None:
    """Commit and push; None when the files turn out to be as they were.

    Raises GitOperationFailed, BadRefspec, and RefMoved for a lost race.
    """
    signer = repository.source.signer
    new = await repository.commit(edit, step=UPDATE, message=message, when=context.now, signer=signer)
    if new is None or await _is_already_pushed(repository, new, refs):
        return None
    published = Published(new.id, message, context.now, edit.update)
    await push(repository, new, published, refs=refs, context=context)
    return published


async def push(
    repository: Repository, new: NewCommit, published: Published, *, refs: Refs, context: PushContext
) -> bool:
    """Push a commit, and report whether a reference moved. Raises as `publish` does."""
    plan = repository.plan
    updates, force = _ref_updates(plan, refs, new.id)
    with attempting(f"{UPDATE}: failed to push to remote"):
        try:
            moved = await repository.push(new, updates, force=force, check=context.check)
        except PushFailed as failure:
            if HEADS + plan.push_branch in failure.updated_refs:
                context.record(published)
            raise
    context.record(published)
    return moved


async def _is_already_pushed(repository: Repository, new: NewCommit, refs: Refs) -> bool:
    """Report whether a push branch that is made anew each time already has this very update of this very commit."""
    plan = repository.plan
    tip = branch_tip(refs, plan.push_branch)
    if not plan.switch or plan.continues or tip is None:
        return False
    info = await repository.read_commit(tip.commit)
    return info.tree == new.tree and info.parents == (new.parent,)


def _ref_updates(plan: BranchPlan, refs: Refs, commit: str) -> tuple[list[RefUpdate], bool]:
    """Return the references of the remote to move to a commit, and whether they may move other than by fast-forward."""
    branch = HEADS + plan.push_branch
    updates = [RefUpdate(branch, commit, refs.branch(plan.push_branch))]
    if not plan.refspec:
        return updates, plan.force
    refspec = parse_refspec(plan.refspec)
    return updates + refspec.updates({branch: commit}), plan.force or refspec.force
