"""Bitbucket Cloud, from https://developer.atlassian.com/cloud/bitbucket/rest/api-group-pullrequests."""

import re
from typing import Any

from testing.forges.standin import NAME, OWNER, Call, Pull, Refuse, StandIn

PULLS = rf"/repositories/{OWNER}/{NAME}/pullrequests"
ONE = rf"{PULLS}/(?P<number>\d+)"
STATES = {"open": "OPEN", "merged": "MERGED", "closed": "DECLINED"}
TERM = re.compile(r'(source|destination)\.branch\.name = "((?:[^"\\]|\\.)*)"')


class BitbucketStandIn(StandIn):
    """Answers as Bitbucket Cloud does. People are known by UUIDs, `{alice}`."""

    prefix = "/2.0"

    def refuse(self, status: int, words: str) -> Refuse:
        return Refuse(status, {"type": "error", "error": {"message": words}})

    def unauthorized(self) -> Refuse:
        return self.refuse(401, "Token is invalid, expired, or not supported for this endpoint.")

    def forbidden(self) -> Refuse:
        return self.refuse(403, "Your credentials lack one or more required privilege scopes.")

    def archived_refusal(self) -> Refuse:
        return self.refuse(403, "This repository is archived and read-only.")

    def show(self, pull: Pull) -> dict[str, Any]:
        def end(branch: str, commit: str, *, fork: bool) -> dict[str, Any]:
            return {
                "branch": {"name": branch},
                "commit": {"hash": commit[:12]} if commit else None,
                "repository": {"uuid": "{fork}" if fork else "{fleet}"},
            }

        return {
            "id": pull.number,
            "state": STATES[pull.state],
            "title": pull.title,
            "description": pull.body,
            "author": {"uuid": f"{{{pull.author}}}", "nickname": pull.author},
            "reviewers": [{"uuid": name, "nickname": name.strip("{}")} for name in pull.reviewers],
            "source": end(pull.head, self.head_of(pull), fork=pull.is_fork),
            "destination": end(pull.base, self.branches.head(pull.base), fork=False),
            "links": {"html": {"href": f"{self.url}/{OWNER}/{NAME}/pull-requests/{pull.number}"}},
            "draft": pull.draft,
            "created_on": "2026-11-30T12:00:00.123456+00:00",
            "updated_on": "2026-11-30T12:00:00.123456+00:00",
        }

    def list_pulls(self, call: Call) -> dict[str, Any]:
        asked = call.query.get("q", "")
        terms = {match[1]: re.sub(r"\\(.)", r"\1", match[2]) for match in TERM.finditer(asked)}
        states = set(re.findall(r'state = "(\w+)"', asked)) or {call.query.get("state", "OPEN")}
        found = [
            pull
            for pull in reversed(self.pulls.values())
            if STATES[pull.state] in states
            and terms.get("source", pull.head) == pull.head
            and terms.get("destination", pull.base) == pull.base
        ]
        size, page = min(int(call.query.get("pagelen", 10)), 50), int(call.query.get("page", 1))
        answer: dict[str, Any] = {"values": [self.show(pull) for pull in found[size * (page - 1) : size * page]]}
        if size * page < len(found):
            answer["next"] = f"{self.url}{self.prefix}{PULLS}?pagelen={size}&page={page + 1}"
        return answer

    def check_reviewers(self, pull_author: str, reviewers: Any) -> Any:
        names = [entry.get("uuid") or entry.get("account_id", "") for entry in reviewers]
        for name in names:
            if name == f"{{{pull_author}}}":
                words = f"{name} is the author and cannot be included as a reviewer."
                raise Refuse(
                    400, {"type": "error", "error": {"fields": {"reviewers": [words]}, "message": "Bad request"}}
                )
            if name.strip("{}") not in self.people:
                words = f"{name} is not an active account: reviewers"
                raise Refuse(
                    400, {"type": "error", "error": {"fields": {"reviewers": [words]}, "message": "Bad request"}}
                )
        return names

    def create(self, call: Call) -> dict[str, Any]:
        body = call.body
        head, base = body["source"]["branch"]["name"], body["destination"]["branch"]["name"]
        if not self.branches.head(head) or not self.branches.head(base):
            raise self.refuse(400, "source branch not found")
        if not self.branches.is_ahead(head, base):
            raise self.refuse(400, "There are no changes to be pulled")
        pull = self.existing(head, base)
        if pull is None:
            pull = self.make(call, head, base, body["title"], body["description"], draft=body.get("draft", False))
        pull.title, pull.body = body["title"], body["description"]
        return self.show(pull)

    def read(self, call: Call) -> dict[str, Any]:
        return self.show(self.get(call.number))

    def edit(self, call: Call) -> dict[str, Any]:
        pull, body = self.get(call.number), call.body
        pull.reviewers = self.check_reviewers(pull.author, body.get("reviewers", []))
        pull.title, pull.body = body["title"], body.get("description", "")
        pull.base = body.get("destination", {}).get("branch", {}).get("name", pull.base)
        return self.show(pull)

    def end(self, call: Call) -> dict[str, Any]:
        self._end(call.number, "closed")
        return self.show(self.get(call.number))

    def comment(self, call: Call) -> Any:
        self.get(call.number).comments.append(call.body["content"]["raw"])
        return {"id": 1}

    routes = (
        ("GET", PULLS, list_pulls),
        ("POST", PULLS, create),
        ("GET", ONE, read),
        ("PUT", ONE, edit),
        ("POST", rf"{ONE}/decline", end),
        ("POST", rf"{ONE}/comments", comment),
    )
