"""GitLab: https://docs.gitlab.com/api/merge_requests.

Merge requests know people by number, so names are looked up. Drafts are told by the title. There is one thing for
auto-merge and merging, so the head commit always goes along: what was not looked at is not merged.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import msgspec

from controllers.forge.answers import Answer
from controllers.forge.api import MAX_PAGES, Api, check_web_url, path, query
from controllers.forge.driver import Driver, Limits, Text
from controllers.forge.errors import (
    AlreadyExists,
    AuthenticationFailed,
    BranchMissing,
    Forbidden,
    ForgeError,
    NotYet,
    Refused,
)
from controllers.forge.location import Location
from controllers.forge.model import Desired, ForgeKind, MergeMethod, PullRequest, State
from controllers.forge.stamp import read_stamp
from controllers.forge.wire import Identifier, Number
from controllers.net.foreign_text import escape

PAGE: Final = 100
DRAFT: Final = "Draft: "
STATES: Final = {"opened": State.OPEN, "locked": State.OPEN, "merged": State.MERGED, "closed": State.CLOSED}
"""`locked` is one that is being merged."""
CHECKS, CHECK_SECONDS = 4, 1.0
"""How often and after which time GitLab is asked again whether it has found out if a merge request can be merged."""
UNDECIDED: Final = frozenset({"unchecked", "checking", "preparing", "approvals_syncing", "cannot_be_merged_recheck"})


class _User(msgspec.Struct):
    id: Identifier = 0
    username: str = ""


class _MergeRequest(msgspec.Struct):
    iid: Number
    source_branch: str
    target_branch: str
    state: str
    source_project_id: Identifier | None = None
    target_project_id: Identifier | None = None
    sha: str | None = None
    web_url: str = ""
    title: str = ""
    description: str | None = None
    author: _User | None = None
    draft: bool = False
    labels: list[str] = []
    assignees: list[_User] = []
    reviewers: list[_User] = []
    merge_when_pipeline_succeeds: bool = False
    detailed_merge_status: str = ""
    head_pipeline: dict[str, Any] | None = None
    created_at: datetime | None = None
    merged_at: datetime | None = None
    closed_at: datetime | None = None


def explain(answer: Answer) -> ForgeError | None:
    """Return what an answer means at GitLab alone."""
    if answer.status == 405:  # of a merge: it cannot be merged now, or does not know yet that it can
        return NotYet(f"it answered 405: {answer.words}")
    if answer.status not in (400, 409, 422):
        return None
    words = answer.words
    if "already exists" in words.lower():
        return AlreadyExists(f"it answered {answer.status}: {words}")
    if "branch" in words.lower() and ("does not exist" in words.lower() or "invalid" in words.lower()):
        return BranchMissing(f"it answered {answer.status}: {words}")
    return None


class Gitlab(Driver):
    """Pull requests of one repository."""

    kind = ForgeKind.GITLAB
    limits = Limits(title=255, body=65_536)  # it takes more, which nobody reads
    draft_prefix = DRAFT

    def __init__(self, api: Api, location: Location) -> None:
        self._api = api
        self._merge_requests = path("projects", f"{location.owner}/{location.name}", "merge_requests")

    async def list_open(self, prefix: str) -> Sequence[PullRequest]:
        return await self._list(query(state="opened", order_by="created_at", sort="desc"), keep=True)

    async def find(self, head: str, base: str) -> Sequence[PullRequest]:
        these = query(state="all", source_branch=head, target_branch=base, order_by="created_at")
        return await self._list(these, at_most=1)

    async def open(self, desired: Desired, text: Text) -> PullRequest:
        body: dict[str, object] = {
            "source_branch": desired.head,
            "target_branch": desired.base,
            "title": text.title,
            "description": text.body,
            "remove_source_branch": True,
        }
        return _convert(await self._api.call("POST", self._merge_requests, body=body, into=_MergeRequest))

    async def edit(self, pull_request: PullRequest, base: str, text: Text) -> PullRequest:
        body = {"title": text.title, "description": text.body}
        return await self._put(pull_request, body | ({"target_branch": base} if base != pull_request.base else {}))

    async def comment(self, pull_request: PullRequest, text: str) -> None:
        await self._api.send("POST", f"{self._one(pull_request)}/notes", body={"body": text})

    async def close(self, pull_request: PullRequest, body: str) -> PullRequest:
        return await self._put(pull_request, {"state_event": "close", "description": body})

    async def label(self, pull_request: PullRequest, labels: Sequence[str]) -> Sequence[str]:
        """Add labels, which GitLab makes where they are missing. They go as one text, so none can have a comma."""
        usable = [label for label in labels if "," not in label]
        if usable:
            await self._put(pull_request, {"add_labels": ",".join(usable)})
        return [f"{escape(label)}: a label with a comma cannot be added" for label in labels if "," in label]

    async def request_reviews(self, pull_request: PullRequest, reviewers: Sequence[str]) -> Sequence[str]:
        return await self._add_people(pull_request, reviewers, key="reviewer_ids")

    async def assign(self, pull_request: PullRequest, assignees: Sequence[str]) -> Sequence[str]:
        return await self._add_people(pull_request, assignees, key="assignee_ids")

    async def auto_merge(self, pull_request: PullRequest, method: MergeMethod) -> None:
        """Have GitLab merge when its pipeline and approvals are there. Rebasing is a setting of the project.

        Without a pipeline GitLab merges at once, and a new merge request has none for a moment.
        """
        if method is MergeMethod.REBASE:
            raise Refused("the method rebase is a setting of the project", remedy="use merge or squash")
        current = await self._settled(pull_request)
        if current.head_pipeline is None:
            remedy = "merge it if the project has no pipelines"
            raise NotYet("there is no pipeline to wait for, so that it would be merged at once", remedy=remedy)
        body = {
            "merge_when_pipeline_succeeds": True,
            "auto_merge": True,  # its name from 17.11 on
            "squash": method is MergeMethod.SQUASH,
            "should_remove_source_branch": True,
            "sha": current.sha or pull_request.head_commit,
        }
        try:
            await self._api.send("PUT", f"{self._one(pull_request)}/merge", body=body)
        except AuthenticationFailed as error:  # GitLab's 401 for a token that may do all but merge
            raise Forbidden(error.reason, remedy="give the token's user the right to merge") from error

    async def _settled(self, pull_request: PullRequest) -> _MergeRequest:
        """Return a merge request once GitLab knows whether it can be merged. Raises NotYet when that takes long."""
        for attempt in range(CHECKS):
            current = await self._api.call("GET", self._one(pull_request), into=_MergeRequest)
            if current.detailed_merge_status not in UNDECIDED:
                return current
            if attempt + 1 < CHECKS:
                await self._api.sleep(CHECK_SECONDS)
        raise NotYet("it has not found out yet whether it can be merged")

    async def _add_people(self, pull_request: PullRequest, names: Sequence[str], *, key: str) -> Sequence[str]:
        current = await self._api.call("GET", self._one(pull_request), into=_MergeRequest)
        there = current.reviewers if key == "reviewer_ids" else current.assignees
        ids, missing = [user.id for user in there], list[str]()
        for name in names:
            found = await self._api.call("GET", f"/users{query(username=name)}", into=list[_User])
            if found:
                ids.append(found[0].id)
            else:
                missing.append(f"{escape(name)} is not the name of a user")
        ids = list(dict.fromkeys(ids))
        if ids != [user.id for user in there]:
            done = await self._api.call("PUT", self._one(pull_request), body={key: ids}, into=_MergeRequest)
            taken = {user.id for user in (done.reviewers if key == "reviewer_ids" else done.assignees)}
            if left := len([number for number in ids if number not in taken]):
                missing.append(
                    f"{left} of {len(ids)} were not taken: people without access, or more than the plan allows"
                )
        return missing

    async def _put(self, pull_request: PullRequest, body: dict[str, str]) -> PullRequest:
        return _convert(await self._api.call("PUT", self._one(pull_request), body=body, into=_MergeRequest))

    async def _list(self, these: str, *, keep: bool = False, at_most: int = MAX_PAGES) -> Sequence[PullRequest]:
        found: list[PullRequest] = []
        pages = self._api.pages(
            self._merge_requests + these, into=list[_MergeRequest], size=PAGE, keep=keep, at_most=at_most
        )
        async for page in pages:
            found += [_convert(entry) for entry in page if entry.source_project_id == entry.target_project_id]
        return found

    def _one(self, pull_request: PullRequest) -> str:
        return f"{self._merge_requests}{path(pull_request.number)}"


def _convert(entry: _MergeRequest) -> PullRequest:
    body = entry.description or ""
    return PullRequest(
        number=entry.iid,
        url=check_web_url(entry.web_url),
        state=STATES.get(entry.state, State.OPEN),
        head=entry.source_branch,
        base=entry.target_branch,
        head_commit=entry.sha or "",
        title=entry.title,
        body=body,
        author=entry.author.username if entry.author else "",
        stamp=read_stamp(body),
        created=entry.created_at,
        ended=entry.merged_at or entry.closed_at,
        draft=entry.draft,
        labels=frozenset(entry.labels),
        auto_merge=entry.merge_when_pipeline_succeeds,
    )
