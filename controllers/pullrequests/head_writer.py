"""Writes head branches: a group's commit, pushed or made by the forge, and their end."""

from dataclasses import dataclass, replace

from controllers.forge.decision import HeadBranch
from controllers.forge.errors import Refused
from controllers.forge.model import BranchCommit, Desired, FileChange, Forge
from controllers.git.errors import RefMoved
from controllers.git.protocol.refs import HEADS
from controllers.git.protocol.refspec import RefUpdate
from controllers.net.foreign_text import sanitize
from controllers.pullrequests.errors import NotSent
from controllers.pullrequests.groups import Group
from controllers.pullrequests.run_context import Notice, RunContext
from controllers.pullrequests.trailer import Offer, add_offer
from controllers.update.errors import GitOperationFailed, attempting
from controllers.update.repository import UPDATE, Repository
from controllers.update.work import Edit, Published


@dataclass(frozen=True, slots=True)
class HeadWriter:
    """The head branches of a run. Each write has as its precondition where the branch was."""

    repository: Repository
    forge: Forge
    context: RunContext
    notices: list[Notice]
    """Gets what the owner should know."""
    is_verified: bool
    """Whether the forge is to make the commits, where it can."""

    async def push(self, group: Group, part: Edit, desired: Desired, message: str, branch: HeadBranch) -> str:
        """Put the group's commit on the head branch, and return it; empty where there is nothing to commit."""
        now, repository = self.context.now, self.repository
        made = await repository.commit(part, step=UPDATE, message="", when=now)  # for its tree
        if made is None:
            return ""
        text = add_offer(message, Offer(desired.content, made.tree))
        if self.is_verified:
            commit, is_done = await self._commit_by_forge(group, part, text, branch, made.tree)
            if is_done:
                self.context.record(Published(commit, text, now, part.update))
                return commit
            branch = replace(branch, commit=commit)
        signer = repository.source.signer
        new = await repository.commit(part, step=UPDATE, message=text, when=now, signer=signer)
        assert new is not None
        with attempting(f"{UPDATE}: failed to push branch '{group.head}'"):
            update = RefUpdate(f"{HEADS}{group.head}", new.id, branch.commit or None)
            await repository.push(new, [update], force=True, check=self.context.check)
        self.context.record(Published(new.id, text, now, part.update))
        return new.id

    async def _commit_by_forge(
        self, group: Group, part: Edit, message: str, branch: HeadBranch, tree: str
    ) -> tuple[str, bool]:
        """Have the forge make the commit; return where the branch is then, and whether it is as it should be."""
        changes = tuple(FileChange(path, content) for path, content in sorted(part.contents.items()))
        self.context.check()
        try:
            commit = await self.forge.commit(
                BranchCommit(group.head, branch.commit, part.base.commit, message, changes)
            )
        except NotSent:
            return branch.commit, False
        except Refused as error:
            self._warn_of_commit(group, str(error))
            return branch.commit, False
        # A mode that the API does not know would be lost.
        if (await self.repository.read_commit(commit)).tree != tree:
            self._warn_of_commit(group, "the forge made another tree of it")
            return commit, False
        return commit, True

    def _warn_of_commit(self, group: Group, why: str) -> None:
        words = f"the commit on '{group.head}' was pushed, not made by the forge: {why}"
        self.notices.append(Notice("CommitNotVerified", words, is_warning=True))

    async def delete(self, head: str, commit: str) -> None:
        """Delete a head branch that nobody needs; that this fails is worth a word, and no more."""
        try:
            await self.repository.delete_branch(head, commit, check=self.context.check)
        except (GitOperationFailed, RefMoved) as error:
            words = f"branch '{head}' was left behind: {sanitize(str(error))}"
            self.notices.append(Notice("BranchLeftBehind", words, is_warning=True))
