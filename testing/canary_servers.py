"""A registry and a Git host that repeat in their refusals everything they were sent, as a hostile one would."""

import base64
import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote_plus

from testing.gitserver import CannedResponse, Request
from testing.registry_server import ReceivedRequest, Reply

BEHAVIOURS = ("accepts", "401", "403", "500", "absent")


@dataclass
class Servers:
    """A registry, a Git host and what each was sent; `behaviour` is that of all."""

    behaviour: str = "accepts"
    registry: str = ""
    git: str = ""
    mark: str = ""
    """Of a secret that a server sends; "" where it is ours."""
    answer: str = ""
    """What they do: `open`, `bearer`, `token`, `bad token`, `unfit token`, `realm`, `link`, `redirect`, `band`."""
    received: list[str] = field(default_factory=list)

    @property
    def seen(self) -> str:
        return "\n".join(self.received)

    def echo(self, method: str, target: str, headers: Any, body: bytes) -> bytes:
        """Note a request in clear text, and return it as an error's body."""
        words = [f"{method} {target}", *(f"{name}: {value}" for name, value in headers.items())]
        words.append(unquote_plus(body.decode("utf-8", "replace")))
        logins = [value[6:] for value in headers.values() if value.startswith("Basic ")]
        words += [base64.b64decode(login).decode("utf-8", "replace") for login in logins]
        self.received += words
        return "; ".join(reversed(words)).encode()

    def registry_reply(self, asked: ReceivedRequest) -> Reply:
        echoed = self.echo(asked.method, asked.target, asked.headers, asked.body)
        target = asked.target.partition("//")[2].partition("/")[2] if "//" in asked.target[:8] else asked.target[1:]
        bearer = {"WWW-Authenticate": f'Bearer realm="http://{self.registry}/token",service="s"'}
        if target.startswith("token") and (self.behaviour in {"accepts", "403"} or "token" in self.answer):
            return self._token()
        authorization = asked.headers.get("authorization", "") + asked.headers.get("proxy-authorization", "")
        if not authorization and self.answer != "open":
            if self.answer == "realm":
                return Reply(401, {"WWW-Authenticate": f'Bearer realm="https://me:{self.mark}@h/?sig={self.mark}"'})
            wants_token = "token" in self.answer or self.answer == "bearer"
            return Reply(401, bearer if wants_token else {"WWW-Authenticate": "Basic"})
        if self.answer == "redirect" and "tags" in target:
            return Reply(307, {"Location": f"http://me:{self.mark}@h/?X-Amz-Signature={self.mark}"})
        if self.answer == "link" and "tags" in target:
            link = f'<http://me:{self.mark}@elsewhere/?sig={self.mark}>; rel="next"'
            return Reply(200, {"Link": link}, b'{"name": "app", "tags": ["1.0.0"]}')
        if self.behaviour.isdigit() and "tags" in target:
            return Reply(int(self.behaviour), {"WWW-Authenticate": "Basic"}, echoed)
        return Reply(body=b'{"name": "app", "tags": ["1.0.0"]}')

    def git_reply(self, request: Request) -> CannedResponse | None:
        echoed = self.echo(request.method, request.path, request.headers, request.body[:0])
        if request.path.startswith("/api/v3"):
            if self.answer == "bad token":
                return CannedResponse(201, json.dumps({"token": self.mark}).encode())
            if self.answer == "unfit token":
                answer = {"token": f"{self.mark}\nrest", "expires_at": "2035-01-01T00:00:00Z"}
                return CannedResponse(201, json.dumps(answer).encode())
            if self.behaviour.isdigit() and not self.mark:
                return CannedResponse(int(self.behaviour), echoed)
            return CannedResponse(201, json.dumps({"token": self.mark, "expires_at": "2035-01-01T00:00:00Z"}).encode())
        if self.answer == "redirect":
            return CannedResponse(302, b"", {"Location": f"ftp://me:{self.mark}@h/info/refs?sig={self.mark}"})
        if self.answer == "band" and "receive-pack" in request.path and request.method == "POST":
            line = f"\x03no: {request.headers.get('Authorization', '')} {self.seen[-400:]}".encode()
            body = b"%04x" % (len(line) + 4) + line + b"0000"
            return CannedResponse(200, body, {"Content-Type": "application/x-git-receive-pack-result"})
        if self.behaviour.isdigit():
            return CannedResponse(int(self.behaviour), echoed, {"Content-Type": "text/plain"})
        return None

    def _token(self) -> Reply:
        answers: dict[str, object] = {"bad token": {"value": self.mark}, "unfit token": f"{self.mark}\nrest"}
        return Reply(body=json.dumps({"token": answers.get(self.answer, self.mark or "token")}).encode())
