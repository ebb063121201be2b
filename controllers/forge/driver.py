"""What the forges differ in: requests and answers. What they have in common is in `repository`, which calls these."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from controllers.forge.errors import Refused
from controllers.forge.model import BranchCommit, Desired, ForgeKind, MergeMethod, PullRequest


@dataclass(frozen=True, slots=True)
class Limits:
    """What a forge takes, in characters."""

    title: int
    body: int


@dataclass(frozen=True, slots=True)
class Text:
    """What a pull request says, as it is sent: within the limits, with stamp and a draft's prefix."""

    title: str
    body: str


class Driver(Protocol):
    """One repository at one kind of forge. All methods send requests and raise ForgeError.

    What a forge has no notion of, its driver leaves as it is here: that raises Refused, which becomes a warning.
    """

    kind: ForgeKind
    limits: Limits
    draft_prefix: str = ""
    """Of the title, where that is how a draft is told; else empty."""

    async def list_open(self, prefix: str) -> Sequence[PullRequest]:
        """Return open pull requests; `repository` leaves out branches without the prefix and forks."""

    async def find(self, head: str, base: str) -> Sequence[PullRequest]:
        """Return pull requests in any state; others may be among them."""

    async def open(self, desired: Desired, text: Text) -> PullRequest:
        """Open a pull request. Raises AlreadyExists, NothingToMerge, BranchMissing, DraftRefused."""

    async def edit(self, pull_request: PullRequest, base: str, text: Text) -> PullRequest:
        """Write title, body and base."""

    async def comment(self, pull_request: PullRequest, text: str) -> None: ...

    async def close(self, pull_request: PullRequest, body: str) -> PullRequest:
        """Write the body and close it."""

    async def label(self, pull_request: PullRequest, labels: Sequence[str]) -> Sequence[str]:
        """Add labels; return what is wrong with those that could not be added."""
        raise Refused("its pull requests have no labels", remedy="leave labels out")

    async def request_reviews(self, pull_request: PullRequest, reviewers: Sequence[str]) -> Sequence[str]:
        """Add reviewers; return what is wrong with those that could not be added."""

    async def assign(self, pull_request: PullRequest, assignees: Sequence[str]) -> Sequence[str]:
        """Add assignees; return what is wrong with those that could not be added."""
        raise Refused("its pull requests have no assignees", remedy="use reviewers")

    async def auto_merge(self, pull_request: PullRequest, method: MergeMethod) -> None:
        """Have the forge merge it by its own rules, once they are met."""
        raise Refused("its API has no auto-merge", remedy="leave autoMerge out")

    async def commit(self, commit: BranchCommit) -> str:
        """Make a commit; see `Forge.commit`."""
        raise Refused("commits are made through the API of GitHub alone", remedy="leave commits to Git")
