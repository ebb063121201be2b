"""An HTTP server in threads that gives scripted answers, for clients that block.

For a whole API server in the test's own loop there is `apiserver.ScriptedServer`.
"""

import json
import socket
import ssl
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

TEST_TIMEOUT_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer; several pieces make it a chunked one."""

    pieces: Sequence[bytes] = (b"{}",)
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    hold: bool = False
    """Send the end behind the pieces only when the server is released, or closed."""
    drop: bool = False
    """Close the connection behind the pieces; before the head when there are none."""


@dataclass(frozen=True, slots=True)
class Received:
    """A request as it came in."""

    method: str
    target: str
    headers: Sequence[tuple[str, str]]
    body: bytes
    connection: int
    """Number of the connection that it came on, from 1."""

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, str]:
        return dict(parse_qsl(urlsplit(self.target).query))

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    def header(self, name: str) -> str:
        """Return the values of a header, comma-separated."""
        return ", ".join(value for key, value in self.headers if key.lower() == name.lower())


def as_json(value: object, status: int = 200, **headers: str) -> Answer:
    """Return a JSON answer; headers: `Retry_After="1"`."""
    return Answer([json.dumps(value).encode()], status, {key.replace("_", "-"): v for key, v in headers.items()})


class ScriptedHttp:
    """Use as a context manager; each request takes the next answer, the last one serves all others."""

    def __init__(self, *answers: Answer, tls: ssl.SSLContext | None = None) -> None:
        self.answers = list(answers)
        self.requests: list[Received] = []
        self.released = threading.Event()
        self._tls = tls
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.owner = self
        self._server.tls = tls
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}"

    def close_idle(self) -> None:
        """Close all connections, as a server does with idle ones."""
        self._server.close_connections()

    def __enter__(self) -> "ScriptedHttp":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.released.set()
        self._server.shutdown()
        self._server.close_connections()
        self._server.server_close()
        self._thread.join()


class _Server(ThreadingHTTPServer):
    owner: ScriptedHttp
    tls: ssl.SSLContext | None = None
    daemon_threads = False

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.opened: list[socket.socket] = []

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, address = super().get_request()
        connection.settimeout(TEST_TIMEOUT_SECONDS)
        if self.tls is not None:
            connection = self.tls.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        self.opened.append(connection)
        return connection, address

    def close_connections(self) -> None:
        for connection in self.opened:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: clients that leave early are what is tested."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"

    def setup(self) -> None:
        super().setup()
        if isinstance(self.request, ssl.SSLSocket):
            self.request.do_handshake()

    def _answer(self) -> None:
        owner = self.server.owner
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        number = self.server.opened.index(self.request) + 1
        owner.requests.append(Received(self.command, self.path, self.headers.items(), body, number))
        answer = owner.answers.pop(0) if len(owner.answers) > 1 else owner.answers[0]
        self.close_connection = answer.drop
        if answer.drop and not answer.pieces:
            return
        whole = len(answer.pieces) == 1 and not (answer.hold or answer.drop)
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if whole:
            self.send_header("Content-Length", str(len(answer.pieces[0])))
        else:
            self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for piece in answer.pieces:
            self.wfile.write(piece if whole else f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
        if answer.hold:
            owner.released.wait(TEST_TIMEOUT_SECONDS)
        if not whole and not answer.drop:
            self.wfile.write(b"0\r\n\r\n")

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _answer  # noqa: N815 -- the names that the library looks for

    def log_message(self, format: str, *arguments: Any) -> None:
        """Say nothing."""
