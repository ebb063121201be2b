"""Gitea and Forgejo: https://docs.gitea.com/api. Much is as at GitHub, and some of it only looks so.

Labels are added by number. `GET pulls/BASE/HEAD` answers with the oldest pull request of any state, so it says only
whether there ever was one. A head branch that is gone is named by its label alone. Before 1.26 listings have no filter
by branch. Drafts are told by the title.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

import msgspec

from controllers.forge.answers import Answer, archived
from controllers.forge.api import MAX_PAGES, check_web_url, path, query
from controllers.forge.driver import Limits, Text
from controllers.forge.errors import (
    AlreadyExists,
    BranchMissing,
    Conflict,
    ForgeError,
    NotFound,
    NothingToMerge,
    NotYet,
)
from controllers.forge.github_like import GithubLike
from controllers.forge.model import Desired, ForgeKind, MergeMethod, PullRequest, State
from controllers.forge.named import add_each
from controllers.forge.stamp import read_stamp
from controllers.forge.wire import Identifier, Login, Number
from controllers.net.foreign_text import escape

PAGE: Final = 50
"""The most that a server gives with its usual settings."""
ENDED_PAGES: Final = 4
"""How far back closed ones are looked for, where the server cannot filter by branch."""
DRAFT: Final = "WIP: "
SCHEDULED_ALREADY: Final = "already scheduled"


class _Repo(msgspec.Struct):
    id: Identifier = 0


class _Ref(msgspec.Struct):
    ref: str
    label: str = ""
    """The branch, also when it is gone; `ref` is then `refs/pull/…`."""
    sha: str = ""
    repo_id: int = 0


class _Label(msgspec.Struct):
    id: Identifier = 0
    name: str = ""


class _Pull(msgspec.Struct):
    number: Number
    head: _Ref
    base: _Ref
    state: str
    html_url: str = ""
    title: str = ""
    body: str | None = None
    user: Login | None = None
    draft: bool = False
    labels: list[_Label] | None = None
    assignees: list[Login] | None = None
    merged: bool = False
    created_at: datetime | None = None
    closed_at: datetime | None = None
    merged_at: datetime | None = None


def explain(answer: Answer) -> ForgeError | None:
    """Return what an answer means at Gitea alone."""
    words = answer.words
    said = f"it answered {answer.status}: {words}"
    match answer.status:
        case 409 if "already exists" in words:
            return AlreadyExists(said)
        case 422 if "no changes between" in words:
            return NothingToMerge(said)
        case 405 if "try again later" in words.lower():
            return NotYet(said)
        case 423:
            return archived(answer)
    return None


class Gitea(GithubLike):
    """Pull requests of one repository."""

    kind = ForgeKind.GITEA
    limits = Limits(title=255, body=65_536)
    draft_prefix = DRAFT

    async def list_open(self, prefix: str) -> Sequence[PullRequest]:
        return await self._list(query(state="open"))

    async def find(self, head: str, base: str) -> Sequence[PullRequest]:
        """Return them in one request where there never was one, and otherwise in two or more."""
        try:
            await self._api.send("GET", self._pulls + path(base, head))
        except NotFound:
            return ()
        return [
            *await self._list(query(state="open", base_branch=base)),
            *await self._list(query(state="closed", base_branch=base, sort="recentupdate"), at_most=ENDED_PAGES),
        ]

    async def open(self, desired: Desired, text: Text) -> PullRequest:
        body = {"head": desired.head, "base": desired.base, "title": text.title, "body": text.body}
        try:
            return _convert(await self._api.call("POST", self._pulls, body=body, into=_Pull))
        except NotFound as error:  # the same words for a repository and for a branch
            await self._api.send("GET", self._repository)
            raise BranchMissing(f"head or base branch is not there: {error.reason}") from error

    async def label(self, pull_request: PullRequest, labels: Sequence[str]) -> Sequence[str]:
        """Add labels of the repository or its organisation."""
        numbers = await self._label_numbers(labels)
        found = [numbers[label] for label in labels if label in numbers]
        if found:
            await self._api.send("POST", f"{self._issue(pull_request)}/labels", body={"labels": found})
        return [f"there is no label {escape(label)}; make it first" for label in labels if label not in numbers]

    async def assign(self, pull_request: PullRequest, assignees: Sequence[str]) -> Sequence[str]:
        """Add people to those assigned; a list replaces the one before."""
        current = await self._api.call("GET", self._one(pull_request), into=_Pull)
        there = [user.login for user in current.assignees or ()]

        async def add(names: Sequence[str]) -> None:
            everybody = list(dict.fromkeys([*there, *names]))
            await self._api.send("PATCH", self._one(pull_request), body={"assignees": everybody})
            there[:] = everybody

        return await add_each(assignees, add)

    async def auto_merge(self, pull_request: PullRequest, method: MergeMethod) -> None:
        """Have Gitea merge when all checks have succeeded, which is at once where there are none to wait for."""
        body = {
            "Do": method.value,
            "merge_when_checks_succeed": True,
            "delete_branch_after_merge": True,
            "head_commit_id": pull_request.head_commit,
        }
        try:
            await self._api.send("POST", f"{self._one(pull_request)}/merge", body=body)
        except Conflict as error:
            if SCHEDULED_ALREADY not in error.reason:
                raise

    async def _label_numbers(self, wanted: Sequence[str]) -> dict[str, int]:
        found: dict[str, int] = {}
        places = [f"{self._repository}/labels", f"{path('orgs', self._owner)}/labels"]
        for place in places:
            if all(label in found for label in wanted):
                break
            try:
                async for page in self._api.pages(place, into=list[_Label], size=PAGE, size_key="limit"):
                    found = {label.name: label.id for label in page} | found
            except NotFound:
                if place == places[0]:
                    raise
                # The owner is a person.
        return found

    async def _patch(self, pull_request: PullRequest, body: dict[str, str]) -> PullRequest:
        return _convert(await self._api.call("PATCH", self._one(pull_request), body=body, into=_Pull))

    async def _list(self, these: str, *, at_most: int = MAX_PAGES) -> Sequence[PullRequest]:
        found: list[PullRequest] = []
        target = self._pulls + these
        async for page in self._api.pages(target, into=list[_Pull], size=PAGE, size_key="limit", at_most=at_most):
            found += [_convert(entry) for entry in page if entry.head.repo_id == entry.base.repo_id]
        return found


def _convert(pull: _Pull) -> PullRequest:
    state = State.MERGED if pull.merged else State.OPEN if pull.state == "open" else State.CLOSED
    body = pull.body or ""
    return PullRequest(
        number=pull.number,
        url=check_web_url(pull.html_url),
        state=state,
        head=pull.head.label or pull.head.ref,
        base=pull.base.label or pull.base.ref,
        head_commit=pull.head.sha,
        title=pull.title,
        body=body,
        author=pull.user.login if pull.user else "",
        stamp=read_stamp(body),
        created=pull.created_at,
        ended=pull.merged_at or pull.closed_at,
        draft=pull.draft,
        labels=frozenset(label.name for label in pull.labels or ()),
    )
