"""What all stand-ins have in common: pull requests, people, rights, faults on demand, and a count of the requests.

`StandIn.respond` goes into `testing.gitserver.GitServer.respond`. What is no request to the API is then answered by Git
itself, so that one server is the whole forge; `branches` says where the branches are.
"""

import base64
import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, ClassVar, Protocol
from urllib.parse import parse_qsl, unquote, urlsplit

from testing.gitserver import CannedResponse, Request

NOW = datetime(2026, 11, 30, 12, 0, 0, tzinfo=UTC)
STAMP = "2026-11-30T12:00:00Z"
OWNER, NAME, BOT, TOKEN = "org", "fleet", "tagline-bot", "t0ken-of-the-bot"


class Branches(Protocol):
    """Branches of the repository."""

    def head(self, branch: str, /) -> str:
        """Return the tip of a branch, empty for none."""

    def is_ahead(self, head: str, base: str, /) -> bool:
        """Return whether a branch has commits that another one has not."""


class MemoryBranches:
    """Branches as lists of commits."""

    def __init__(self) -> None:
        self.commits: dict[str, list[str]] = {}
        self._number = 0

    def push(self, branch: str, *, base: str = "main") -> str:
        """Put one new commit on top of a base, and move the branch there."""
        self._number += 1
        commit = f"{self._number:040x}"
        self.commits[branch] = [*self.commits.get(base, []), commit]
        return commit

    def delete(self, branch: str) -> None:
        self.commits.pop(branch, None)

    def head(self, branch: str) -> str:
        return (self.commits.get(branch) or [""])[-1]

    def is_ahead(self, head: str, base: str) -> bool:
        return bool(set(self.commits.get(head, ())) - set(self.commits.get(base, ())))


@dataclass(slots=True)
class Pull:
    """A pull request."""

    number: int
    head: str
    base: str
    title: str
    body: str
    author: str
    state: str = "open"
    """`open`, `merged`, `closed`."""
    draft: bool = False
    labels: list[str] = field(default_factory=list)
    reviewers: list[str] = field(default_factory=list)
    assignees: list[str] = field(default_factory=list)
    comments: list[str] = field(default_factory=list)
    auto_merge: str = ""
    version: int = 0
    is_fork: bool = False
    final_head: str = ""
    """Where the branch was when it was closed or merged."""


@dataclass(frozen=True, slots=True)
class Account:
    """Somebody with a token."""

    name: str
    rights: frozenset[str] = frozenset({"read", "write", "issues", "merge"})


class Refuse(Exception):
    """The answer to a request that is not done."""

    def __init__(self, status: int, body: Any, headers: dict[str, str] | None = None) -> None:
        super().__init__(status)
        self.status, self.body, self.headers = status, body, headers or {}


@dataclass(frozen=True, slots=True)
class Call:
    """A request to the API, taken apart."""

    account: Account
    groups: dict[str, str]
    query: dict[str, str]
    body: Any
    headers: dict[str, str]

    @property
    def number(self) -> int:
        return int(self.groups["number"])


Handler = Callable[["Any", Call], Any]


class StandIn:
    """Base of the stand-ins."""

    prefix: ClassVar[str] = ""
    """Of the paths of the API."""
    routes: ClassVar[tuple[tuple[str, str, Handler], ...]] = ()
    """Method, pattern of the path behind the prefix, and what answers."""

    def __init__(self, branches: Branches, *, url: str = "") -> None:
        self.branches = branches
        self.url = url
        self.pulls: dict[int, Pull] = {}
        self.people = {BOT, "alice", "bob"}
        self.known_labels = {"automation", "images"}
        self.accounts = {TOKEN: Account(BOT)}
        self.archived = False
        self.moved_to = ""
        self.canned: list[CannedResponse] = []
        """Given first, one for each request."""
        self.calls: list[str] = []
        """`METHOD /path` of the requests so far."""

    # What people do.

    def merge(self, number: int) -> None:
        """Merge as a person does, by squash: the commits of the branch do not get into the base."""
        self._end(number, "merged")

    def decline(self, number: int) -> None:
        """Close without merging, as a person does."""
        self._end(number, "closed")

    def add(self, head: str, base: str = "main", **fields: Any) -> Pull:
        """Open a pull request as a person does."""
        number = len(self.pulls) + 1
        pull = Pull(number, head, base, **{"title": "By hand", "body": "", "author": "alice", **fields})
        self.pulls[number] = pull
        return pull

    def count(self, method: str = "") -> int:
        """Return how many requests there were."""
        return sum(call.startswith(method) for call in self.calls)

    def open_pulls(self) -> list[Pull]:
        return [pull for pull in self.pulls.values() if pull.state == "open"]

    def _end(self, number: int, state: str) -> None:
        pull = self.pulls[number]
        pull.final_head, pull.state = self.branches.head(pull.head), state
        pull.version += 1

    # What the API does.

    def respond(self, request: Request) -> CannedResponse | None:
        """Return the answer of the API; None for a request to Git."""
        parts = urlsplit(request.path)
        if not parts.path.startswith(self.prefix) or parts.path.split("/")[-1] in (
            "git-upload-pack",
            "git-receive-pack",
        ):
            return None
        if parts.path.endswith("/info/refs"):
            return None
        self.calls.append(f"{request.method} {unquote(parts.path)}")
        if self.canned:
            return self.canned.pop(0)
        try:
            return self._answer(request, parts.path.removeprefix(self.prefix), dict(parse_qsl(parts.query)))
        except Refuse as refused:
            return _respond(refused.status, refused.body, refused.headers)

    def head_of(self, pull: Pull) -> str:
        return pull.final_head or self.branches.head(pull.head)

    def get(self, number: int) -> Pull:
        if number not in self.pulls:
            raise self.not_found()
        return self.pulls[number]

    def make(self, call: Call, head: str, base: str, title: str, body: str, **fields: Any) -> Pull:
        """Add what a request asks for, without checks."""
        number = len(self.pulls) + 1
        pull = Pull(number, head, base, title, body, call.account.name, **fields)
        self.pulls[number] = pull
        return pull

    def existing(self, head: str, base: str) -> Pull | None:
        return next((p for p in self.open_pulls() if (p.head, p.base) == (head, base) and not p.is_fork), None)

    def close_if_stale(self) -> None:
        """Close what a forge closes by itself; by default nothing."""

    def refuse(self, status: int, words: str) -> Refuse:
        """Return a refusal in the forge's own form."""
        return Refuse(status, {"message": words})

    def not_found(self) -> Refuse:
        return self.refuse(404, "Not Found")

    def unauthorized(self) -> Refuse:
        return self.refuse(401, "Bad credentials")

    def forbidden(self) -> Refuse:
        return self.refuse(403, "Resource not accessible by personal access token")

    def archived_refusal(self) -> Refuse:
        return self.refuse(403, "Repository was archived so is read-only.")

    def moved(self, path: str) -> Refuse:
        return Refuse(301, {"message": "Moved Permanently"}, {"Location": f"{self.url}{self.prefix}{self.moved_to}"})

    def token_of(self, authorization: str) -> str:
        """Return the token in a header, in one of the ways that the forge knows."""
        scheme, _, value = authorization.partition(" ")
        if scheme == "Basic":
            return base64.b64decode(value).decode().partition(":")[2]
        return value if scheme in ("Bearer", "token") else ""

    def right_for(self, method: str, path: str) -> str:
        """Return which right a request needs."""
        return "read" if method == "GET" else "write"

    def _answer(self, request: Request, path: str, query: dict[str, str]) -> CannedResponse:
        account = self.accounts.get(self.token_of(request.headers.get("Authorization", "")))
        if account is None:
            raise self.unauthorized()
        if self.moved_to:
            raise self.moved(path)
        if self.right_for(request.method, path) not in account.rights:
            raise self.forbidden()
        if self.archived and request.method != "GET":
            raise self.archived_refusal()
        self.close_if_stale()
        for method, pattern, handler in self.routes:
            match = re.fullmatch(pattern, path)
            if method != request.method or not match:
                continue
            body = json.loads(request.body) if request.body else {}
            groups = {name: unquote(value) for name, value in match.groupdict().items()}
            answer = handler(self, Call(account, groups, query, body, dict(request.headers)))
            if isinstance(answer, CannedResponse):
                return answer
            return _respond(201 if request.method == "POST" else 200, answer)
        raise self.not_found()


def _respond(status: int, body: Any, headers: dict[str, str] | None = None) -> CannedResponse:
    return CannedResponse(status, json.dumps(body).encode(), {"Content-Type": "application/json", **(headers or {})})


def paged(entries: Iterable[Any], call: Call, *, size_key: str = "per_page", most: int = 100) -> CannedResponse:
    """Return the page of a list that is asked for, with the header `Link`."""
    everything = list(entries)
    size, page = min(int(call.query.get(size_key, 30)), most), int(call.query.get("page", 1))
    shown = everything[size * (page - 1) : size * page]
    more = size * page < len(everything)
    links = {"Link": f'<https://api.example/next?page={page + 1}>; rel="next"'} if more else {}
    return _respond(200, shown, links)
