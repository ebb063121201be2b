"""A forge in a few dicts, beside a fake remote: refuses what forges refuse, and remembers what people do."""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

from controllers.forge.errors import AlreadyExists, BranchMissing, ForgeError, NothingToMerge
from controllers.forge.model import BranchCommit, Desired, ForgeKind, Outcome, PullRequest, Stamp, State, Warned
from controllers.forge.stamp import text_digest
from controllers.git.objects.commits import Author
from controllers.git.protocol.refs import HEADS
from controllers.git.remote import Remote
from testing.builders import GIT_URL
from testing.clock import START
from testing.fake_git import FakeGit


class FakeForge:
    """A `Forge` of the repository that a FakeGit is."""

    kind = ForgeKind.GITEA
    name = "Gitea (git.example)"

    def __init__(self, git: FakeGit) -> None:
        self.git = git
        self.entries: dict[int, PullRequest] = {}
        self.desired: dict[int, Desired] = {}
        self.calls: list[str] = []
        self.failures: dict[str, list[ForgeError]] = defaultdict(list)
        """Method → errors for its next calls."""
        self.before: dict[str, list[Callable[[], object]]] = defaultdict(list)
        """Method → what happens just before its next calls."""
        self.warnings: tuple[Warned, ...] = ()
        """Of the next writes."""

    @property
    def requests(self) -> int:
        return len(self.calls)

    def only(self, state: State = State.OPEN) -> PullRequest:
        """Return the one pull request in a state."""
        (entry,) = [one for one in self.entries.values() if one.state is state]
        return entry

    def open_heads(self) -> list[str]:
        return sorted(one.head for one in self.entries.values() if one.state is State.OPEN)

    def merge(self, number: int, *, squash: bool = False, delete: bool = True) -> None:
        """Merge as a person does."""
        entry = self.entries[number]
        head, base = HEADS + entry.head, HEADS + entry.base
        if squash:
            self.git.put(base, self.git.files_of(head))
        else:
            self.git.refs[base] = self.git.refs[head]
        commit = self.git.refs[head]
        if delete:
            self.git.refs.pop(head)
        ended = START + timedelta(hours=1)
        self.entries[number] = replace(entry, state=State.MERGED, head_commit=commit, ended=ended)

    def decline(self, number: int) -> None:
        """Close it as a person does."""
        self.entries[number] = replace(self.entries[number], state=State.CLOSED)

    async def list_open(self, prefix: str) -> tuple[PullRequest, ...]:
        self._called("list_open")
        return tuple(one for one in self.entries.values() if one.state is State.OPEN and one.head.startswith(prefix))

    async def find(self, head: str, base: str) -> tuple[PullRequest, ...]:
        self._called("find")
        found = [one for one in self.entries.values() if (one.head, one.base) == (head, base)]
        return tuple(sorted(found, key=lambda one: one.number, reverse=True))

    async def create(self, desired: Desired) -> Outcome:
        self._called("create")
        head, base = (self.git.refs.get(HEADS + name) for name in (desired.head, desired.base))
        if head is None or base is None:
            raise BranchMissing("a branch is missing")
        if self.git.trees[head] == self.git.trees[base]:
            raise NothingToMerge("there is nothing to merge")
        for one in self.entries.values():
            if one.state is State.OPEN and (one.head, one.base) == (desired.head, desired.base):
                raise AlreadyExists("it exists")
        number = len(self.entries) + 1
        url = f"https://git.example/org/fleet/pulls/{number}"
        made = PullRequest(number, url, State.OPEN, desired.head, desired.base, created=START)
        return self._write(made, desired)

    async def update(self, pull_request: PullRequest, desired: Desired, *, decorate: bool = False) -> Outcome:
        self._called("update")
        return self._write(self.entries[pull_request.number], desired)

    async def close(self, pull_request: PullRequest, comment: str) -> Outcome:
        self._called("close")
        entry = self.entries[pull_request.number]
        stamp = replace(entry.stamp, closed=True) if entry.stamp else None
        self.entries[entry.number] = closed = replace(entry, state=State.CLOSED, stamp=stamp)
        return Outcome(closed)

    async def commit(self, commit: BranchCommit) -> str:
        self._called("commit")
        edits = {change.path: change.content or b"" for change in commit.changes}
        remote, forge = Remote(GIT_URL), Author("forge@example.com", "The forge")
        made = await self.git.commit(remote, commit.parent, edits, author=forge, message=commit.message, when=START)
        assert made is not None
        ref = HEADS + commit.branch
        assert self.git.refs.get(ref, "") == commit.expected
        self.git.refs[ref] = made.id
        return made.id

    def _write(self, entry: PullRequest, desired: Desired) -> Outcome:
        stamp = Stamp(desired.automation, desired.content, text_digest(desired.title, desired.body))
        written = replace(entry, title=desired.title, body=desired.body, stamp=stamp)
        self.entries[entry.number] = written
        self.desired[entry.number] = desired
        warnings, self.warnings = self.warnings, ()
        return Outcome(written, warnings)

    def _called(self, method: str) -> None:
        self.calls.append(method)
        if self.before[method]:
            self.before[method].pop(0)()
        if self.failures[method]:
            raise self.failures[method].pop(0)
