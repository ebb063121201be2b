"""What a status keeps of pull requests: the open ones, and the last that ended. Pure."""

from collections.abc import Iterable, Mapping
from datetime import datetime

from msgspec.structs import replace

from api.pullrequest import CLOSED, MAX_LISTED, MERGED, OPEN, PullRequestStatus
from controllers.forge.decision import Memory
from controllers.forge.model import PullRequest, State

MAX_ENDED = 20
MAX_NAMED = 3
STATES: Mapping[State, str] = {State.OPEN: OPEN, State.MERGED: MERGED, State.CLOSED: CLOSED}


class Records:
    """The pull requests of one automation, during a run."""

    def __init__(self, listed: Iterable[PullRequestStatus], *, now: datetime) -> None:
        self._now = now
        self._by_number = {one.number: one for one in listed}

    @property
    def memory(self) -> Memory:
        """What decisions know of former runs."""
        entries = self._by_number.values()
        contents = {one.number: one.content for one in entries if one.content}
        return Memory(contents, frozenset(one.number for one in entries if one.retry))

    def get(self, number: int) -> PullRequestStatus | None:
        """Return what is known of a pull request."""
        return self._by_number.get(number)

    def has_branch(self, branch: str) -> bool:
        """Report whether any is from a branch."""
        return any(one.branch == branch for one in self._by_number.values())

    def list_open(self) -> list[PullRequestStatus]:
        """Return those that were open when they were last looked at."""
        return [one for one in self._by_number.values() if one.state == OPEN]

    def put(self, entry: PullRequest, **facts: object) -> PullRequestStatus:
        """Take up what a forge says of a pull request; facts: fields that others know better."""
        before = self._by_number.get(entry.number)
        state = STATES[entry.state]
        known = before or PullRequestStatus(
            number=entry.number, url=entry.url, branch=entry.head, opened=entry.created or self._now
        )
        since = known.since if before and before.state == state and known.since else self._now
        stamped = entry.stamp.content if entry.stamp else ""
        after = replace(
            known,
            url=entry.url or known.url,
            branch=entry.head,
            base=entry.base,
            state=state,
            since=since,
            **{"content": known.content or stamped, **facts},
        )
        self._by_number[entry.number] = after
        return after

    def drop(self, number: int) -> None:
        """Forget one that the forge does not have."""
        self._by_number.pop(number, None)

    def to_status(self) -> tuple[PullRequestStatus, ...]:
        """Return what the status is to list: open ones by number, then the last that ended."""
        entries = sorted(self._by_number.values(), key=lambda one: one.number)
        is_open = [one for one in entries if one.state == OPEN]
        ended = sorted((one for one in entries if one.state != OPEN), key=lambda one: one.number, reverse=True)
        return (*is_open, *ended[:MAX_ENDED])[:MAX_LISTED]


def summarize_open(entries: Iterable[PullRequestStatus]) -> str:
    """Return what the Ready message says when nothing has happened: which pull requests are open, and their pages."""
    shown = [f"#{one.number} {one.url}" for one in entries]
    if not shown:
        return "no updates made; no pull request is open"
    first = ", ".join(shown[:MAX_NAMED]) + (f" and {len(shown) - MAX_NAMED} more" if shown[MAX_NAMED:] else "")
    return f"{len(shown)} pull request{' is' if len(shown) == 1 else 's are'} open: {first}"
