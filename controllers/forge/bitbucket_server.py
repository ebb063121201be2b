"""Bitbucket Server and Data Center: https://developer.atlassian.com/server/bitbucket/rest.

Every change names the version of the pull request that it is based on, and an update that leaves out the reviewers
takes them off. There are no labels and no assignees; auto-merge came with 8.15, drafts with 8.18.
"""

from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from controllers.forge.answers import Answer, archived
from controllers.forge.api import MAX_PAGES, Api, check_web_url, path, query
from controllers.forge.driver import Driver, Limits, Text
from controllers.forge.errors import (
    AlreadyExists,
    BranchMissing,
    Conflict,
    ForgeError,
    NothingToMerge,
    NotYet,
)
from controllers.forge.location import Location
from controllers.forge.model import Desired, ForgeKind, MergeMethod, PullRequest, State
from controllers.forge.named import add_each
from controllers.forge.stamp import read_stamp
from controllers.forge.wire import Milliseconds, Number

PAGE: Final = 100
BRANCHES: Final = "refs/heads/"
STRATEGIES: Final = {MergeMethod.MERGE: "no-ff", MergeMethod.SQUASH: "squash", MergeMethod.REBASE: "rebase-no-ff"}
_EXCEPTIONS: Final[dict[str, type[ForgeError]]] = {
    "DuplicatePullRequestException": AlreadyExists,
    "EmptyPullRequestException": NothingToMerge,
    "NoSuchBranchException": BranchMissing,
    "PullRequestOutOfDateException": Conflict,
    "PullRequestMergeVetoedException": NotYet,
}
_ARCHIVED: Final = frozenset({"ArchivedRepositoryException", "RepositoryArchivedException"})
TRIES: Final = 3
"""Of a change, each with the version that is current then."""


class _Project(msgspec.Struct):
    key: str = ""


class _Repo(msgspec.Struct):
    slug: str = ""
    project: _Project = msgspec.field(default_factory=_Project)


class _Ref(msgspec.Struct):
    id: str
    displayId: str = ""  # noqa: N815 -- the API's names, here and below
    latestCommit: str = ""  # noqa: N815
    repository: _Repo | None = None


class _User(msgspec.Struct):
    name: str = ""


class _Participant(msgspec.Struct):
    user: _User


class _Link(msgspec.Struct):
    href: str = ""


class _Links(msgspec.Struct):
    self: list[_Link] = []


class _Pull(msgspec.Struct):
    id: Number
    version: int
    state: str
    fromRef: _Ref  # noqa: N815
    toRef: _Ref  # noqa: N815
    title: str = ""
    description: str | None = None
    author: _Participant | None = None
    reviewers: list[_Participant] = []
    links: _Links | None = None
    draft: bool = False
    createdDate: Milliseconds | None = None  # noqa: N815
    closedDate: Milliseconds | None = None  # noqa: N815


class _Page(msgspec.Struct):
    values: list[_Pull]
    isLastPage: bool = True  # noqa: N815
    nextPageStart: int | None = None  # noqa: N815


class _Failure(msgspec.Struct):
    exceptionName: str | None = None  # noqa: N815


class _Failures(msgspec.Struct):
    errors: list[_Failure] = []


Step = Callable[[_Pull], Awaitable[PullRequest]]


def explain(answer: Answer) -> ForgeError | None:
    """Return what an answer means at Bitbucket alone, which names its exceptions."""
    if answer.status < 400:
        return None
    try:
        names = {(entry.exceptionName or "").rpartition(".")[2] for entry in answer.read(_Failures).errors}
    except ForgeError:
        return None
    if names & _ARCHIVED:
        return archived(answer)
    error = next((_EXCEPTIONS[name] for name in sorted(names) if name in _EXCEPTIONS), None)
    return error(f"it answered {answer.status}: {answer.words}") if error else None


class BitbucketServer(Driver):
    """Pull requests of one repository."""

    kind = ForgeKind.BITBUCKET_SERVER
    limits = Limits(title=255, body=32_768)

    def __init__(self, api: Api, location: Location) -> None:
        self._api = api
        self._location = location
        self._pulls = path("projects", location.owner, "repos", location.name, "pull-requests")

    async def list_open(self, prefix: str) -> Sequence[PullRequest]:
        return await self._list(query(state="OPEN", limit=PAGE), at_most=MAX_PAGES)

    async def find(self, head: str, base: str) -> Sequence[PullRequest]:
        these = query(state="ALL", direction="OUTGOING", at=BRANCHES + head, order="NEWEST", limit=PAGE)
        return await self._list(these, at_most=1)

    async def open(self, desired: Desired, text: Text) -> PullRequest:
        body: dict[str, Any] = {
            "title": text.title,
            "description": text.body,
            "fromRef": self._ref(desired.head),
            "toRef": self._ref(desired.base),
        }
        if desired.draft:
            body["draft"] = True
        return _convert(await self._api.call("POST", self._pulls, body=body, into=_Pull))

    async def edit(self, pull_request: PullRequest, base: str, text: Text) -> PullRequest:
        return await self._put(pull_request, {"title": text.title, "description": text.body}, base=base)

    async def comment(self, pull_request: PullRequest, text: str) -> None:
        await self._api.send("POST", f"{self._one(pull_request)}/comments", body={"text": text})

    async def close(self, pull_request: PullRequest, body: str) -> PullRequest:
        await self._put(pull_request, {"description": body})
        return await self._at_version(pull_request, self._decline)

    async def request_reviews(self, pull_request: PullRequest, reviewers: Sequence[str]) -> Sequence[str]:
        """Add users by name; one by one where Bitbucket refuses all because of one."""

        async def add(names: Sequence[str]) -> None:
            await self._put(pull_request, {}, more=names)

        return await add_each(reviewers, add)

    async def auto_merge(self, pull_request: PullRequest, method: MergeMethod) -> None:
        """Have Bitbucket merge when its merge checks are met."""
        body = {"autoMerge": True, "strategyId": STRATEGIES[method]}

        async def ask(current: _Pull) -> PullRequest:
            target = f"{self._one(pull_request)}/merge{query(version=current.version)}"
            await self._api.send("POST", target, body=body)
            return pull_request

        await self._at_version(pull_request, ask)

    async def _decline(self, current: _Pull) -> PullRequest:
        target = f"{self._pulls}{path(current.id)}/decline{query(version=current.version)}"
        return _convert(await self._api.call("POST", target, body={}, into=_Pull))

    async def _put(
        self, pull_request: PullRequest, body: dict[str, object], *, base: str = "", more: Sequence[str] = ()
    ) -> PullRequest:
        async def change(current: _Pull) -> PullRequest:
            there = [entry.user.name for entry in current.reviewers]
            whole: dict[str, Any] = {
                "version": current.version,
                "title": current.title,
                "description": current.description or "",
                "reviewers": [{"user": {"name": name}} for name in dict.fromkeys([*there, *more])],
            }
            if base and base != pull_request.base:
                whole["toRef"] = self._ref(base)
            return _convert(await self._api.call("PUT", self._one(pull_request), body=whole | body, into=_Pull))

        return await self._at_version(pull_request, change)

    async def _at_version(self, pull_request: PullRequest, step: Step) -> PullRequest:
        """Return what a change of the current version leads to; tried again when somebody else was faster."""
        for attempt in range(TRIES):
            current = await self._api.call("GET", self._one(pull_request), into=_Pull)
            try:
                return await step(current)
            except Conflict:
                if attempt == TRIES - 1:
                    raise
        raise AssertionError

    async def _list(self, these: str, *, at_most: int) -> Sequence[PullRequest]:
        found: list[PullRequest] = []
        start = 0
        for _ in range(at_most):
            page = await self._api.call("GET", f"{self._pulls}{these}&start={start}", into=_Page)
            found += [_convert(entry) for entry in page.values if not _is_from_elsewhere(entry)]
            if page.isLastPage or page.nextPageStart is None or page.nextPageStart <= start:
                break
            start = page.nextPageStart
        return found

    def _ref(self, branch: str) -> dict[str, Any]:
        location = self._location
        return {
            "id": BRANCHES + branch,
            "repository": {"slug": location.name, "project": {"key": location.owner}},
        }

    def _one(self, pull_request: PullRequest) -> str:
        return f"{self._pulls}{path(pull_request.number)}"


def _is_from_elsewhere(pull: _Pull) -> bool:
    """Return whether the source is in a fork, or in one that is gone."""
    source, target = pull.fromRef.repository, pull.toRef.repository
    return source is None or target is None or (source.slug, source.project) != (target.slug, target.project)


def _branch(ref: _Ref) -> str:
    return ref.id.removeprefix(BRANCHES)


def _convert(pull: _Pull) -> PullRequest:
    state = {"OPEN": State.OPEN, "MERGED": State.MERGED}.get(pull.state, State.CLOSED)
    body = pull.description or ""
    return PullRequest(
        number=pull.id,
        url=check_web_url(pull.links.self[0].href if pull.links and pull.links.self else ""),
        state=state,
        head=_branch(pull.fromRef),
        base=_branch(pull.toRef),
        head_commit=pull.fromRef.latestCommit,
        title=pull.title,
        body=body,
        author=pull.author.user.name if pull.author else "",
        stamp=read_stamp(body),
        created=_moment(pull.createdDate),
        ended=_moment(pull.closedDate),
        draft=pull.draft,
        labels=frozenset(),
    )


def _moment(milliseconds: int | None) -> datetime | None:
    return datetime.fromtimestamp(milliseconds / 1000, UTC) if milliseconds is not None else None
