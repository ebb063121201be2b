"""The registry's HTTP side: the OCI distribution spec 1.1 as far as clients that push, list and pull use it."""

import json
import re
import threading
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, quote, urlsplit

from hack.registry.accounts import TOKEN_SECONDS, Accounts
from hack.registry.store import Manifest, RegistryError, Store, digest_of

TOKEN_PATH = "/token"
UPLOAD = re.compile(r"/v2/(?P<name>.+)/blobs/uploads/(?P<upload>[0-9a-f]*)")
BLOB = re.compile(r"/v2/(?P<name>.+)/blobs/(?P<digest>sha256:[0-9a-f]{64})")
MANIFEST = re.compile(r"/v2/(?P<name>.+)/manifests/(?P<reference>[^/]+)")
TAGS = re.compile(r"/v2/(?P<name>.+)/tags/list")
MAX_BODY = 256 << 20
"""Bytes of a request's body."""


class Registry:
    """A registry on loopback at `host` (`127.0.0.1:<port>`); use as a context manager."""

    def __init__(self, accounts: Accounts | None = None, *, port: int = 0, store: Store | None = None) -> None:
        self.store = store or Store()
        self.accounts = accounts or Accounts()
        self._server = _Server(("127.0.0.1", port), _Handler)
        self._server.registry = self
        self.host = f"127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    def __enter__(self) -> "Registry":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def serve_forever(self) -> None:
        """Serve in this thread until the process is interrupted."""
        self._server.serve_forever()

    def challenge(self, repository: str) -> str:
        """Return what a 401 asks for."""
        if self.accounts.scheme == "basic":
            return 'Basic realm="tagline-local"'
        scope = f',scope="repository:{repository}:pull,push"' if repository else ""
        return f'Bearer realm="http://{self.host}{TOKEN_PATH}",service="{self.host}"{scope}'


class _Server(ThreadingHTTPServer):
    registry: Registry
    daemon_threads = True
    request_queue_size = 128


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
        url = urlsplit(self.path)
        self.query = {name: values[-1] for name, values in parse_qs(url.query, keep_blank_values=True).items()}
        try:
            self.body = self._read_body()
            if url.path == TOKEN_PATH:
                return self._issue_token(parse_qs(url.query).get("scope", []))
            for pattern, act in self._routes():
                if match := pattern.fullmatch(url.path):
                    return self._admit(match.groupdict(), act)
            raise RegistryError(404, "UNSUPPORTED", "there is nothing at this path")
        except RegistryError as error:
            self._answer_error(error)

    do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_GET  # noqa: N815  # the base class's naming

    def _routes(self) -> list[tuple[re.Pattern[str], Callable[..., None]]]:
        return [
            (re.compile("/v2/?"), self._ping),
            (UPLOAD, self._upload),
            (BLOB, self._blob),
            (MANIFEST, self._manifest),
            (TAGS, self._tags),
        ]

    def _admit(self, arguments: dict[str, str], act: Callable[..., None]) -> None:
        name = arguments.get("name", "")
        registry = self.server.registry
        if not registry.accounts.admits(self.headers.get("Authorization", ""), name):
            body = _error_body("UNAUTHORIZED", "authentication required")
            return self._answer(401, body, {"WWW-Authenticate": registry.challenge(name)})
        return act(**arguments)

    def _issue_token(self, scopes: list[str]) -> None:
        accounts = self.server.registry.accounts
        kind, _, pair = self.headers.get("Authorization", "").partition(" ")
        if kind.lower() != "basic" or not accounts.knows(pair):
            return self._answer(401, _error_body("UNAUTHORIZED", "wrong user name or password"))
        token = accounts.issue([scope for several in scopes for scope in several.split()])
        return self._answer(200, json.dumps({"token": token, "expires_in": TOKEN_SECONDS}).encode())

    def _ping(self) -> None:
        self._answer(200, b"{}")

    def _upload(self, name: str, upload: str) -> None:
        store = self.server.registry.store
        if self.command == "POST":
            upload = store.begin_upload(name)
            if "digest" not in self.query:
                return self._answer_upload(202, name, upload, 0)
        if self.command == "PATCH":
            first = self.headers.get("Content-Range", "").partition("-")[0]
            size = store.append(name, upload, self.body, start=int(first) if first.isdecimal() else None)
            return self._answer_upload(202, name, upload, size)
        if self.command == "GET":
            return self._answer_upload(204, name, upload, store.append(name, upload, b""))
        if self.command not in ("POST", "PUT"):
            raise RegistryError(405, "UNSUPPORTED", f"{self.command} is not possible here")
        digest = self.query.get("digest", "")
        store.append(name, upload, self.body)
        store.finish_upload(name, upload, digest)
        return self._answer(201, b"", {"Location": f"/v2/{name}/blobs/{digest}", "Docker-Content-Digest": digest})

    def _answer_upload(self, status: int, name: str, upload: str, size: int) -> None:
        headers = {"Location": f"/v2/{name}/blobs/uploads/{upload}", "Range": f"0-{max(size - 1, 0)}"}
        self._answer(status, b"", headers)

    def _blob(self, name: str, digest: str) -> None:
        if self.command not in ("GET", "HEAD"):
            raise RegistryError(405, "UNSUPPORTED", f"{self.command} is not possible here")
        content = self.server.registry.store.blob(name, digest)
        self._answer(200, content, {"Content-Type": "application/octet-stream", "Docker-Content-Digest": digest})

    def _manifest(self, name: str, reference: str) -> None:
        store = self.server.registry.store
        if self.command == "PUT":
            media_type = self.headers.get("Content-Type", "")
            manifest = Manifest(media_type, self.body, digest_of(self.body))
            _require_json(self.body)
            store.put_manifest(name, reference, manifest)
            location = f"/v2/{name}/manifests/{manifest.digest}"
            return self._answer(201, b"", {"Location": location, "Docker-Content-Digest": manifest.digest})
        if self.command == "DELETE":
            store.delete_manifest(name, reference)
            return self._answer(202, b"")
        found = store.manifest(name, reference)
        return self._answer(
            200, found.content, {"Content-Type": found.media_type, "Docker-Content-Digest": found.digest}
        )

    def _tags(self, name: str) -> None:
        count = self.query.get("n", "")
        if count and not count.isdecimal():
            raise RegistryError(400, "PAGINATION_NUMBER_INVALID", f"n is no number: {count}")
        limit = int(count) if count else None
        page, has_more = self.server.registry.store.tags(name, last=self.query.get("last", ""), count=limit)
        headers = {}
        if has_more and page:
            headers["Link"] = f'</v2/{name}/tags/list?last={quote(page[-1])}&n={limit}>; rel="next"'
        self._answer(200, json.dumps({"name": name, "tags": list(page)}).encode(), headers)

    def _read_body(self) -> bytes:
        if "chunked" in self.headers.get("Transfer-Encoding", "").lower():
            return self._read_chunks()
        length = self.headers.get("Content-Length") or "0"
        if not length.isdecimal() or int(length) > MAX_BODY:
            self.close_connection = True
            raise RegistryError(413, "SIZE_INVALID", f"a body may have {MAX_BODY} bytes")
        return self.rfile.read(int(length))

    def _read_chunks(self) -> bytes:
        parts: list[bytes] = []
        while size := int(self.rfile.readline(32).partition(b";")[0] or b"0", 16):
            if size + sum(map(len, parts)) > MAX_BODY:
                self.close_connection = True
                raise RegistryError(413, "SIZE_INVALID", f"a body may have {MAX_BODY} bytes")
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        while self.rfile.readline(8192).strip():  # trailers
            pass
        return b"".join(parts)

    def _answer_error(self, error: RegistryError) -> None:
        self._answer(error.status, _error_body(error.code, str(error)))

    def _answer(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        self.send_header("Docker-Distribution-Api-Version", "registry/2.0")
        for name, value in {"Content-Type": "application/json", **(headers or {})}.items():
            self.send_header(name, value)
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD" and status != 204:
            self.wfile.write(body)


def _error_body(code: str, message: str) -> bytes:
    return json.dumps({"errors": [{"code": code, "message": message}]}).encode()


def _require_json(content: bytes) -> None:
    try:
        json.loads(content)
    except ValueError:
        raise RegistryError(400, "MANIFEST_INVALID", "a manifest is a JSON document") from None
