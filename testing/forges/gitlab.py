"""GitLab, from https://docs.gitlab.com/api/merge_requests."""

from typing import Any

from testing.forges.standin import BOT, NAME, OWNER, STAMP, Call, Pull, Refuse, StandIn, paged
from testing.gitserver import CannedResponse

PROJECT = f"/projects/{OWNER}%2F{NAME}"
ONE = rf"{PROJECT}/merge_requests/(?P<number>\d+)"
STATES = {"open": "opened", "merged": "merged", "closed": "closed"}


class GitlabStandIn(StandIn):
    """Answers as GitLab does."""

    prefix = "/api/v4"

    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        self.people_ids = {BOT: 1, "alice": 2, "bob": 3}
        self.merge_statuses: list[str] = []
        """Told one after the other; then `ci_still_running`."""
        self.has_pipeline = True

    def refuse(self, status: int, words: str) -> Refuse:
        return Refuse(status, {"message": f"{status} {words}"})

    def unauthorized(self) -> Refuse:
        return self.refuse(401, "Unauthorized")

    def forbidden(self) -> Refuse:
        return self.refuse(403, "Forbidden")

    def archived_refusal(self) -> Refuse:
        return self.refuse(403, "Forbidden - the project is archived")

    def show(self, pull: Pull) -> dict[str, Any]:
        def people(names: list[str]) -> list[dict[str, Any]]:
            return [{"id": self.people_ids[name], "username": name} for name in names]

        return {
            "iid": pull.number,
            "source_branch": pull.head,
            "target_branch": pull.base,
            "source_project_id": 8 if pull.is_fork else 7,
            "target_project_id": 7,
            "state": STATES[pull.state],
            "sha": self.head_of(pull) or None,
            "web_url": f"{self.url}/{OWNER}/{NAME}/-/merge_requests/{pull.number}",
            "title": pull.title,
            "description": pull.body,
            "author": {"id": self.people_ids[pull.author], "username": pull.author},
            "draft": pull.title.startswith("Draft:"),
            "labels": pull.labels,
            "assignees": people(pull.assignees),
            "reviewers": people(pull.reviewers),
            "merge_when_pipeline_succeeds": bool(pull.auto_merge),
            "created_at": "2026-11-30T12:00:00.000Z",
            "merged_at": STAMP if pull.state == "merged" else None,
            "closed_at": STAMP if pull.state == "closed" else None,
        }

    def list_pulls(self, call: Call) -> CannedResponse:
        query = call.query
        found = [
            pull
            for pull in reversed(self.pulls.values())
            if query.get("state", "all") in ("all", STATES[pull.state])
            and query.get("source_branch", pull.head) == pull.head
            and query.get("target_branch", pull.base) == pull.base
        ]
        return paged([self.show(pull) for pull in found], call)

    def create(self, call: Call) -> dict[str, Any]:
        body = call.body
        head, base = body["source_branch"], body["target_branch"]
        if not self.branches.head(head):
            raise Refuse(400, {"message": {"source_branch": ['"' + head + '" does not exist']}})
        if existing := self.existing(head, base):
            words = f"Another open merge request already exists for this source branch: !{existing.number}"
            raise Refuse(409, {"message": [words]})
        if len(body["title"]) > 255:
            raise Refuse(400, {"message": {"title": ["is too long (maximum is 255 characters)"]}})
        return self.show(self.make(call, head, base, body["title"], body.get("description", "")))

    def read(self, call: Call) -> dict[str, Any]:
        status = self.merge_statuses.pop(0) if self.merge_statuses else "ci_still_running"
        pipeline = {"id": 1} if self.has_pipeline else None
        return self.show(self.get(call.number)) | {"detailed_merge_status": status, "head_pipeline": pipeline}

    def edit(self, call: Call) -> dict[str, Any]:
        pull, body = self.get(call.number), call.body
        pull.title = body.get("title", pull.title)
        pull.body = body.get("description", pull.body)
        pull.base = body.get("target_branch", pull.base)
        pull.labels += [label for label in body.get("add_labels", "").split(",") if label and label not in pull.labels]
        names = {number: name for name, number in self.people_ids.items()}
        if "reviewer_ids" in body:
            pull.reviewers = [names[number] for number in body["reviewer_ids"]][:1]  # without a licence
        if "assignee_ids" in body:
            pull.assignees = [names[number] for number in body["assignee_ids"]]
        if body.get("state_event") == "close":
            self._end(pull.number, "closed")
        return self.show(pull)

    def merge_later(self, call: Call) -> dict[str, Any]:
        pull = self.get(call.number)
        if "merge" not in call.account.rights:
            raise self.unauthorized()
        if call.body["sha"] != self.head_of(pull):
            raise self.refuse(409, "SHA does not match HEAD of source branch")
        if not self.has_pipeline or not call.body.get("merge_when_pipeline_succeeds"):
            self.merge(pull.number)
            return self.show(pull)
        pull.auto_merge = "squash" if call.body["squash"] else "merge"
        return self.show(pull)

    def comment(self, call: Call) -> Any:
        self.get(call.number).comments.append(call.body["body"])
        return {"id": 1}

    def users(self, call: Call) -> Any:
        name = call.query["username"]
        return [{"id": self.people_ids[name], "username": name}] if name in self.people_ids else []

    routes = (
        ("GET", rf"{PROJECT}/merge_requests", list_pulls),
        ("POST", rf"{PROJECT}/merge_requests", create),
        ("GET", ONE, read),
        ("PUT", ONE, edit),
        ("PUT", rf"{ONE}/merge", merge_later),
        ("POST", rf"{ONE}/notes", comment),
        ("GET", "/users", users),
    )
