"""Bitbucket Data Center, from https://developer.atlassian.com/server/bitbucket/rest."""

from typing import Any

from testing.forges.standin import NAME, OWNER, Call, Pull, Refuse, StandIn

PULLS = rf"/projects/{OWNER.upper()}/repos/{NAME}/pull-requests"
ONE = rf"{PULLS}/(?P<number>\d+)"
STATES = {"open": "OPEN", "merged": "MERGED", "closed": "DECLINED"}
BRANCHES = "refs/heads/"


class BitbucketServerStandIn(StandIn):
    """Answers as Bitbucket Data Center does."""

    prefix = "/rest/api/1.0"

    def refuse(self, status: int, words: str, exception: str = "") -> Refuse:
        name = f"com.atlassian.bitbucket.{exception}" if exception else None
        return Refuse(status, {"errors": [{"context": None, "message": words, "exceptionName": name}]})

    def unauthorized(self) -> Refuse:
        return self.refuse(401, "Authentication failed.", "auth.IncorrectPasswordAuthenticationException")

    def forbidden(self) -> Refuse:
        return self.refuse(403, "You are not permitted to access this resource", "AuthorisationException")

    def archived_refusal(self) -> Refuse:
        return self.refuse(409, "The repository is archived.", "repository.RepositoryArchivedException")

    def right_for(self, method: str, path: str) -> str:
        return "read" if method == "GET" else "write"

    def show(self, pull: Pull) -> dict[str, Any]:
        def ref(branch: str, *, fork: bool) -> dict[str, Any]:
            project = {"key": "~ALICE" if fork else OWNER.upper()}
            return {
                "id": BRANCHES + branch,
                "displayId": branch,
                "latestCommit": self.head_of(pull),
                "repository": {"slug": NAME, "project": project},
            }

        return {
            "id": pull.number,
            "version": pull.version,
            "state": STATES[pull.state],
            "title": pull.title,
            "description": pull.body,
            "author": {"user": {"name": pull.author}},
            "reviewers": [{"user": {"name": name}} for name in pull.reviewers],
            "fromRef": ref(pull.head, fork=pull.is_fork),
            "toRef": ref(pull.base, fork=False),
            "links": {
                "self": [{"href": f"{self.url}/projects/{OWNER.upper()}/repos/{NAME}/pull-requests/{pull.number}"}]
            },
            "createdDate": 1796040000000,
            **({"closedDate": 1796040000000} if pull.state != "open" else {}),
        }

    def list_pulls(self, call: Call) -> dict[str, Any]:
        query = call.query
        outgoing = query.get("direction") == "OUTGOING"
        found = [
            pull
            for pull in reversed(self.pulls.values())
            if query.get("state", "OPEN") in ("ALL", STATES[pull.state])
            and (not outgoing or (BRANCHES + pull.head == query["at"] and not pull.is_fork))
        ]
        size, start = min(int(query.get("limit", 25)), 100), int(query.get("start", 0))
        last = start + size >= len(found)
        return {
            "values": [self.show(pull) for pull in found[start : start + size]],
            "isLastPage": last,
            **({} if last else {"nextPageStart": start + size}),
        }

    def check_reviewers(self, pull_author: str, reviewers: Any) -> Any:
        names = [entry["user"]["name"] for entry in reviewers]
        for name in names:
            if name not in self.people or name == pull_author:
                refusal = self.refuse(
                    409,
                    "Errors encountered while adding some reviewers to this pull request.",
                    "pull.InvalidPullRequestReviewersException",
                )
                refusal.body["errors"][0]["reviewerErrors"] = [{"context": name, "message": f"{name} is not a user."}]
                raise refusal
        return names

    def create(self, call: Call) -> dict[str, Any]:
        body = call.body
        head, base = (body[key]["id"].removeprefix(BRANCHES) for key in ("fromRef", "toRef"))
        for branch in (head, base):
            if not self.branches.head(branch):
                raise self.refuse(404, f'Branch "{branch}" does not exist', "commit.NoSuchBranchException")
        if self.existing(head, base):
            raise self.refuse(
                409,
                "Only one pull request may be open for a given source and target branch",
                "pull.DuplicatePullRequestException",
            )
        if not self.branches.is_ahead(head, base):
            raise self.refuse(409, "already up-to-date", "pull.EmptyPullRequestException")
        if len(body["description"]) > 32_768:
            raise self.refuse(400, "The description must be at most 32768 characters long")
        return self.show(self.make(call, head, base, body["title"], body["description"]))

    def read(self, call: Call) -> dict[str, Any]:
        return self.show(self.get(call.number))

    def check_version(self, pull: Pull, version: int) -> None:
        if version != pull.version:
            raise self.refuse(
                409,
                "You are attempting to modify a pull request based on out-of-date information.",
                "pull.PullRequestOutOfDateException",
            )

    def edit(self, call: Call) -> dict[str, Any]:
        pull, body = self.get(call.number), call.body
        self.check_version(pull, body["version"])
        pull.reviewers = self.check_reviewers(pull.author, body.get("reviewers", []))
        pull.title, pull.body = body["title"], body.get("description", "")
        pull.base = body.get("toRef", {}).get("id", pull.base).removeprefix(BRANCHES)
        pull.version += 1
        return self.show(pull)

    def end(self, call: Call) -> dict[str, Any]:
        pull = self.get(call.number)
        self.check_version(pull, int(call.query["version"]))
        self._end(pull.number, "closed")
        return self.show(pull)

    def comment(self, call: Call) -> Any:
        self.get(call.number).comments.append(call.body["text"])
        return {"id": 1}

    def merge_later(self, call: Call) -> Any:
        pull = self.get(call.number)
        self.check_version(pull, int(call.query["version"]))
        if "merge" not in call.account.rights:
            raise self.forbidden()
        if call.body.get("autoMerge") is not True:
            self.merge(pull.number)
        pull.auto_merge = call.body["strategyId"]
        return self.show(pull)

    routes = (
        ("GET", PULLS, list_pulls),
        ("POST", PULLS, create),
        ("GET", ONE, read),
        ("PUT", ONE, edit),
        ("POST", rf"{ONE}/decline", end),
        ("POST", rf"{ONE}/merge", merge_later),
        ("POST", rf"{ONE}/comments", comment),
    )
