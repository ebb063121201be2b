"""`python -m hack.bench.scale.tag_server PORT TAGS`: a registry whose repositories have the same tags, and some more.

A process of its own, so that its work is neither counted nor in the way. `POST /add/<repository>/<tag>` adds a tag,
`GET /count` answers how many requests registries get were answered so far.
"""

import json
import sys
import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Tags:
    """The tags of all repositories; safe to use from several threads."""

    def __init__(self, count: int) -> None:
        self._common = [f"1.0.{number}" for number in range(count)]
        self._added: dict[str, list[str]] = {}
        self._lock = threading.Lock()
        self._requests = 0

    def list(self, repository: str) -> list[str]:
        return [*self._common, *self._added.get(repository, ())]

    def add(self, repository: str, tag: str) -> None:
        with self._lock:
            self._added.setdefault(repository, []).append(tag)

    def count(self) -> None:
        with self._lock:
            self._requests += 1

    @property
    def requests(self) -> int:
        return self._requests


class Server(ThreadingHTTPServer):
    """Listens on loopback."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, port: int, tags: Tags) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.tags = tags


class Handler(BaseHTTPRequestHandler):
    """The answers that a scan asks for."""

    server: Server
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_: object) -> None:
        pass

    def handle(self) -> None:
        with suppress(OSError):  # a client that went away
            super().handle()

    def do_GET(self) -> None:
        """Answer a ping, a list of tags, or the count."""
        tags, path = self.server.tags, self.path.partition("?")[0]
        if path == "/count":
            return self._answer({"requests": tags.requests})
        tags.count()
        if path.endswith("/tags/list"):
            name = path.removeprefix("/v2/").removesuffix("/tags/list")
            return self._answer({"name": name, "tags": tags.list(name)})
        return self._answer({})

    def do_POST(self) -> None:
        """Add a tag."""
        repository, _, tag = self.path.removeprefix("/add/").rpartition("/")
        self.server.tags.add(repository, tag)
        self._answer({})

    def _answer(self, body: object) -> None:
        data = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


if __name__ == "__main__":
    Server(int(sys.argv[1]), Tags(int(sys.argv[2]))).serve_forever()
