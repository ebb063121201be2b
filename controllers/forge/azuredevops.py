"""Azure DevOps Services and Server: https://learn.microsoft.com/rest/api/azure/devops/git/pull-requests.

A description has 4,000 characters, of which listings show 400. People are known by identifiers that are looked up,
labels are added one by one, and auto-complete is set by naming ourselves. A token that does not count is answered with
a page to sign in, and a status that says nothing of the kind.
"""

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from controllers.forge.answers import REDIRECTS, Answer
from controllers.forge.api import MAX_PAGES, Api, path, query
from controllers.forge.driver import Driver, Limits, Text
from controllers.forge.errors import (
    AlreadyExists,
    AuthenticationFailed,
    BranchMissing,
    Forbidden,
    ForgeError,
    NotFound,
    Refused,
)
from controllers.forge.location import LEGACY_AZURE, Location
from controllers.forge.model import Desired, ForgeKind, MergeMethod, PullRequest, State
from controllers.forge.stamp import mark_closed, read_stamp
from controllers.forge.wire import Number
from controllers.net.foreign_text import escape

PAGE: Final = 100
BRANCHES: Final = "refs/heads/"
VERSION: Final = "6.0"
"""Of the API: Azure DevOps Server 2020 and everything newer."""
LABELS_VERSION, IDENTITIES_VERSION, CONNECTION_VERSION = "6.0-preview.1", "6.0", "6.0-preview.1"
STATES: Final = {"active": State.OPEN, "completed": State.MERGED, "abandoned": State.CLOSED}
STRATEGIES: Final = {MergeMethod.MERGE: "noFastForward", MergeMethod.SQUASH: "squash", MergeMethod.REBASE: "rebase"}
_IDENTIFIER: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE | re.ASCII)
_CHECK_LOGIN: Final = "check that the token is complete, not expired, and of this organisation"


class _Identity(msgspec.Struct):
    id: str = ""
    uniqueName: str = ""  # noqa: N815 -- the API's names, here and below


class _Commit(msgspec.Struct):
    commitId: str = ""  # noqa: N815


class _Label(msgspec.Struct):
    name: str = ""


class _Pull(msgspec.Struct):
    pullRequestId: Number  # noqa: N815
    status: str
    sourceRefName: str  # noqa: N815
    targetRefName: str  # noqa: N815
    title: str = ""
    description: str | None = None
    createdBy: _Identity | None = None  # noqa: N815
    creationDate: datetime | None = None  # noqa: N815
    closedDate: datetime | None = None  # noqa: N815
    isDraft: bool = False  # noqa: N815
    lastMergeSourceCommit: _Commit | None = None  # noqa: N815
    forkSource: dict[str, Any] | None = None  # noqa: N815
    autoCompleteSetBy: _Identity | None = None  # noqa: N815


class _Page(msgspec.Struct):
    value: list[_Pull]


class _Identities(msgspec.Struct):
    value: list[_Identity] = []


class _Connection(msgspec.Struct):
    authenticatedUser: _Identity  # noqa: N815


def explain(answer: Answer) -> ForgeError | None:
    """Return what an answer means at Azure DevOps alone."""
    words = answer.words
    said = f"it answered {answer.status}: {words}"
    if answer.status == 203 or (answer.status in REDIRECTS and "signin" in answer.header("location").lower()):
        return AuthenticationFailed(f"it answered {answer.status} with a page to sign in", remedy=_CHECK_LOGIN)
    if answer.status == 409 and ("TF401179" in words or "active pull request" in words):
        return AlreadyExists(said)
    if answer.status in (400, 404) and ("TF401398" in words or "branch" in words.lower()):
        return BranchMissing(said)
    if answer.status in (400, 403) and ("TF401027" in words or "permission" in words.lower()):
        return Forbidden(said, remedy="give the token's user 'Contribute' and 'Contribute to pull requests'")
    if answer.status == 404 and "TF401019" in words:
        return NotFound(said, remedy="check the URL of the repository, and that the token may read it")
    return None


class AzureDevops(Driver):
    """Pull requests of one repository."""

    kind = ForgeKind.AZURE_DEVOPS
    limits = Limits(title=400, body=4000)

    def __init__(self, api: Api, location: Location) -> None:
        self._api = api
        self._web = location.web
        self._pulls = path(location.owner, "_apis", "git", "repositories", location.name, "pullrequests")
        self._identities = _identities_url(location)

    async def list_open(self, prefix: str) -> Sequence[PullRequest]:
        return await self._list({"searchCriteria.status": "active"})

    async def find(self, head: str, base: str) -> Sequence[PullRequest]:
        return await self._list(
            {
                "searchCriteria.status": "all",
                "searchCriteria.sourceRefName": BRANCHES + head,
                "searchCriteria.targetRefName": BRANCHES + base,
            },
            at_most=1,
        )

    async def open(self, desired: Desired, text: Text) -> PullRequest:
        body = {
            "sourceRefName": BRANCHES + desired.head,
            "targetRefName": BRANCHES + desired.base,
            "title": text.title,
            "description": text.body,
            "isDraft": desired.draft,
        }
        target = self._pulls + _version()
        return self._convert(await self._api.call("POST", target, body=body, into=_Pull))

    async def edit(self, pull_request: PullRequest, base: str, text: Text) -> PullRequest:
        body = {"title": text.title, "description": text.body}
        if base != pull_request.base:
            await self._patch(pull_request, {"targetRefName": BRANCHES + base})  # not together with anything else
        return await self._patch(pull_request, body)

    async def comment(self, pull_request: PullRequest, text: str) -> None:
        body = {"comments": [{"parentCommentId": 0, "content": text, "commentType": 1}], "status": 4}
        await self._api.send("POST", f"{self._one(pull_request)}/threads{_version()}", body=body)

    async def close(self, pull_request: PullRequest, body: str) -> PullRequest:
        # What a listing said of the description may be its beginning.
        whole = await self._api.call("GET", self._one(pull_request) + _version(), into=_Pull)
        await self._patch(pull_request, {"description": mark_closed(whole.description or "")})
        return await self._patch(pull_request, {"status": "abandoned"})

    async def label(self, pull_request: PullRequest, labels: Sequence[str]) -> Sequence[str]:
        refused: list[str] = []
        for label in labels:
            target = f"{self._one(pull_request)}/labels{_version(LABELS_VERSION)}"
            try:
                await self._api.send("POST", target, body={"name": label})
            except Refused as error:
                refused.append(f"{escape(label)} is not accepted: {error.reason}")
        return refused

    async def request_reviews(self, pull_request: PullRequest, reviewers: Sequence[str]) -> Sequence[str]:
        """Add people and groups by identifier, e-mail address or name."""
        refused: list[str] = []
        for name in reviewers:
            found = [name] if _IDENTIFIER.fullmatch(name) else await self._look_up(name)
            if len(found) != 1:
                what = "several identities" if found else "no identity"
                refused.append(f"{escape(name)} is the name of {what}; give its identifier")
                continue
            target = f"{self._one(pull_request)}/reviewers{path(found[0])}{_version()}"
            try:
                await self._api.send("PUT", target, body={"vote": 0})
            except (NotFound, Refused) as error:
                refused.append(f"{escape(name)} is not accepted: {error.reason}")
        return refused

    async def auto_merge(self, pull_request: PullRequest, method: MergeMethod) -> None:
        """Have Azure DevOps complete it when all policies are met."""
        who = await self._api.call("GET", f"/_apis/connectionData{_version(CONNECTION_VERSION)}", into=_Connection)
        await self._patch(
            pull_request,
            {
                "autoCompleteSetBy": {"id": who.authenticatedUser.id},
                "completionOptions": {"mergeStrategy": STRATEGIES[method], "deleteSourceBranch": True},
            },
        )

    async def _look_up(self, name: str) -> Sequence[str]:
        these = query(**{"searchFilter": "General", "filterValue": name, "api-version": IDENTITIES_VERSION})
        answer = await self._api.send("GET", f"/_apis/identities{these}", base=self._identities)
        return [entry.id for entry in answer.read(_Identities).value if _IDENTIFIER.fullmatch(entry.id)]

    async def _patch(self, pull_request: PullRequest, body: dict[str, Any]) -> PullRequest:
        target = self._one(pull_request) + _version()
        return self._convert(await self._api.call("PATCH", target, body=body, into=_Pull))

    async def _list(self, these: dict[str, str], *, at_most: int = MAX_PAGES) -> Sequence[PullRequest]:
        found: list[PullRequest] = []
        for number in range(at_most):
            where = these | {"$top": str(PAGE), "$skip": str(PAGE * number), "api-version": VERSION}
            page = await self._api.call("GET", self._pulls + query(**where), into=_Page)
            found += [self._convert(entry) for entry in page.value if entry.forkSource is None]
            if len(page.value) < PAGE:
                break
        return found

    def _one(self, pull_request: PullRequest) -> str:
        return f"{self._pulls}{path(pull_request.number)}"

    def _convert(self, pull: _Pull) -> PullRequest:
        body = pull.description or ""
        return PullRequest(
            number=pull.pullRequestId,
            url=f"{self._web}/pullrequest/{pull.pullRequestId}",
            state=STATES.get(pull.status, State.CLOSED),
            head=pull.sourceRefName.removeprefix(BRANCHES),
            base=pull.targetRefName.removeprefix(BRANCHES),
            head_commit=pull.lastMergeSourceCommit.commitId if pull.lastMergeSourceCommit else "",
            title=pull.title,
            body=body,
            author=pull.createdBy.uniqueName if pull.createdBy else "",
            stamp=read_stamp(body),
            created=pull.creationDate,
            ended=pull.closedDate,
            draft=pull.isDraft,
            auto_merge=pull.autoCompleteSetBy is not None,
        )


def _version(version: str = VERSION) -> str:
    return f"?api-version={version}"


def _identities_url(location: Location) -> str:
    """Return where identities are looked up: Azure DevOps Services have them on a host of their own."""
    parts = urlsplit(location.api)
    host = parts.hostname or ""
    if host == "dev.azure.com":
        return f"https://vssps.dev.azure.com{parts.path}"
    if host.endswith(LEGACY_AZURE):
        return f"https://{host.removesuffix(LEGACY_AZURE)}.vssps.visualstudio.com"
    return location.api
