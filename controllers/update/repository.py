"""The remote of one automation: what an update asks of Git, each step with the text that its failure is reported by."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime

from controllers import setters
from controllers.git.errors import PathMissing, PathOutside, RefNotFound
from controllers.git.objects.commits import CommitInfo, NewCommit, Signer
from controllers.git.objects.scan import File, check_bound, check_sizes
from controllers.git.protocol.refs import HEADS, Checkout, Refs, Tip, resolve
from controllers.git.protocol.refspec import RefUpdate
from controllers.git.protocol.session import Check
from controllers.gitaccess.branches import BranchPlan
from controllers.gitaccess.git import Git
from controllers.gitaccess.source import AutomationSource
from controllers.net.foreign_text import sanitize
from controllers.policy import Semver, choose
from controllers.policy.errors import InvalidPolicy, PolicyError
from controllers.setters.targets import anything
from controllers.update.errors import PathUnusable, attempting
from controllers.update.target_files import add_files, list_searches
from controllers.update.work import Edit, MarkedTree, Work

MAX_FILE_MARKERS = 5_000
MAX_RUN_MARKERS = 100_000
"""What parses and compares markers takes memory and time for each."""
INLINE_REFS = 2_000
"""So many take some milliseconds to choose from."""
CHECKOUT = "failed to checkout source"
UPDATE = "failed to update source"


class Repository:
    """Git and the source that it works on. Raises GitOperationFailed, unless a method says otherwise."""

    def __init__(self, git: Git, source: AutomationSource) -> None:
        self._git = git
        self.source = source

    @property
    def plan(self) -> BranchPlan:
        """The branches of this run."""
        return self.source.plan

    @property
    def can_read_any_commit(self) -> bool:
        """False where the remote gives out only what its references name. Known once references were listed."""
        return self._git.can_fetch_any_commit(self.source.remote)

    async def list_refs(self) -> tuple[Refs, Tip]:
        """Return what the remote has now, and the commit to check out: one round trip."""
        checkout = self.plan.checkout
        with attempting(CHECKOUT):
            refs = await self._git.list_refs(self.source.remote, extra=checkout.extra_refs)
            if len(refs.values) <= INLINE_REFS:
                return refs, _resolve(checkout, refs)
            return refs, await asyncio.to_thread(_resolve, checkout, refs)

    async def read_tree(self, work: Work, base: Tip) -> MarkedTree:
        """Return the marked files of a commit. Raises PathUnusable as well, and RefMoved for a commit that is gone."""
        with attempting(CHECKOUT):
            await self._git.fetch(self.source.remote, base)
            try:
                files = await self._git.find_files(
                    self.source.remote,
                    base.commit,
                    work.path,
                    is_wanted=setters.name_filter(work.globs),
                    has_marker=setters.mentions_marker,
                )
            except PathMissing as error:
                raise PathUnusable(
                    "failed to apply policies: walking path for files: "
                    f"lstat {work.automation.spec.update.path}: no such file or directory"
                ) from error
            except PathOutside as error:  # by a symbolic link, which a commit may mend: not for a stall
                raise PathUnusable(f"failed to apply policies: {error}") from error
            files = add_files(files, await self._find_target_files(work, base), work.targets, work.path)
            check_sizes(files)
            check_markers(files)
        return MarkedTree(base, files)

    async def _find_target_files(self, work: Work, base: Tip) -> list[File]:
        """Return the files that targets may mean, besides others of the same name."""
        found: list[File] = []
        for search in list_searches(work.targets, work.path):
            with suppress(PathMissing, PathOutside):  # which become findings: no file is what the target means
                found += await self._git.find_files(
                    self.source.remote,
                    base.commit,
                    search.folder,
                    is_wanted=search.is_wanted,
                    has_marker=anything,
                )
        return found

    async def read_commit(self, commit: str) -> CommitInfo:
        """Return what a commit says."""
        with attempting(CHECKOUT):
            return await self._git.read_commit(self.source.remote, commit)

    async def commit(
        self, edit: Edit, *, step: str, message: str, when: datetime, signer: Signer | None = None
    ) -> NewCommit | None:
        """Make a commit of an edit; None when the files turn out to be as they were. step: how a failure begins."""
        with attempting(step):
            return await self._git.commit(
                self.source.remote,
                edit.base.commit,
                edit.contents,
                author=self.source.author,
                message=message,
                when=when,
                signer=signer,
            )

    async def push(self, new: NewCommit, updates: Sequence[RefUpdate], *, force: bool, check: Check) -> bool:
        """Push, and report whether a reference moved. Raises GitError: a push that failed may have moved some."""
        updated_refs = await self._git.push(
            self.source.remote, new, updates, options=self.plan.options, force=force, check=check
        )
        return bool(updated_refs)

    async def delete_branch(self, branch: str, expected: str, *, check: Check) -> None:
        """Delete a branch that is still where it was. Raises RefMoved as well."""
        with attempting(f"{UPDATE}: failed to delete branch '{branch}'"):
            await self._git.delete_ref(self.source.remote, f"{HEADS}{branch}", expected, check=check)


def check_markers(files: Sequence[File]) -> None:
    """Raise RepositoryTooLarge where markers would cost more than a run may."""
    total = 0
    for file in files:
        count = setters.count_markers(file.data)
        check_bound(file.path, count, MAX_FILE_MARKERS, f"{MAX_FILE_MARKERS} markers", "a file")
        total += count
        check_bound(file.path, total, MAX_RUN_MARKERS, f"{MAX_RUN_MARKERS} markers", "files together")


def _resolve(checkout: Checkout, refs: Refs) -> Tip:
    return resolve(checkout, refs, select_semver=_select_tag)


def _select_tag(range_: str, tags: Sequence[str]) -> str | None:
    try:
        return choose(tags, Semver(range_)).tag
    except InvalidPolicy as error:
        why = str(error).removeprefix("invalid policy: ")  # there is none here
        raise RefNotFound(f"semver '{sanitize(range_)}' is not a range of versions: {why}") from error
    except PolicyError:
        return None
