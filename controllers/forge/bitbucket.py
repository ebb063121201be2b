"""Bitbucket Cloud: https://developer.atlassian.com/cloud/bitbucket/rest/api-group-pullrequests.

An update that leaves out the reviewers takes them off. One reviewer who is inactive, has left or is the author makes
all of a request fail. A second request to open the same pull request does not fail: it changes the first one. There are
no labels, no assignees and no auto-merge.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from controllers.forge.answers import Answer
from controllers.forge.api import MAX_PAGES, Api, check_web_url, path, query
from controllers.forge.driver import Driver, Limits, Text
from controllers.forge.errors import BadAnswer, BranchMissing, ForgeError, NothingToMerge, Refused
from controllers.forge.location import Location
from controllers.forge.model import Desired, ForgeKind, PullRequest, State
from controllers.forge.named import add_each
from controllers.forge.stamp import read_stamp
from controllers.forge.wire import Number
from controllers.net.url import origin

PAGE: Final = 50
ALL_STATES: Final = '(state = "OPEN" OR state = "MERGED" OR state = "DECLINED" OR state = "SUPERSEDED")'
"""Without a state in it, a query is about open ones only."""


class _Named(msgspec.Struct):
    name: str = ""


class _Commit(msgspec.Struct):
    hash: str = ""


class _Repo(msgspec.Struct):
    uuid: str = ""


class _End(msgspec.Struct):
    branch: _Named
    commit: _Commit | None = None
    repository: _Repo | None = None


class _Account(msgspec.Struct):
    uuid: str = ""
    nickname: str = ""
    display_name: str = ""


class _Link(msgspec.Struct):
    href: str = ""


class _Links(msgspec.Struct):
    html: _Link | None = None


class _Pull(msgspec.Struct):
    id: Number
    source: _End
    destination: _End
    state: str
    title: str = ""
    description: str | None = None
    author: _Account | None = None
    reviewers: list[_Account] = []
    links: _Links | None = None
    draft: bool = False
    created_on: datetime | None = None
    updated_on: datetime | None = None


class _Page(msgspec.Struct):
    values: list[_Pull]
    next: str = ""


def explain(answer: Answer) -> ForgeError | None:
    """Return what an answer means at Bitbucket alone."""
    if answer.status not in (400, 404):
        return None
    words = answer.words
    said = f"it answered {answer.status}: {words}"
    if "no changes to be pulled" in words.lower():
        return NothingToMerge(said)
    if "branch not found" in words.lower():
        return BranchMissing(said)
    return None


class Bitbucket(Driver):
    """Pull requests of one repository."""

    kind = ForgeKind.BITBUCKET
    limits = Limits(title=255, body=32_768)

    def __init__(self, api: Api, location: Location) -> None:
        self._api = api
        self._pulls = path("repositories", location.owner, location.name, "pullrequests")

    async def list_open(self, prefix: str) -> Sequence[PullRequest]:
        return await self._list(query(state="OPEN", pagelen=PAGE), at_most=MAX_PAGES)

    async def find(self, head: str, base: str) -> Sequence[PullRequest]:
        these = f"source.branch.name = {_quoted(head)} AND destination.branch.name = {_quoted(base)} AND {ALL_STATES}"
        return await self._list(query(q=these, sort="-created_on", pagelen=PAGE), at_most=1)

    async def open(self, desired: Desired, text: Text) -> PullRequest:
        body: dict[str, object] = {
            "title": text.title,
            "description": text.body,
            "source": {"branch": {"name": desired.head}},
            "destination": {"branch": {"name": desired.base}},
            "close_source_branch": True,
        }
        if desired.draft:
            body["draft"] = True
        return _convert(await self._api.call("POST", self._pulls, body=body, into=_Pull))

    async def edit(self, pull_request: PullRequest, base: str, text: Text) -> PullRequest:
        return await self._put(pull_request, {"title": text.title, "description": text.body}, base=base)

    async def comment(self, pull_request: PullRequest, text: str) -> None:
        await self._api.send("POST", f"{self._one(pull_request)}/comments", body={"content": {"raw": text}})

    async def close(self, pull_request: PullRequest, body: str) -> PullRequest:
        await self._put(pull_request, {"description": body})
        return _convert(await self._api.call("POST", f"{self._one(pull_request)}/decline", body={}, into=_Pull))

    async def request_reviews(self, pull_request: PullRequest, reviewers: Sequence[str]) -> Sequence[str]:
        """Add accounts by UUID (`{…}`) or account id; one by one where Bitbucket refuses all because of one."""

        async def add(names: Sequence[str]) -> None:
            more = [{"uuid": name} if name.startswith("{") else {"account_id": name} for name in names]
            await self._put(pull_request, {}, more=more)

        return await add_each(reviewers, add)

    async def _put(
        self, pull_request: PullRequest, body: dict[str, object], *, base: str = "", more: Sequence[dict[str, str]] = ()
    ) -> PullRequest:
        """Change a pull request, and keep what the request would otherwise take away."""
        current = await self._api.call("GET", self._one(pull_request), into=_Pull)
        kept = [{"uuid": account.uuid} for account in current.reviewers if account.uuid]
        whole: dict[str, Any] = {"title": current.title, "description": current.description or ""} | body
        whole["reviewers"] = [*kept, *(entry for entry in more if entry not in kept)]
        if base and base != pull_request.base:
            whole["destination"] = {"branch": {"name": base}}
        try:
            return _convert(await self._api.call("PUT", self._one(pull_request), body=whole, into=_Pull))
        except Refused as error:
            if more or not kept or "reviewer" not in error.reason.lower():
                raise
        # Somebody who was asked before has left since: without reviewers first, then with each that is still one.
        changed = await self._api.call("PUT", self._one(pull_request), body=whole | {"reviewers": []}, into=_Pull)
        await self.request_reviews(pull_request, [account["uuid"] for account in kept])
        return _convert(changed)

    async def _list(self, these: str, *, at_most: int) -> Sequence[PullRequest]:
        target, found = self._pulls + these, list[PullRequest]()
        for _ in range(at_most):
            page = await self._api.call("GET", target, into=_Page)
            found += [_convert(entry) for entry in page.values if not _is_from_elsewhere(entry)]
            if not page.next:
                break
            target = self._behind(page.next)
        return found

    def _behind(self, url: str) -> str:
        """Return path and query of the next page. Raises BadAnswer for one that is somewhere else."""
        try:
            here, there, parts = origin(self._api.url), origin(url), urlsplit(url)
        except ValueError:
            raise BadAnswer("its next page is not a URL") from None
        prefix = urlsplit(self._api.url).path + self._pulls
        if here != there or parts.path.rstrip("/") != prefix:
            raise BadAnswer("its next page is somewhere else")
        return f"{self._pulls}?{parts.query}"

    def _one(self, pull_request: PullRequest) -> str:
        return f"{self._pulls}{path(pull_request.number)}"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _is_from_elsewhere(pull: _Pull) -> bool:
    """Return whether the source is in a fork, or in one that is gone."""
    source, destination = pull.source.repository, pull.destination.repository
    return source is None or destination is None or source.uuid != destination.uuid


def _convert(pull: _Pull) -> PullRequest:
    state = {"OPEN": State.OPEN, "MERGED": State.MERGED}.get(pull.state, State.CLOSED)
    body = pull.description or ""
    return PullRequest(
        number=pull.id,
        url=check_web_url(pull.links.html.href if pull.links and pull.links.html else ""),
        state=state,
        head=pull.source.branch.name,
        base=pull.destination.branch.name,
        head_commit=pull.source.commit.hash if pull.source.commit else "",
        title=pull.title,
        body=body,
        author=(pull.author.nickname or pull.author.display_name) if pull.author else "",
        stamp=read_stamp(body),
        created=pull.created_on,
        ended=None if state is State.OPEN else pull.updated_on,
        draft=pull.draft,
        labels=frozenset(),
        auto_merge=False,
    )
