"""`python -m hack.bench.scale.tag_server PORT TAGS`: a registry whose repositories have the same tags, and some more.

A process of its own, so that its work is neither counted nor in the way. Tags are listed in lexical order, a thousand a
page at most. `POST /add/<repository>/<tag>` adds a tag, `GET /count` answers how many requests registries get were
answered so far.
"""

import json
import sys
import threading
from bisect import bisect_right, insort
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final, NamedTuple
from urllib.parse import parse_qs, urlencode, urlsplit

PAGE_TAGS: Final = 1_000


class Page(NamedTuple):
    """Some of a repository's tags."""

    tags: bytes
    """As JSON."""
    last: str
    """After which the next page begins; empty at the end of the list."""


class Tags:
    """The tags of all repositories; safe to use from several threads."""

    def __init__(self, count: int) -> None:
        self._common = sorted(f"1.0.{number}" for number in range(count))
        self._changed: dict[str, list[str]] = {}
        self._pages: dict[tuple[str, str, int], Page] = {}
        self._lock = threading.Lock()
        self._requests = 0

    def page(self, repository: str, *, after: str = "", limit: int = PAGE_TAGS) -> Page:
        """Return the tags that follow one in the list; each page is encoded once."""
        with self._lock:
            key = (repository if repository in self._changed else "", after, min(limit, PAGE_TAGS))
            if key not in self._pages:
                self._pages[key] = _cut(self._changed.get(repository, self._common), after, key[2])
            return self._pages[key]

    def add(self, repository: str, tag: str) -> None:
        """Add a tag to one repository."""
        with self._lock:
            tags = self._changed.setdefault(repository, list(self._common))
            insort(tags, tag)
            self._pages = {key: page for key, page in self._pages.items() if key[0] != repository}

    def count(self) -> None:
        """Count a request."""
        with self._lock:
            self._requests += 1

    @property
    def requests(self) -> int:
        """How many were counted."""
        return self._requests


def _cut(tags: list[str], after: str, limit: int) -> Page:
    first = bisect_right(tags, after) if after else 0
    chosen = tags[first : first + limit]
    return Page(json.dumps(chosen).encode(), chosen[-1] if first + limit < len(tags) else "")


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
        tags, url = self.server.tags, urlsplit(self.path)
        if url.path == "/count":
            return self._answer(json.dumps({"requests": tags.requests}).encode())
        tags.count()
        if url.path.endswith("/tags/list"):
            return self._list(url.path, parse_qs(url.query))
        return self._answer(b"{}")

    def do_POST(self) -> None:
        """Add a tag."""
        repository, _, tag = self.path.removeprefix("/add/").rpartition("/")
        self.server.tags.add(repository, tag)
        self._answer(b"{}")

    def _list(self, path: str, query: dict[str, list[str]]) -> None:
        name = path.removeprefix("/v2/").removesuffix("/tags/list")
        limit = int(query.get("n", [str(PAGE_TAGS)])[0])
        page = self.server.tags.page(name, after=query.get("last", [""])[0], limit=limit)
        following = f'<{path}?{urlencode({"n": limit, "last": page.last})}>; rel="next"' if page.last else ""
        self._answer(b'{"name": %s, "tags": %s}' % (json.dumps(name).encode(), page.tags), link=following)

    def _answer(self, data: bytes, *, link: str = "") -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        if link:
            self.send_header("Link", link)
        self.end_headers()
        self.wfile.write(data)


if __name__ == "__main__":
    Server(int(sys.argv[1]), Tags(int(sys.argv[2]))).serve_forever()
