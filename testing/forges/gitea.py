"""Gitea, from its sources; `e2e/forge_gitea_test.py` asks the real one the same questions."""

from typing import Any

from testing.forges.standin import NAME, OWNER, STAMP, Call, Pull, Refuse, StandIn, paged
from testing.gitserver import CannedResponse

REPO = rf"/repos/{OWNER}/{NAME}"
PULL = rf"{REPO}/pulls/(?P<number>\d+)"


class GiteaStandIn(StandIn):
    """Answers as Gitea does."""

    prefix = "/api/v1"

    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        self.filters_by_base = True
        self.page_size = 50
        """The most that a page has, whatever is asked for."""

    def archived_refusal(self) -> Refuse:
        return self.refuse(423, f"{OWNER}/{NAME} is archived")

    def forbidden(self) -> Refuse:
        return self.refuse(403, "token does not have at least one of required scope(s): [write:repository]")

    def unauthorized(self) -> Refuse:
        return self.refuse(401, "user does not exist [uid: 0, name: ]")

    def moved(self, path: str) -> Refuse:
        return Refuse(307, {}, {"Location": f"{self.url}{self.prefix}{self.moved_to}"})

    def close_if_stale(self) -> None:
        for pull in self.open_pulls():
            if not self.branches.head(pull.head) and not pull.is_fork:
                self._end(pull.number, "closed")

    def show(self, pull: Pull) -> dict[str, Any]:
        return {
            "number": pull.number,
            "html_url": f"{self.url}/{OWNER}/{NAME}/pulls/{pull.number}",
            "state": "open" if pull.state == "open" else "closed",
            "title": pull.title,
            "body": pull.body,
            "user": {"login": pull.author},
            "draft": pull.title.startswith("WIP:"),
            "labels": [{"id": 1, "name": label} for label in pull.labels],
            "assignees": [{"login": name} for name in pull.assignees] or None,
            "merged": pull.state == "merged",
            "head": {
                "label": pull.head,
                "ref": pull.head if self.branches.head(pull.head) else f"refs/pull/{pull.number}/head",
                "sha": self.head_of(pull),
                "repo_id": 2 if pull.is_fork else 1,
            },
            "base": {"label": pull.base, "ref": pull.base, "sha": self.branches.head(pull.base), "repo_id": 1},
            "created_at": STAMP,
            "closed_at": None if pull.state == "open" else STAMP,
            "merged_at": STAMP if pull.state == "merged" else None,
        }

    def list_pulls(self, call: Call) -> CannedResponse:
        query = call.query
        found = [
            pull
            for pull in reversed(self.pulls.values())
            if query.get("state", "open") in ("all", "open" if pull.state == "open" else "closed")
            and (not self.filters_by_base or query.get("base_branch", pull.base) == pull.base)
        ]
        return paged([self.show(pull) for pull in found], call, size_key="limit", most=self.page_size)

    def find(self, call: Call) -> dict[str, Any]:
        for pull in self.pulls.values():  # the oldest, in any state
            if (pull.base, pull.head) == (call.groups["base"], call.groups["head"]) and not pull.is_fork:
                return self.show(pull)
        raise self.refuse(404, "The target couldn't be found.")

    def create(self, call: Call) -> dict[str, Any]:
        head, base = call.body["head"], call.body["base"]
        if not self.branches.head(head) or not self.branches.head(base):
            raise self.refuse(404, "not found")
        if existing := self.existing(head, base):
            raise self.refuse(409, f"pull request already exists for these targets [issue_id: {existing.number}]")
        return self.show(self.make(call, head, base, call.body["title"], call.body.get("body", "")))

    def read(self, call: Call) -> dict[str, Any]:
        return self.show(self.get(call.number))

    def edit(self, call: Call) -> CannedResponse | dict[str, Any]:
        pull, body = self.get(call.number), call.body
        for name in body.get("assignees", ()):
            if name not in self.people:
                raise self.refuse(422, f"Assignee does not exist: [name: {name}]")
        for key in ("title", "body", "base", "assignees"):
            if key in body:
                setattr(pull, key, body[key])
        if body.get("state") == "closed":
            self._end(pull.number, "closed")
        return self.show(pull)

    def labels(self, call: Call) -> CannedResponse:
        known = sorted(self.known_labels)
        return paged(
            [{"id": number, "name": name} for number, name in enumerate(known, 1)], call, size_key="limit", most=50
        )

    def label(self, call: Call) -> Any:
        known, pull = sorted(self.known_labels), self.get(call.number)
        if any(not isinstance(number, int) for number in call.body["labels"]):
            raise self.refuse(422, "json: cannot unmarshal string into Go struct field")
        pull.labels += [known[number - 1] for number in call.body["labels"]]
        return []

    def request_reviews(self, call: Call) -> Any:
        pull = self.get(call.number)
        for name in call.body["reviewers"]:
            if name not in self.people:
                raise self.refuse(404, f"user does not exist [uid: 0, name: {name}]")
            if name == pull.author:
                raise self.refuse(422, "poster of pr can't be reviewer")
        pull.reviewers += call.body["reviewers"]
        return []

    def comment(self, call: Call) -> Any:
        self.get(call.number).comments.append(call.body["body"])
        return {"id": 1}

    def merge_later(self, call: Call) -> Any:
        pull = self.get(call.number)
        if "merge" not in call.account.rights:
            raise self.refuse(405, "User not allowed to merge PR")
        if pull.title.startswith("WIP:"):
            raise self.refuse(405, "Work in progress PRs cannot be merged")
        if pull.auto_merge:
            raise self.refuse(409, f"pull request is already scheduled to auto merge [pull_id: {pull.number}]")
        if not call.body.get("merge_when_checks_succeed"):
            self.merge(pull.number)
        pull.auto_merge = call.body["Do"]
        return {}

    def repository(self, call: Call) -> dict[str, Any]:
        return {"full_name": f"{OWNER}/{NAME}"}

    routes = (
        ("GET", REPO, repository),
        ("GET", rf"{REPO}/pulls", list_pulls),
        ("POST", rf"{REPO}/pulls", create),
        ("GET", PULL, read),
        ("PATCH", PULL, edit),
        ("GET", rf"{REPO}/pulls/(?P<base>[^/]+)/(?P<head>.+)", find),
        ("POST", rf"{PULL}/requested_reviewers", request_reviews),
        ("POST", rf"{PULL}/merge", merge_later),
        ("POST", rf"{REPO}/issues/(?P<number>\d+)/labels", label),
        ("POST", rf"{REPO}/issues/(?P<number>\d+)/comments", comment),
        ("GET", rf"{REPO}/labels", labels),
    )
