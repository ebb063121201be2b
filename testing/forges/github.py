"""GitHub, from https://docs.github.com/rest/pulls and what its errors are known to say."""

import hashlib
import json
from typing import Any

from testing.forges.standin import NAME, OWNER, STAMP, Call, Pull, Refuse, StandIn, paged
from testing.gitserver import CannedResponse

REPO = rf"/repos/{OWNER}/{NAME}"
NOTHING = "0" * 40


class GithubStandIn(StandIn):
    """Answers as GitHub Enterprise Server does."""

    prefix = "/api"

    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        self.has_drafts = True
        self.allows_auto_merge = True
        self.waits_for_checks = True
        self.refs: dict[str, str] = {}
        """Branches that were made and moved by GraphQL."""
        self.made_commits: list[dict[str, Any]] = []

    def show(self, pull: Pull) -> dict[str, Any]:
        return {
            "number": pull.number,
            "node_id": f"PR_{pull.number}",
            "html_url": f"{self.url}/{OWNER}/{NAME}/pull/{pull.number}",
            "state": "open" if pull.state == "open" else "closed",
            "title": pull.title,
            "body": pull.body or None,
            "user": {"login": pull.author},
            "draft": pull.draft,
            "labels": [{"name": label} for label in pull.labels],
            "auto_merge": {"merge_method": pull.auto_merge} if pull.auto_merge else None,
            "head": {"ref": pull.head, "sha": self.head_of(pull), "repo": {"id": 2 if pull.is_fork else 1}},
            "base": {"ref": pull.base, "sha": self.branches.head(pull.base), "repo": {"id": 1}},
            "created_at": STAMP,
            "closed_at": None if pull.state == "open" else STAMP,
            "merged_at": STAMP if pull.state == "merged" else None,
        }

    def right_for(self, method: str, path: str) -> str:
        if "/issues/" in path and method != "GET":
            return "issues"
        return super().right_for(method, path)

    def invalid(self, message: str = "", **field: str) -> Refuse:
        error = {"resource": "PullRequest", "code": "custom", "message": message} if message else field
        return Refuse(422, {"message": "Validation Failed", "errors": [error], "status": "422"})

    def close_if_stale(self) -> None:
        for pull in self.open_pulls():
            head = self.branches.head(pull.head)
            if not pull.is_fork and (not head or not self.branches.is_ahead(pull.head, pull.base)):
                self._end(pull.number, "closed")

    def list_pulls(self, call: Call) -> CannedResponse:
        query = call.query
        found = [
            pull
            for pull in reversed(self.pulls.values())
            if query.get("state", "open") in ("all", "open" if pull.state == "open" else "closed")
            and query.get("base", pull.base) == pull.base
            and query.get("head", f"{OWNER}:{pull.head}") == f"{OWNER}:{pull.head}"
        ]
        answer = paged([self.show(pull) for pull in found], call)
        tag = f'W/"{hashlib.sha256(answer.body).hexdigest()}"'
        if call.headers.get("If-None-Match") == tag:
            return CannedResponse(304, b"", {"ETag": tag})
        answer.headers["ETag"] = tag
        return answer

    def create(self, call: Call) -> dict[str, Any]:
        head, base, title, body = (call.body.get(key) or "" for key in ("head", "base", "title", "body"))
        for name, branch in (("head", head), ("base", base)):
            if not self.branches.head(branch):
                raise self.invalid(resource="PullRequest", field=name, code="invalid")
        if not title:
            raise self.invalid(resource="PullRequest", field="title", code="missing_field")
        if len(title) > 256:
            raise self.invalid("title is too long (maximum is 256 characters)")
        if len(body) > 65_536:
            raise self.invalid("body is too long (maximum is 65536 characters)")
        if self.existing(head, base):
            raise self.invalid(f"A pull request already exists for {OWNER}:{head}.")
        if not self.branches.is_ahead(head, base):
            raise self.invalid(f"No commits between {base} and {head}")
        if call.body.get("draft") and not self.has_drafts:
            raise Refuse(422, {"message": "Draft pull requests are not supported in this repository."})
        return self.show(self.make(call, head, base, title, body, draft=bool(call.body.get("draft"))))

    def edit(self, call: Call) -> dict[str, Any]:
        pull = self.get(call.number)
        if len(call.body.get("body") or "") > 65_536:
            raise self.invalid("body is too long (maximum is 65536 characters)")
        for key in ("title", "body", "base"):
            if key in call.body:
                setattr(pull, key, call.body[key])
        if call.body.get("state") == "closed" and pull.state == "open":
            self._end(pull.number, "closed")
        return self.show(pull)

    def label(self, call: Call) -> Any:
        pull = self.get(call.number)
        pull.labels += [label for label in call.body["labels"] if label not in pull.labels]
        return [{"name": label} for label in pull.labels]

    def comment(self, call: Call) -> Any:
        self.get(call.number).comments.append(call.body["body"])
        return {"id": 1}

    def assign(self, call: Call) -> Any:
        pull = self.get(call.number)
        pull.assignees += [name for name in call.body["assignees"] if name in self.people]
        return {"assignees": [{"login": name} for name in pull.assignees]}

    def request_reviews(self, call: Call) -> Any:
        pull = self.get(call.number)
        names = call.body["reviewers"]
        if pull.author in names:
            raise Refuse(422, {"message": "Review cannot be requested from pull request author."})
        if not set(names) <= self.people:
            raise Refuse(
                422,
                {
                    "message": "Reviews may only be requested from collaborators. One or more of the users or teams "
                    "you specified is not a collaborator of the org/fleet repository."
                },
            )
        pull.reviewers += [*names, *(f"team/{team}" for team in call.body.get("team_reviewers", []))]
        return self.show(pull)

    def graphql(self, call: Call) -> Any:
        text, variables = call.body["query"], call.body["variables"]
        for name, answer in (
            ("enablePullRequestAutoMerge", self._auto_merge),
            ("createRef", self._create_ref),
            ("createCommitOnBranch", self._create_commit),
            ("updateRefs", self._update_refs),
            ("repository(", lambda _: {"repository": {"id": "R_1"}}),
        ):
            if name in text:
                try:
                    return _ok(answer(variables))
                except Refuse as refused:
                    return _ok(None, errors=[{"type": "UNPROCESSABLE", "message": refused.body}])
        raise self.not_found()

    def _auto_merge(self, variables: Any) -> Any:
        pull = self.get(int(variables["id"].removeprefix("PR_")))
        if not self.allows_auto_merge:
            raise Refuse(200, "Auto merge is not allowed for this repository")
        if not self.waits_for_checks:
            raise Refuse(200, "Pull request Pull request is in clean status")
        pull.auto_merge = variables["method"].lower()
        return {"enablePullRequestAutoMerge": {}}

    def ref(self, name: str) -> str:
        return self.refs.get(name) or self.branches.head(name)

    def _create_ref(self, variables: Any) -> Any:
        name = variables["name"].removeprefix("refs/heads/")
        if self.ref(name):
            raise Refuse(200, f'A ref named "refs/heads/{name}" already exists in the repository.')
        self.refs[name] = variables["oid"]
        return {"createRef": {}}

    def _create_commit(self, variables: Any) -> Any:
        given = variables["input"]
        name = given["branch"]["branchName"]
        if self.ref(name) != given["expectedHeadOid"]:
            raise Refuse(200, f"Expected branch to point to {self.ref(name)} but it did not. Pull and try again.")
        self.made_commits.append(given)
        self.refs[name] = f"{0xC0FFEE + len(self.made_commits):040x}"
        return {"createCommitOnBranch": {"commit": {"oid": self.refs[name]}}}

    def _update_refs(self, variables: Any) -> Any:
        moves = variables["input"]["refUpdates"]
        for move in moves:
            name = move["name"].removeprefix("refs/heads/")
            if move.get("beforeOid") not in (None, self.ref(name) or NOTHING):
                raise Refuse(200, f"{name}: reference is not at the expected value")
        for move in moves:
            name = move["name"].removeprefix("refs/heads/")
            if move["afterOid"] == NOTHING:
                self.refs.pop(name, None)
            else:
                self.refs[name] = move["afterOid"]
        return {"updateRefs": {}}

    routes = (
        ("GET", rf"/v3{REPO}/pulls", list_pulls),
        ("POST", rf"/v3{REPO}/pulls", create),
        ("PATCH", rf"/v3{REPO}/pulls/(?P<number>\d+)", edit),
        ("POST", rf"/v3{REPO}/pulls/(?P<number>\d+)/requested_reviewers", request_reviews),
        ("POST", rf"/v3{REPO}/issues/(?P<number>\d+)/labels", label),
        ("POST", rf"/v3{REPO}/issues/(?P<number>\d+)/assignees", assign),
        ("POST", rf"/v3{REPO}/issues/(?P<number>\d+)/comments", comment),
        ("POST", r"/graphql", graphql),
    )


def _ok(data: Any, **more: Any) -> CannedResponse:
    return CannedResponse(200, json.dumps({"data": data, **more}).encode(), {"Content-Type": "application/json"})
