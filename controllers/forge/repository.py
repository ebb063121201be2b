"""A repository at any forge: what all of them have in common, over what they differ in (`driver`).

Adopting, cutting texts, stamps, and that whatever is beside the pull request itself (labels, reviewers, assignees,
auto-merge, comments) only warns: it must never keep an update from being offered.
"""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from controllers.forge.answers import reading_answers
from controllers.forge.api import Api
from controllers.forge.driver import Driver, Text
from controllers.forge.errors import (
    AlreadyExists,
    AuthenticationFailed,
    Conflict,
    DraftRefused,
    Forbidden,
    ForgeError,
    NotYet,
    Unavailable,
)
from controllers.forge.model import BranchCommit, Desired, ForgeKind, Outcome, PullRequest, Stamp, State, Warned
from controllers.forge.stamp import mark_closed, text_digest
from controllers.forge.text import compose, fit_title
from controllers.net.foreign_text import escape

LATER = (Conflict, NotYet, Unavailable)
ASKED_AGAIN = ("auto-merge",)
"""What an update that does not decorate asks for: for the others, one more would only write the text again."""

_RIGHTS = {
    "labels": "give the token the right to read and write issues, which is what labels need, or leave them out",
    "reviewers": "give the token the right to ask for reviews, or leave reviewers out",
    "assignees": "give the token the right to read and write issues, which is what assignees need, or leave them out",
    "auto-merge": "give the token's user the right to merge, or leave autoMerge out",
    "comment": "give the token the right to comment",
}


class RepositoryForge:
    """Implements `model.Forge` for any driver."""

    def __init__(self, driver: Driver, api: Api) -> None:
        self._driver = driver
        self._api = api

    @property
    def kind(self) -> ForgeKind:
        return self._driver.kind

    @property
    def name(self) -> str:
        return self._api.name

    @property
    def requests(self) -> int:
        return self._api.requests

    async def list_open(self, prefix: str) -> tuple[PullRequest, ...]:
        """See `Forge.list_open`."""
        with self._trying(f"list the open pull requests of {self._api.repository}"):
            found = await self._driver.list_open(prefix)
        mine = [entry for entry in found if entry.state is State.OPEN and entry.head.startswith(prefix)]
        return tuple(sorted(mine, key=lambda entry: entry.number, reverse=True))

    async def find(self, head: str, base: str) -> tuple[PullRequest, ...]:
        """See `Forge.find`."""
        with self._trying(f"look for pull requests from {escape(head)} to {escape(base)} in {self._api.repository}"):
            found = await self._driver.find(head, base)
        these = {entry.number: entry for entry in found if (entry.head, entry.base) == (head, base)}
        return tuple(these[number] for number in sorted(these, reverse=True))

    async def create(self, desired: Desired) -> Outcome:
        """See `Forge.create`."""
        what = f"open a pull request from {escape(desired.head)} to {escape(desired.base)} in {self._api.repository}"
        warnings: list[Warned] = []
        with self._trying(what):
            try:
                made = await self._open(desired, warnings)
            except AlreadyExists:
                existing = await self._find_open(desired.head, desired.base)
                if existing is None:
                    raise
                _check_is_free(existing, desired)
                outcome = await self.update(existing, desired, decorate=True)
                return replace(outcome, adopted=True)
        warnings += await self._decorate(made, desired)
        return Outcome(await self._with_auto_merge(made, desired, warnings), tuple(warnings))

    async def update(self, pull_request: PullRequest, desired: Desired, *, decorate: bool = False) -> Outcome:
        """See `Forge.update`."""
        with self._trying(f"update pull request {pull_request.number} of {self._api.repository}"):
            text = self._text(desired, draft=pull_request.draft)
            edited = await self._driver.edit(pull_request, desired.base, text)
        warnings = await self._decorate(edited, desired) if decorate else []
        return Outcome(await self._with_auto_merge(edited, desired, warnings), tuple(warnings))

    async def close(self, pull_request: PullRequest, comment: str) -> Outcome:
        """See `Forge.close`."""
        warnings: list[Warned] = []
        if comment:
            warnings += await self._beside("comment", lambda: self._driver.comment(pull_request, comment))
        with self._trying(f"close pull request {pull_request.number} of {self._api.repository}"):
            closed = await self._driver.close(pull_request, mark_closed(pull_request.body))
        return Outcome(closed, tuple(warnings))

    async def commit(self, commit: BranchCommit) -> str:
        """See `Forge.commit`."""
        with self._trying(f"commit to {escape(commit.branch)} in {self._api.repository}"):
            return await self._driver.commit(commit)

    async def _find_open(self, head: str, base: str) -> PullRequest | None:
        """Return the open one; by the listing where a search does not know the branch by the name that we have."""
        found = await self._driver.find(head, base)
        return _pick_open(found, head, base) or _pick_open(await self._driver.list_open(head), head, base)

    async def _open(self, desired: Desired, warnings: list[Warned]) -> PullRequest:
        try:
            return await self._driver.open(desired, self._text(desired, draft=desired.draft))
        except DraftRefused as error:
            warnings.append(Warned("draft", f"it was opened as ready for review: {error.reason}"))
            ready = replace(desired, draft=False)
            return await self._driver.open(ready, self._text(ready, draft=False))

    def _text(self, desired: Desired, *, draft: bool) -> Text:
        limits = self._driver.limits
        prefix = self._driver.draft_prefix if draft else ""
        stamp = Stamp(desired.automation, desired.content, text_digest(desired.title, desired.body))
        return Text(fit_title(desired.title, limits.title, prefix=prefix), compose(desired.body, stamp, limits.body))

    async def _decorate(self, entry: PullRequest, desired: Desired) -> list[Warned]:
        driver, warnings = self._driver, list[Warned]()
        if desired.labels:
            warnings += await self._beside("labels", lambda: driver.label(entry, desired.labels))
        if desired.reviewers:
            warnings += await self._beside("reviewers", lambda: driver.request_reviews(entry, desired.reviewers))
        if desired.assignees:
            warnings += await self._beside("assignees", lambda: driver.assign(entry, desired.assignees))
        return warnings

    async def _with_auto_merge(self, entry: PullRequest, desired: Desired, warnings: list[Warned]) -> PullRequest:
        method = desired.auto_merge
        if method is None or entry.auto_merge or entry.draft:
            return entry
        failed = await self._beside("auto-merge", lambda: self._driver.auto_merge(entry, method))
        warnings += failed
        return entry if failed else replace(entry, auto_merge=True)

    async def _beside(self, what: str, step: Callable[[], Awaitable[Sequence[str] | None]]) -> list[Warned]:
        """Return what went wrong in a step beside the pull request itself."""
        try:
            with self._trying(f"set {what} of a pull request in {self._api.repository}"):
                return [Warned(what, words) for words in await step() or ()]
        except AuthenticationFailed:
            raise
        except ForgeError as error:
            may_pass = isinstance(error, LATER)
            remedy = _RIGHTS[what] if isinstance(error, Forbidden) else error.remedy
            if may_pass and what not in ASKED_AGAIN:
                remedy = remedy or "it is not tried again, so do it by hand"
            words = error.reason + (f"; {remedy}" if remedy else "")
            return [Warned(what, words, again=may_pass and what in ASKED_AGAIN)]

    @contextmanager
    def _trying(self, request: str) -> Iterator[None]:
        """Make errors raised inside say which forge was asked for what."""
        try:
            with reading_answers():
                yield
        except ForgeError as error:
            error.forge = error.forge or self._api.name
            error.request = error.request or request
            raise


def _check_is_free(existing: PullRequest, desired: Desired) -> None:
    """Raise AlreadyExists for one that another automation has opened since: each would take it from the other."""
    stamp = existing.stamp
    if stamp and stamp.automation != desired.automation:
        raise AlreadyExists(
            f"#{existing.number} is of the automation '{stamp.automation}'",
            remedy="give this one branches of its own, or close it if that one is gone",
        )


def _pick_open(found: Sequence[PullRequest], head: str, base: str) -> PullRequest | None:
    these = (entry for entry in found if entry.state is State.OPEN and (entry.head, entry.base) == (head, base))
    return next(these, None)
