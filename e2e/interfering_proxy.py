"""An HTTP proxy in front of a host: it records requests, and does something right before a push arrives.

What happens between an automation's reading of a branch and its push is otherwise chance; here it is a function call.
"""

import sys
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx

from testing.address import HOST

HOP_BY_HOP = {"connection", "transfer-encoding", "content-encoding", "content-length", "host", "date", "server"}
PROBE_BYTES = 4
"""A push may be probed with an empty request (`0000`) before its body is sent."""


class InterferingProxy(ThreadingHTTPServer):
    """Forwards everything to `target`; each function in `before_push` is called once, before one push.

    `requests` has each request with its answer's status, in order: `GET /v2/ 401`.
    """

    daemon_threads = True

    def __init__(self, target: str) -> None:
        super().__init__((HOST, 0), _Handler)
        self.before_push: list[Callable[[], object]] = []
        self.requests: list[str] = []
        self.outage = False
        """While it is set, every request is answered with 503, and `target` hears of none."""
        self.retry_after = ""
        """What the 503 says; empty: nothing."""
        self.client = httpx.Client(base_url=target, trust_env=False, timeout=30)
        self.url = f"http://{HOST}:{self.server_address[1]}"
        self._thread = threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop the proxy."""
        self.shutdown()
        self.server_close()
        self._thread.join()
        self.client.close()

    def handle_error(self, request: object, client_address: object) -> None:
        """Ignore clients that are gone: some are killed."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: InterferingProxy

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing."""

    def do_GET(self) -> None:
        self._forward(b"")

    def do_POST(self) -> None:
        body = self._body()
        if self.path.endswith("/git-receive-pack") and len(body) > PROBE_BYTES and self.server.before_push:
            self.server.before_push.pop(0)()
        self._forward(body)

    def _body(self) -> bytes:
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def _forward(self, body: bytes) -> None:
        headers = {k: v for k, v in self.headers.items() if k.lower() not in HOP_BY_HOP}
        if encoding := self.headers.get("Content-Encoding"):
            headers["Content-Encoding"] = encoding
        if self.server.outage:
            self.server.requests.append(f"{self.command} {self.path} 503")
            self.send_response(503)
            if self.server.retry_after:
                self.send_header("Retry-After", self.server.retry_after)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        answer = self.server.client.request(self.command, self.path, content=body, headers=headers)
        self.server.requests.append(f"{self.command} {self.path} {answer.status_code}")
        self.send_response(answer.status_code)
        for name, value in answer.headers.items():
            if name.lower() not in HOP_BY_HOP:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.content)))
        self.end_headers()
        self.wfile.write(answer.content)
