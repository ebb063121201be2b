"""A real Git server: `git http-backend` behind an HTTP server in this process, with faults on demand.

Repositories are made and changed by Git's own command line, without the
configuration of whoever runs the tests.
"""

import base64
import os
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from testing.address import HOST

GIT = shutil.which("git") or "git"
ENVIRONMENT = {
    "PATH": os.environ.get("PATH", ""),
    "HOME": "/nonexistent",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "LC_ALL": "C",
    "GIT_AUTHOR_NAME": "Someone Else",
    "GIT_AUTHOR_EMAIL": "someone@example.com",
    "GIT_COMMITTER_NAME": "Someone Else",
    "GIT_COMMITTER_EMAIL": "someone@example.com",
}

Content = str | bytes | tuple[str, str | bytes] | None
"""What a file holds; with a mode ("100755", "120000"); None removes it."""


class BareRepository:
    """A bare repository on disk and what somebody else does to it. null_id: the name that stands for no object."""

    def __init__(self, path: Path, *, branch: str = "main", object_format: str = "sha1") -> None:
        self.path = path
        self.null_id = "0" * {"sha1": 40, "sha256": 64}[object_format]
        path.mkdir(parents=True)
        self.git("init", "-q", "--bare", "-b", branch, f"--object-format={object_format}")
        for name in ("receive.advertisePushOptions", "uploadpack.allowAnySHA1InWant", "http.receivepack"):
            self.git("config", name, "true")

    def git(self, *arguments: str, data: bytes = b"", **environment: str) -> str:
        """Run a Git command in this repository; return its output, stripped."""
        done = subprocess.run(  # noqa: S603  # arguments of tests
            [GIT, "-C", str(self.path), *arguments],
            input=data, capture_output=True, check=False, env=ENVIRONMENT | environment,
        )  # fmt: skip
        if done.returncode:
            raise RuntimeError(f"git {arguments[0]}: {done.stderr.decode(errors='replace')}")
        return done.stdout.decode("utf-8", "surrogateescape").strip()

    def commit(
        self, files: Mapping[str, Content], *, branch: str = "main", message: str = "Change", onto: str | None = None
    ) -> str:
        """Commit on a branch (or on `onto`), whose tip it becomes; return the commit's id."""
        index = str(self.path / "index-of-tests")
        head = onto or self.head(branch)
        if head:
            self.git("read-tree", head, GIT_INDEX_FILE=index)
        lines = []
        for path, content in files.items():
            mode, text = content if isinstance(content, tuple) else ("100644", content)
            if text is None:
                lines.append(f"0 {self.null_id}\t{path}\0")
                continue
            data = text.encode() if isinstance(text, str) else text
            lines.append(f"{mode} {self.git('hash-object', '-w', '--stdin', data=data)}\t{path}\0")
        self.git("update-index", "-z", "--index-info", data="".join(lines).encode("utf-8", "surrogateescape"),
                 GIT_INDEX_FILE=index)  # fmt: skip
        tree = self.git("write-tree", GIT_INDEX_FILE=index)
        Path(index).unlink()
        parent = ["-p", head] if head else []
        new = self.git("commit-tree", tree, *parent, data=message.encode())
        self.git("update-ref", f"refs/heads/{branch}", new)
        return new

    def head(self, branch: str = "main") -> str:
        """Return the tip of a branch, empty for none."""
        return self.refs().get(f"refs/heads/{branch}", "")

    def refs(self) -> dict[str, str]:
        lines = self.git("for-each-ref", "--format=%(objectname) %(refname)").splitlines()
        return {ref: sha for sha, ref in (line.split(" ", 1) for line in lines)}

    def read(self, path: str, *, at: str = "main") -> bytes:
        """Return a file of a commit."""
        return subprocess.run(  # noqa: S603
            [GIT, "-C", str(self.path), "cat-file", "blob", f"{at}:{path}"],
            capture_output=True, check=True, env=ENVIRONMENT,
        ).stdout  # fmt: skip

    def read_named(self, path: str, *, at: str = "main") -> bytes:
        """Return a file of a commit, whatever its name."""
        lines = self.git("ls-tree", "-r", "-z", at).split("\0")
        [blob] = [line.split()[2] for line in lines if line.partition("\t")[2] == path]
        return self.git("cat-file", "blob", blob).encode("utf-8", "surrogateescape")

    def hook(self, name: str, script: str | None) -> None:
        """Install a hook, or remove it."""
        path = self.path / "hooks" / name
        if script is None:
            path.unlink(missing_ok=True)
            return
        path.parent.mkdir(exist_ok=True)
        path.write_text(script)
        path.chmod(0o755)


@dataclass(slots=True)
class Request:
    """What the server saw of one request."""

    method: str
    path: str
    body: bytes
    headers: Mapping[str, str]
    sent_bytes: int = 0


@dataclass(slots=True)
class CannedResponse:
    """A canned answer of the server."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


class GitServer:
    """Serve the repositories of a folder at `url`/<name>.git. Use as a context manager.

    host: the address to listen at. login: (user, password) that is asked for. token: a bearer token that is asked for.
    protocol: the highest version spoken. respond: called with each request; a CannedResponse is given instead of Git's.
    """

    def __init__(self, root: Path, *, tls: ssl.SSLContext | None = None, host: str = HOST) -> None:
        self.root = root
        self.host = host
        self.login: tuple[str, str] | None = None
        self.token: str | None = None
        self.protocol = 2
        self.respond: Callable[[Request], CannedResponse | None] = lambda _: None
        self.requests: list[Request] = []
        self._backend = str(Path(subprocess.check_output([GIT, "--exec-path"], text=True).strip()) / "git-http-backend")  # noqa: S603
        self._server = _Server((host, 0), _Handler)
        self._server.owner = self
        self._server.tls = tls
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})

    @property
    def port(self) -> int:
        return self._server.server_address[1]

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"

    def repository(self, name: str, *, branch: str = "main", object_format: str = "sha1") -> BareRepository:
        return BareRepository(self.root / f"{name}.git", branch=branch, object_format=object_format)

    def take_requests(self) -> list[str]:
        """Return `METHOD last/segment` of the requests so far, and forget them."""
        seen = [f"{r.method} {urlsplit(r.path).path.rsplit('/', 1)[1]}" for r in self.requests]
        self.requests.clear()
        return seen

    def __enter__(self) -> "GitServer":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def answer(self, request: Request) -> CannedResponse:
        if (canned := self.respond(request)) is not None:
            return canned
        if not self._is_allowed(request.headers.get("Authorization", "")):
            return CannedResponse(
                401, b"Unauthorized\n", {"WWW-Authenticate": 'Basic realm="git"', "Content-Type": "text/plain"}
            )
        return self._git(request)

    def _is_allowed(self, authorization: str) -> bool:
        if self.token is not None:
            return authorization == f"Bearer {self.token}"
        if self.login is not None:
            return authorization == "Basic " + base64.b64encode(":".join(self.login).encode()).decode()
        return True

    def _git(self, request: Request) -> CannedResponse:
        url = urlsplit(request.path)  # absolute when asked as a proxy
        protocol = request.headers.get("Git-Protocol", "") if self.protocol == 2 else ""
        done = subprocess.run(  # noqa: S603
            [self._backend], input=request.body, capture_output=True, check=False,
            env=ENVIRONMENT | {
                "GIT_PROJECT_ROOT": str(self.root), "GIT_HTTP_EXPORT_ALL": "1", "REMOTE_USER": "test",
                "REQUEST_METHOD": request.method, "PATH_INFO": url.path, "QUERY_STRING": url.query,
                "CONTENT_TYPE": request.headers.get("Content-Type", ""), "CONTENT_LENGTH": str(len(request.body)),
                "GIT_PROTOCOL": protocol, "REMOTE_ADDR": "127.0.0.1", "SERVER_PROTOCOL": "HTTP/1.1",
            },
        )  # fmt: skip
        head, _, body = done.stdout.partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n") if ": " in line)
        return CannedResponse(int(headers.pop("Status", "200").split()[0]), body, headers)


class _Server(ThreadingHTTPServer):
    owner: GitServer
    tls: ssl.SSLContext | None
    daemon_threads = False
    block_on_close = True

    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler]) -> None:
        super().__init__(address, handler)
        self._open: set[socket.socket] = set()

    def get_request(self) -> tuple[socket.socket, object]:
        connection, address = super().get_request()
        if self.tls is not None:
            connection = self.tls.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        self._open.add(connection)
        return connection, address

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def server_close(self) -> None:
        for connection in list(self._open):  # kept alive by clients
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        super().server_close()


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    timeout = 30
    disable_nagle_algorithm = True

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        request = Request(self.command, self.path, body, {name.title(): value for name, value in self.headers.items()})
        self.server.owner.requests.append(request)
        answer = self.server.owner.answer(request)
        request.sent_bytes = len(answer.body)
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        self.wfile.write(answer.body)

    def handle(self) -> None:
        with suppress(OSError):  # a client that gave up, or whose certificate was refused
            super().handle()

    do_POST = do_PUT = do_PATCH = do_DELETE = do_GET  # noqa: N815  # the base class's naming


@contextmanager
def git_server(root: Path) -> Iterator[GitServer]:
    with GitServer(root) as server:
        yield server
