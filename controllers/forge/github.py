"""GitHub and GitHub Enterprise Server: https://docs.github.com/rest/pulls and, for auto-merge, GraphQL.

Pull requests are issues there: labels, assignees and comments are theirs, and have a permission of their own
(`issues: write`). Many failures come as 422 with nothing but words to tell them apart.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import msgspec

from controllers.forge.answers import Answer
from controllers.forge.api import MAX_PAGES, Api, check_web_url, query
from controllers.forge.driver import Limits, Text
from controllers.forge.errors import (
    AlreadyExists,
    BranchMissing,
    DraftRefused,
    Forbidden,
    ForgeError,
    NothingToMerge,
    NotYet,
    Refused,
)
from controllers.forge.github_commits import GithubCommits
from controllers.forge.github_like import GithubLike
from controllers.forge.location import Location
from controllers.forge.model import BranchCommit, Desired, ForgeKind, MergeMethod, PullRequest, State
from controllers.forge.named import add_each
from controllers.forge.stamp import read_stamp
from controllers.forge.wire import Identifier, Login, Number
from controllers.net.foreign_text import escape

PAGE: Final = 100
_REFUSALS: Final = (
    ("already exists", AlreadyExists),
    ("no commits between", NothingToMerge),
    ("draft pull requests are not supported", DraftRefused),
    ("head invalid", BranchMissing),
    ("base invalid", BranchMissing),
)
AUTO_MERGE: Final = (
    "mutation($id: ID!, $method: PullRequestMergeMethod!) "
    "{ enablePullRequestAutoMerge(input: {pullRequestId: $id, mergeMethod: $method}) { clientMutationId } }"
)
READY: Final = "in clean status"
"""GitHub's words where nothing is left to wait for: somebody has to merge, and we never do."""


class _Repo(msgspec.Struct):
    id: Identifier = 0


class _Ref(msgspec.Struct):
    ref: str
    sha: str = ""
    repo: _Repo | None = None


class _Label(msgspec.Struct):
    name: str = ""


class _Pull(msgspec.Struct):
    number: Number
    head: _Ref
    base: _Ref
    state: str
    html_url: str = ""
    node_id: str = ""
    title: str = ""
    body: str | None = None
    user: Login | None = None
    draft: bool = False
    labels: list[_Label] = []
    auto_merge: dict[str, Any] | None = None
    created_at: datetime | None = None
    closed_at: datetime | None = None
    merged_at: datetime | None = None


class _Assigned(msgspec.Struct):
    assignees: list[Login] = []


class _GraphError(msgspec.Struct):
    message: str = ""
    type: str = ""


class _GraphAnswer(msgspec.Struct):
    errors: list[_GraphError] = []
    data: Any = None


def explain(answer: Answer) -> ForgeError | None:
    """Return what an answer means at GitHub alone."""
    if answer.status != 422:
        return None
    words = answer.words
    for said, error in _REFUSALS:
        if said in words.lower():
            return error(f"it answered 422: {words}")
    return None


class Github(GithubLike):
    """Pull requests of one repository."""

    kind = ForgeKind.GITHUB
    limits = Limits(title=255, body=65_536)

    def __init__(self, api: Api, location: Location) -> None:
        super().__init__(api, location)
        # Of Enterprise Server beside `/api/v3`.
        self._graphql = api.url.removesuffix("/v3") + "/graphql"
        self._commits = GithubCommits(location, self.query_graph)

    async def list_open(self, prefix: str) -> Sequence[PullRequest]:
        return await self._list(query(state="open", sort="created", direction="desc"), keep=True)

    async def find(self, head: str, base: str) -> Sequence[PullRequest]:
        these = query(state="all", head=f"{self._owner}:{head}", base=base)
        return await self._list(these, at_most=1)

    async def open(self, desired: Desired, text: Text) -> PullRequest:
        body: dict[str, object] = {"head": desired.head, "base": desired.base, "title": text.title, "body": text.body}
        if desired.draft:
            body["draft"] = True
        return _convert(await self._api.call("POST", self._pulls, body=body, into=_Pull))

    async def label(self, pull_request: PullRequest, labels: Sequence[str]) -> Sequence[str]:
        async def add(names: Sequence[str]) -> None:
            await self._api.send("POST", f"{self._issue(pull_request)}/labels", body={"labels": list(names)})

        return await add_each(labels, add)

    async def assign(self, pull_request: PullRequest, assignees: Sequence[str]) -> Sequence[str]:
        """Assign people; whom GitHub does not take, it leaves out without a word."""
        target = f"{self._issue(pull_request)}/assignees"
        done = await self._api.call("POST", target, body={"assignees": list(assignees)}, into=_Assigned)
        taken = {user.login.lower() for user in done.assignees}
        left = [name for name in assignees if name.lower() not in taken]
        return [f"{escape(name)} cannot be assigned: not a member with access to the repository" for name in left]

    async def auto_merge(self, pull_request: PullRequest, method: MergeMethod) -> None:
        """Turn auto-merge on. Where the base has a merge queue, GitHub puts the pull request into that instead."""
        await self.query_graph(AUTO_MERGE, {"id": pull_request.key, "method": method.upper()})

    async def commit(self, commit: BranchCommit) -> str:
        return await self._commits.commit(commit)

    async def query_graph(self, text: str, variables: dict[str, Any]) -> Any:
        """Return what GraphQL answers. It reports failures with status 200; they are raised as Refused."""
        answer = await self._api.send("POST", "", base=self._graphql, body={"query": text, "variables": variables})
        found = answer.read(_GraphAnswer)
        if found.errors:
            raise _graph_error(found.errors[0], answer)
        return found.data

    async def _patch(self, pull_request: PullRequest, body: dict[str, str]) -> PullRequest:
        return _convert(await self._api.call("PATCH", self._one(pull_request), body=body, into=_Pull))

    async def _list(self, these: str, *, keep: bool = False, at_most: int = MAX_PAGES) -> Sequence[PullRequest]:
        found: list[PullRequest] = []
        pages = self._api.pages(self._pulls + these, into=list[_Pull], size=PAGE, keep=keep, at_most=at_most)
        async for page in pages:
            found += [_convert(entry) for entry in page if not _is_from_elsewhere(entry)]
        return found


def _graph_error(error: _GraphError, answer: Answer) -> ForgeError:
    words, said = error.message.lower().replace("-", " "), answer.quote(error.message) or "it does not say why"
    if error.type == "FORBIDDEN" or "not accessible by" in words:
        return Forbidden(said, remedy="give the token the right to write pull requests and contents")
    if READY in words:
        remedy = "merge it, or have the base branch require checks or reviews"
        return Refused(f"nothing is left to wait for: {said}", remedy=remedy)
    if "unstable status" in words:
        return NotYet(said)
    if "auto merge is not allowed" in words:
        return Refused(said, remedy="allow auto-merge in the settings of the repository")
    return Refused(said)


def _is_from_elsewhere(pull: _Pull) -> bool:
    """Return whether the head is in a fork, or in one that is gone."""
    return pull.head.repo is None or pull.base.repo is None or pull.head.repo.id != pull.base.repo.id


def _convert(pull: _Pull) -> PullRequest:
    state = State.MERGED if pull.merged_at else State.OPEN if pull.state == "open" else State.CLOSED
    body = pull.body or ""
    return PullRequest(
        number=pull.number,
        url=check_web_url(pull.html_url),
        state=state,
        head=pull.head.ref,
        base=pull.base.ref,
        head_commit=pull.head.sha,
        title=pull.title,
        body=body,
        author=pull.user.login if pull.user else "",
        stamp=read_stamp(body),
        created=pull.created_at,
        ended=pull.merged_at or pull.closed_at,
        draft=pull.draft,
        labels=frozenset(label.name for label in pull.labels),
        auto_merge=pull.auto_merge is not None,
        key=pull.node_id,
    )
