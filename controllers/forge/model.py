"""The values that pass between us and any forge, and the protocol that all of them implement."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol


class ForgeKind(StrEnum):
    """The forges, by their names in specs."""

    GITHUB = "github"
    GITLAB = "gitlab"
    GITEA = "gitea"
    """Forgejo, too."""
    BITBUCKET = "bitbucket"
    """Bitbucket Cloud."""
    BITBUCKET_SERVER = "bitbucket-server"
    """Bitbucket Server and Data Center."""
    AZURE_DEVOPS = "azuredevops"


class State(StrEnum):
    """Of a pull request."""

    OPEN = "open"
    MERGED = "merged"
    CLOSED = "closed"
    """Without being merged: declined, abandoned."""


class MergeMethod(StrEnum):
    """How a forge is asked to merge."""

    MERGE = "merge"
    SQUASH = "squash"
    REBASE = "rebase"


@dataclass(frozen=True, slots=True)
class Stamp:
    """What we wrote about a pull request into its text, so that it is known again without any memory of ours."""

    automation: str
    """`namespace/name`."""
    content: str
    """Digest of what the branch offers; see `Desired.content`."""
    text: str = ""
    """Digest of title and body as we wrote them; a person's edits do not change it."""
    closed: bool = False
    """We closed it ourselves: its content was not declined."""


@dataclass(frozen=True, slots=True)
class PullRequest:
    """A pull request (GitLab: merge request) as a forge reports it."""

    number: int
    url: str
    """For people."""
    state: State
    head: str
    """Branch, without `refs/heads/`."""
    base: str
    """Branch, without `refs/heads/`."""
    head_commit: str = ""
    """Empty: the forge does not say."""
    title: str = ""
    body: str = field(default="", repr=False)
    """With stamp; in listings it may be cut."""
    author: str = ""
    """Login name; empty: the forge does not say."""
    stamp: Stamp | None = None
    """None: we did not write its text, or somebody took the stamp out."""
    created: datetime | None = None
    ended: datetime | None = None
    """When it was merged or closed; None while it is open, or where the forge does not say."""
    draft: bool = False
    labels: frozenset[str] | None = None
    """None: the forge does not say in this answer."""
    auto_merge: bool | None = None
    """Whether the forge is to merge it by itself; None: it does not say."""
    key: str = ""
    """A forge's further name for it (GraphQL node, version of an optimistic lock). Only the forge's module reads it."""


@dataclass(frozen=True, slots=True)
class Desired:
    """What a pull request is to be."""

    head: str
    """Branch, without `refs/heads/`; in the same repository."""
    base: str
    title: str
    """One line; see `text` for how hostile text gets into it. Cut to what the forge takes."""
    body: str
    """Markdown, without stamp. Cut to what the forge takes."""
    automation: str
    """`namespace/name`."""
    content: str
    """Digest of the edit: the same for the same new values, whatever commit they are in; see `decision.digest`."""
    labels: tuple[str, ...] = ()
    reviewers: tuple[str, ...] = ()
    """As the forge names people; `team/NAME` (GitHub, Gitea: a team of the owner)."""
    assignees: tuple[str, ...] = ()
    draft: bool = False
    auto_merge: MergeMethod | None = None


@dataclass(frozen=True, slots=True)
class Warned:
    """Something beside the pull request itself that did not work: labels, reviewers, assignees, auto-merge."""

    what: str
    """`labels`, `reviewers`, `assignees`, `auto-merge`, `draft`, `title`, `body`, `comment`."""
    message: str
    """Says what to do; safe to show."""
    again: bool = False
    """Whether to call `update` in the next run although nothing has changed: what was not possible may be, then."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a write led to."""

    pull_request: PullRequest
    warnings: tuple[Warned, ...] = ()
    adopted: bool = False
    """`create` found one that was there already."""


@dataclass(frozen=True, slots=True)
class FileChange:
    """A file of a commit that the forge makes."""

    path: str
    content: bytes | None
    """None: deleted."""
    mode: int = 0o100644
    """Git's; what a forge's API cannot make is refused, not changed."""


@dataclass(frozen=True, slots=True)
class BranchCommit:
    """A commit that the forge is to make and sign."""

    branch: str
    expected: str
    """Where the branch has to be, "" for one that must not exist: as the old value of a push."""
    parent: str
    """The commit to build on, which the forge has."""
    message: str
    changes: tuple[FileChange, ...]


class Forge(Protocol):
    """One repository at a forge, as one identity. Safe to call from several tasks. All methods raise ForgeError.

    Branches are named without `refs/heads/`. Nothing here pushes, merges, or touches a pull request from a fork.
    """

    @property
    def kind(self) -> ForgeKind: ...

    @property
    def name(self) -> str:
        """As messages call it: `GitHub (github.com)`."""

    @property
    def requests(self) -> int:
        """How many requests were sent so far."""

    async def list_open(self, prefix: str) -> tuple[PullRequest, ...]:
        """Return the open pull requests whose head branch (in this repository) begins with `prefix`, any base.

        One listing a repository and run: a request for each 100 open ones, or one that says that nothing changed.
        """

    async def find(self, head: str, base: str) -> tuple[PullRequest, ...]:
        """Return those from one branch to another in any state, newest first. To be asked before one is made."""

    async def create(self, desired: Desired) -> Outcome:
        """Open a pull request, with labels and so on; adopt the one that is there already.

        The head branch has to be pushed. Raises NothingToMerge where it has nothing that the base has not.
        """

    async def update(self, pull_request: PullRequest, desired: Desired, *, decorate: bool = False) -> Outcome:
        """Write title, body and stamp, and ask for auto-merge again, which a push may have ended.

        decorate: labels, reviewers and assignees, too: for one that is adopted. What people took off otherwise stays
        off.
        """

    async def close(self, pull_request: PullRequest, comment: str) -> Outcome:
        """Close it without merging, saying why; the stamp then says that it was us. The branch stays."""

    async def commit(self, commit: BranchCommit) -> str:
        """Make a commit through the API, which the forge signs ("Verified"), and return its name.

        Raises Refused where the forge or the files do not permit it: push it instead, and say so in a finding.
        """
