"""Which files each automation of a preview starts from: those that are there, or what an earlier one would push.

Automations that write to the same branch do so one after the other, by name, as their runs would: the next one fetches
what the one before has pushed. Values only; nothing is read or written.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from api.gitrepository import GitRepository
from controllers.git.objects.scan import File
from controllers.gitaccess.branches import BranchPlan
from controllers.worktree.marked import MarkedFiles
from controllers.worktree.paths import repository_path

_HERE: Final = ("", "")
"""The branch of automations whose GitRepository is unknown."""


@dataclass(frozen=True, slots=True)
class Start:
    """What an automation starts from. after: names of those whose result that is; empty for the files as they are."""

    contents: Mapping[str, bytes] = field(default_factory=dict)
    """New content of files, by the path that they are stored under."""
    after: tuple[str, ...] = ()

    def apply_to(self, found: MarkedFiles) -> MarkedFiles:
        """Return files with these contents."""
        return MarkedFiles([self._file(file) for file in found.files], found.unreadable)

    def _file(self, file: File) -> File:
        data = self.contents.get(file.target)
        return file if data is None else replace(file, data=data)


class Chain:
    """The branches as the automations that were previewed so far would leave them."""

    def __init__(self) -> None:
        self._branches: dict[tuple[str, str], Start] = {}

    def start(self, plan: BranchPlan | None, source: GitRepository | None, *, tips: Sequence[str]) -> Start:
        """Return what a run starts from. tips: commits that its push branch is at; none for a branch to be made."""
        if plan is None or source is None:
            return self._branches.get(_HERE, Start())
        pushed = self._branches.get(_branch(source, plan.push_branch))
        if pushed or not plan.switch:
            return pushed or Start()
        is_made = not (plan.continues and tips)
        return self._branches.get(_branch(source, plan.checkout.branch), Start()) if is_made else Start()

    def push(
        self,
        name: str,
        start: Start,
        edits: Mapping[str, bytes],
        *,
        plan: BranchPlan | None,
        source: GitRepository | None,
    ) -> None:
        """Take up what an automation would push to its branch; without edits it pushes nothing."""
        if edits:
            branch = _HERE if plan is None or source is None else _branch(source, plan.push_branch)
            self._branches[branch] = Start({**start.contents, **edits}, (*start.after, name))


def _branch(source: GitRepository, name: str) -> tuple[str, str]:
    return repository_path(source.spec.url), name
