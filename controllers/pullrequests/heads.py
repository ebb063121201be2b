"""What Git says of a head branch: whether it is ours, what it offers, and whether the base has moved under it."""

from collections.abc import Collection
from dataclasses import replace

from controllers.forge.decision import ForeignCommit, HeadBranch
from controllers.git.objects.commits import CommitInfo
from controllers.git.protocol.refs import Refs, Tip, branch_tip
from controllers.net.foreign_text import sanitize
from controllers.pullrequests.groups import Group
from controllers.pullrequests.trailer import read_offer
from controllers.update.editor import Editor
from controllers.update.errors import GitOperationFailed, PathUnusable
from controllers.update.repository import Repository
from controllers.update.work import Edit, MarkedTree


async def read_branch(repository: Repository, refs: Refs, head: str, base: str) -> tuple[HeadBranch, str]:
    """Return the facts of a branch, and the commit that it was made of, at a request where it exists.

    base: commit that the base branch is at. Raises GitOperationFailed and RefMoved.
    """
    tip = branch_tip(refs, head)
    if tip is None:
        return HeadBranch(), ""
    if tip.commit == base:
        return HeadBranch(tip.commit), base  # there is nothing on it
    info = await repository.read_commit(tip.commit)
    offer = read_offer(info.message)
    if offer is None or offer.tree != info.tree or len(info.parents) != 1:
        return HeadBranch(tip.commit, foreign=ForeignCommit(tip.commit, _name_of(info))), ""
    (parent,) = info.parents
    return HeadBranch(tip.commit, offer.content, base_moved=parent != base), parent


async def read_head(
    repository: Repository, refs: Refs, group: Group, edit: Edit, *, editor: Editor | None
) -> HeadBranch:
    """Return the facts of a group's branch, and whether the base has changed the same files since it was made.

    edit: what the group makes of the current base. editor: None where nobody asks for conflicts, for which the commit
    that the branch was made of has to be fetched. Raises as `read_branch`.
    """
    branch, parent = await read_branch(repository, refs, group.head, edit.base.commit)
    if editor is None or not branch.base_moved:
        return branch
    return replace(branch, conflicted=await _is_conflicted(repository, group, edit, parent, editor=editor))


async def _is_conflicted(repository: Repository, group: Group, edit: Edit, parent: str, *, editor: Editor) -> bool:
    """Report whether the base has changed files that the group changes, since the branch was made of `parent`.

    Whole files count, not lines: such a branch may merge, but nobody has to find out. True where nothing is known.
    """
    try:
        tree = await repository.read_tree(group.work, Tip("", parent, ""))
    except PathUnusable:
        return True
    except GitOperationFailed as error:
        if error.unreachable:
            raise
        return True
    before = await editor.plan(only(group.narrow(tree), edit.update.edits), group.work, is_partial=True)
    return before.contents != edit.contents


def only(tree: MarkedTree, paths: Collection[str]) -> MarkedTree:
    """Return the files of a tree at certain paths."""
    return MarkedTree(tree.base, [file for file in tree.files if file.path in paths])


def _name_of(info: CommitInfo) -> str:
    name = info.author.decode("utf-8", "replace").partition(" <")[0].strip()
    return sanitize(name)[:100] or "somebody"
