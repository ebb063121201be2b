"""Azure DevOps, from https://learn.microsoft.com/rest/api/azure/devops/git/pull-requests."""

from typing import Any

from testing.forges.standin import BOT, NAME, OWNER, STAMP, Call, Pull, Refuse, StandIn
from testing.gitserver import CannedResponse

COLLECTION = "/collection"
PULLS = rf"/{OWNER}/_apis/git/repositories/{NAME}/pullrequests"
ONE = rf"{PULLS}/(?P<number>\d+)"
STATES = {"open": "active", "merged": "completed", "closed": "abandoned"}
BRANCHES = "refs/heads/"
SHOWN_IN_LISTS = 400


def identifier(name: str) -> str:
    """Return the identifier of somebody."""
    return f"00000000-0000-4000-8000-{name.encode().hex()[:12]:0>12}"


class AzureDevopsStandIn(StandIn):
    """Answers as Azure DevOps Server does."""

    prefix = COLLECTION

    def refuse(self, status: int, words: str) -> Refuse:
        return Refuse(status, {"$id": "1", "innerException": None, "message": words, "typeKey": "Exception"})

    def unauthorized(self) -> Refuse:
        return Refuse(203, "<html><title>Azure DevOps Services | Sign In</title></html>")

    def forbidden(self) -> Refuse:
        return self.refuse(403, "TF401027: You need the Git 'PullRequestContribute' permission to perform this action.")

    def not_found(self) -> Refuse:
        return self.refuse(
            404,
            "TF401019: The Git repository with name or identifier fleet does not exist or you do "
            "not have permissions for the operation you are attempting.",
        )

    def archived_refusal(self) -> Refuse:
        return self.refuse(403, "TF401025: The repository is archived (disabled).")

    def show(self, pull: Pull, *, whole: bool = True) -> dict[str, Any]:
        head = self.head_of(pull)
        return {
            "pullRequestId": pull.number,
            "status": STATES[pull.state],
            "sourceRefName": BRANCHES + pull.head,
            "targetRefName": BRANCHES + pull.base,
            "title": pull.title,
            "description": pull.body if whole else pull.body[:SHOWN_IN_LISTS],
            "createdBy": {"id": identifier(pull.author), "uniqueName": pull.author},
            "creationDate": "2026-11-30T12:00:00.1234567Z",
            "isDraft": pull.draft,
            "reviewers": [{"id": name} for name in pull.reviewers],
            **({"closedDate": STAMP} if pull.state != "open" else {}),
            **({"lastMergeSourceCommit": {"commitId": head}} if head else {}),
            **({"forkSource": {"name": "refs/heads/x"}} if pull.is_fork else {}),
            **({"autoCompleteSetBy": {"id": identifier(BOT)}} if pull.auto_merge else {}),
        }

    def list_pulls(self, call: Call) -> dict[str, Any]:
        query = call.query
        status = query.get("searchCriteria.status", "active")
        found = [
            pull
            for pull in reversed(self.pulls.values())
            if status in ("all", STATES[pull.state])
            and query.get("searchCriteria.sourceRefName", BRANCHES + pull.head) == BRANCHES + pull.head
            and query.get("searchCriteria.targetRefName", BRANCHES + pull.base) == BRANCHES + pull.base
        ]
        skip, top = int(query.get("$skip", 0)), int(query.get("$top", 100))
        return {"value": [self.show(pull, whole=False) for pull in found[skip : skip + top]]}

    def check_text(self, body: Any) -> None:
        if len(body.get("description", "").encode("utf-16-le")) // 2 > 4000:
            raise self.refuse(400, "The pull request description is too long. It may have 4000 characters.")

    def create(self, call: Call) -> dict[str, Any]:
        body = call.body
        self.check_text(body)
        head, base = (body[key].removeprefix(BRANCHES) for key in ("sourceRefName", "targetRefName"))
        if not self.branches.head(head) or not self.branches.head(base):
            raise self.refuse(
                400,
                "TF401398: The pull request cannot be activated because the source and/or the "
                "target branch no longer exists",
            )
        if self.existing(head, base):
            raise self.refuse(409, "TF401179: An active pull request for the source and target branch already exists.")
        return self.show(self.make(call, head, base, body["title"], body["description"], draft=body["isDraft"]))

    def read(self, call: Call) -> dict[str, Any]:
        return self.show(self.get(call.number))

    def edit(self, call: Call) -> dict[str, Any]:
        pull, body = self.get(call.number), call.body
        self.check_text(body)
        if "targetRefName" in body and len(body) > 1:
            raise self.refuse(400, "Target branch cannot be changed together with other properties.")
        pull.title, pull.body = body.get("title", pull.title), body.get("description", pull.body)
        pull.base = body.get("targetRefName", pull.base).removeprefix(BRANCHES)
        if body.get("status") == "abandoned":
            self._end(pull.number, "closed")
        if "autoCompleteSetBy" in body:
            if body["autoCompleteSetBy"]["id"] != identifier(call.account.name):
                raise self.refuse(400, "Auto-complete can only be set by yourself.")
            pull.auto_merge = body["completionOptions"]["mergeStrategy"]
        return self.show(pull)

    def label(self, call: Call) -> Any:
        self.get(call.number).labels.append(call.body["name"])
        return {"name": call.body["name"]}

    def add_reviewer(self, call: Call) -> Any:
        if call.groups["who"] not in {identifier(name) for name in self.people}:
            raise self.refuse(400, "Invalid reviewer identity.")
        self.get(call.number).reviewers.append(call.groups["who"])
        return {}

    def identities(self, call: Call) -> Any:
        name = call.query["filterValue"]
        return {"value": [{"id": identifier(name)}] if name in self.people else []}

    def connection(self, call: Call) -> Any:
        return {"authenticatedUser": {"id": identifier(call.account.name)}}

    def comment(self, call: Call) -> Any:
        self.get(call.number).comments.append(call.body["comments"][0]["content"])
        return {"id": 1}

    def _answer(self, request: Any, path: str, query: dict[str, str]) -> CannedResponse:
        if "api-version" not in query:
            raise self.refuse(400, "No api-version was supplied for the request.")
        return super()._answer(request, path, query)

    routes = (
        ("GET", PULLS, list_pulls),
        ("POST", PULLS, create),
        ("GET", ONE, read),
        ("PATCH", ONE, edit),
        ("POST", rf"{ONE}/labels", label),
        ("PUT", rf"{ONE}/reviewers/(?P<who>[^/]+)", add_reviewer),
        ("POST", rf"{ONE}/threads", comment),
        ("GET", "/_apis/identities", identities),
        ("GET", "/_apis/connectionData", connection),
    )
