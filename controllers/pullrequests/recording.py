"""A forge that keeps what is done at it, and does it or stops before that."""

from dataclasses import dataclass, field, replace

from controllers.forge.model import BranchCommit, Desired, Forge, ForgeKind, Outcome, PullRequest, State
from controllers.pullrequests.errors import NotSent


@dataclass(frozen=True, slots=True)
class RecordedOffer:
    """Something that was done to a pull request, or would have been."""

    action: str
    """open, update or close."""
    head: str
    base: str
    title: str
    body: str = field(repr=False)
    number: int = 0
    """0 for one that was not opened."""
    url: str = ""


class RecordingForge:
    """A `Forge` over another one. is_dry_run: what writes succeeds without being sent.

    Only a commit raises NotSent then: it is made like any other, by a `Git` that does not push either.
    """

    def __init__(self, forge: Forge, offers: list[RecordedOffer], *, is_dry_run: bool) -> None:
        self._forge = forge
        self._offers = offers
        self._is_dry_run = is_dry_run

    @property
    def kind(self) -> ForgeKind:
        return self._forge.kind

    @property
    def name(self) -> str:
        return self._forge.name

    @property
    def requests(self) -> int:
        return self._forge.requests

    async def list_open(self, prefix: str) -> tuple[PullRequest, ...]:
        return await self._forge.list_open(prefix)

    async def find(self, head: str, base: str) -> tuple[PullRequest, ...]:
        return await self._forge.find(head, base)

    async def create(self, desired: Desired) -> Outcome:
        dry = Outcome(PullRequest(0, "", State.OPEN, desired.head, desired.base))
        outcome = dry if self._is_dry_run else await self._forge.create(desired)
        self._record("open", outcome.pull_request, desired.title, desired.body)
        return outcome

    async def update(self, pull_request: PullRequest, desired: Desired, *, decorate: bool = False) -> Outcome:
        outcome = Outcome(pull_request)
        if not self._is_dry_run:
            outcome = await self._forge.update(pull_request, desired, decorate=decorate)
        self._record("update", outcome.pull_request, desired.title, desired.body)
        return outcome

    async def close(self, pull_request: PullRequest, comment: str) -> Outcome:
        outcome = Outcome(replace(pull_request, state=State.CLOSED))
        if not self._is_dry_run:
            outcome = await self._forge.close(pull_request, comment)
        self._record("close", outcome.pull_request, pull_request.title, comment)
        return outcome

    async def commit(self, commit: BranchCommit) -> str:
        if self._is_dry_run:
            raise NotSent("nothing is sent in a dry run")
        return await self._forge.commit(commit)

    def _record(self, action: str, entry: PullRequest, title: str, body: str) -> None:
        self._offers.append(RecordedOffer(action, entry.head, entry.base, title, body, entry.number, entry.url))
