"""Git's own server behind HTTP, on loopback unless told otherwise: `git http-backend` for the repositories of a folder.

For demos and tests only. It needs nothing but git; whoever logs in may push.
"""

import base64
import os
import shutil
import subprocess
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

from hack.env import process

GIT = shutil.which("git") or "git"
ENVIRONMENT = {
    "PATH": os.environ.get("PATH", ""),
    "HOME": "/nonexistent",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "LC_ALL": "C",
}
MAX_BODY = 256 << 20


@dataclass(frozen=True, slots=True)
class Answer:
    """Status, headers and body of an answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Backend:
    """Runs `git http-backend` for the repositories below a folder, as the CGI protocol says (RFC 3875)."""

    def __init__(self, root: Path) -> None:
        folder = subprocess.run([GIT, "--exec-path"], capture_output=True, text=True, check=True).stdout
        self._program = str(Path(folder.strip()) / "git-http-backend")
        self._root = root

    def answer(self, method: str, target: str, headers: Mapping[str, str], body: bytes, *, protocol: str) -> Answer:
        """Return Git's answer. target: the request's, absolute when asked as a proxy. protocol: of Git, "" for 0."""
        url = urlsplit(target)
        variables = {
            "GIT_PROJECT_ROOT": str(self._root),
            "GIT_HTTP_EXPORT_ALL": "1",
            "GIT_PROTOCOL": protocol,
            "REMOTE_USER": "test",
            "REMOTE_ADDR": "127.0.0.1",
            "REQUEST_METHOD": method,
            "PATH_INFO": url.path,
            "QUERY_STRING": url.query,
            "CONTENT_TYPE": headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "HTTP_CONTENT_ENCODING": headers.get("Content-Encoding", ""),
            "SERVER_PROTOCOL": "HTTP/1.1",
        }
        done = subprocess.run(
            [self._program], input=body, capture_output=True, check=False, env=ENVIRONMENT | variables
        )
        head, _, content = done.stdout.partition(b"\r\n\r\n")
        fields = dict(line.split(": ", 1) for line in head.decode().split("\r\n") if ": " in line)
        return Answer(int(fields.pop("Status", "200").split()[0]), fields, content)


class GitHttpServer:
    """Serves `url`/<name>.git to one account, or to everybody without a user; use as a context manager."""

    def __init__(
        self, root: Path, *, user: str = "", password: str = "", port: int = 0, host: str = process.LOOPBACK
    ) -> None:
        self.root, self.user, self.password = root, user, password
        self._server = _Server((host, port), _Handler)
        self._server.backend = Backend(root)
        self._server.authorization = (
            "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode() if user else None
        )
        self.url = f"http://{host}:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    def __enter__(self) -> "GitHttpServer":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def create(self, name: str, *, branch: str = "main") -> str:
        """Create an empty repository; return its URL."""
        path = self.root / f"{name}.git"
        for arguments in (["init", "-q", "--bare", "-b", branch, str(path)],
                          ["-C", str(path), "config", "http.receivepack", "true"]):  # fmt: skip
            subprocess.run([GIT, *arguments], check=True, env=ENVIRONMENT, capture_output=True)
        return f"{self.url}/{name}.git"


class _Server(ThreadingHTTPServer):
    backend: Backend
    authorization: str | None
    daemon_threads = True
    request_queue_size = 128  # of fifty clients at once none is to wait for its packet to be sent again


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    timeout = 60
    disable_nagle_algorithm = True

    def log_message(self, *_: object) -> None:
        pass

    def handle(self) -> None:
        with suppress(OSError):  # a client that gave up
            super().handle()

    def do_GET(self) -> None:
        body = self._read_body()
        if self.server.authorization not in (None, self.headers.get("Authorization")):
            self._write(Answer(401, {"WWW-Authenticate": 'Basic realm="git"'}, b"Unauthorized\n"))
            return
        protocol = self.headers.get("Git-Protocol", "")
        self._write(self.server.backend.answer(self.command, self.path, dict(self.headers), body, protocol=protocol))

    do_POST = do_GET  # noqa: N815  # the base class's naming

    def _read_body(self) -> bytes:
        if "chunked" not in self.headers.get("Transfer-Encoding", "").lower():
            return self.rfile.read(min(int(self.headers.get("Content-Length") or 0), MAX_BODY))
        parts = []
        while size := int(self.rfile.readline(32).partition(b";")[0] or b"0", 16):
            parts.append(self.rfile.read(min(size, MAX_BODY)))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def _write(self, answer: Answer) -> None:
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        self.wfile.write(answer.body)
