"""A registry on loopback, in the event loop of the test, as ill-mannered as the test says."""

import asyncio
import base64
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from testing.address import HOST
from testing.certificates import KeyPair


@dataclass(frozen=True, slots=True)
class ReceivedRequest:
    method: str
    target: str
    headers: dict[str, str]
    """Names in lower case."""
    body: bytes

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]


@dataclass(frozen=True, slots=True)
class Reply:
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    delay: float = 0
    """Seconds before the answer."""
    drip: float = 0
    """Seconds between the bytes of the body."""
    cut: int | None = None
    """The connection goes away after so many bytes of the body."""


Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
HANG_UP = Reply(status=0)
Handler = Callable[[ReceivedRequest], Reply]


def diagnostics(status: int, code: str, message: str, headers: dict[str, str] | None = None) -> Reply:
    body = json.dumps({"errors": [{"code": code, "message": message}]}).encode()
    return Reply(status, {"Content-Type": "application/json", **(headers or {})}, body)


@dataclass(slots=True)
class HttpServer:
    """An HTTP/1.1 server that answers with what `handler` says."""

    handler: Handler
    address: str = ""
    asked: list[ReceivedRequest] = field(default_factory=list)
    connections: int = 0
    concurrent: int = 0
    max_concurrent: int = 0

    def targets(self) -> list[str]:
        return [f"{asked.method} {asked.target}" for asked in self.asked]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            while asked := await read_request(reader):
                self.asked.append(asked)
                self.concurrent += 1
                self.max_concurrent = max(self.max_concurrent, self.concurrent)
                try:
                    reply = self.handler(asked)
                    await asyncio.sleep(reply.delay)
                finally:
                    self.concurrent -= 1
                if not reply.status or not await write_reply(writer, asked.method, reply):
                    break
        writer.close()


@asynccontextmanager
async def run_server(
    handler: Handler, identity: KeyPair | None = None, client_ca: bytes = b"", *, host: str = HOST
) -> AsyncIterator[HttpServer]:
    """Run a server on a free port; with `identity` over TLS, and then only for clients of `client_ca`, if given."""
    server = HttpServer(handler)
    context = None
    if identity:
        context = identity.server_context()
        if client_ca:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(cadata=client_ca.decode())
    async with run_listener(server.serve, context, host=host) as address:
        server.address = address
        yield server


@asynccontextmanager
async def run_listener(
    serve: Serve, context: ssl.SSLContext | None = None, *, host: str = HOST, port: int = 0
) -> AsyncIterator[str]:
    """Listen, and give each connection to `serve`; yield the address. Raises OSError where there is no `host`."""
    tasks: set[asyncio.Task[None]] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            with suppress(asyncio.CancelledError):
                await serve(reader, writer)
        finally:
            writer.transport.abort()
            tasks.discard(task)

    listener = await asyncio.start_server(connected, host, port, ssl=context)
    try:
        yield f"{f'[{host}]' if ':' in host else host}:{listener.sockets[0].getsockname()[1]}"
    finally:
        listener.close()
        for task in tuple(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def read_request(reader: asyncio.StreamReader) -> ReceivedRequest | None:
    """Return the next request; None when there is none, or when somebody begins to speak TLS."""
    start = await reader.read(1)
    if start in {b"", b"\x16"}:
        return None
    head = start + await reader.readuntil(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").strip().split("\r\n")
    method, target, _ = first.split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return ReceivedRequest(method, target, headers, await reader.readexactly(int(headers.get("content-length", 0))))


async def write_reply(writer: asyncio.StreamWriter, method: str, reply: Reply) -> bool:
    """Return whether the connection may be used again."""
    headers = {"Content-Length": str(len(reply.body)), **reply.headers}
    lines = [f"HTTP/1.1 {reply.status} X", *(f"{name}: {value}" for name, value in headers.items())]
    writer.write(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"))
    body = b"" if method == "HEAD" else reply.body[: reply.cut]
    if reply.drip:
        for byte in body:
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(reply.drip)
    else:
        writer.write(body)
    await writer.drain()
    return reply.cut is None


@dataclass(slots=True)
class RegistryHandler:
    """A handler that behaves, but for the faults."""

    repos: dict[str, list[str]]
    auth: str = "none"
    """`none`, `basic` or `bearer`."""
    users: dict[str, str] = field(default_factory=dict)
    page_size: int = 1000
    realm: str = ""
    """Of the token service; its path is /token wherever it is."""
    lifetime: int | None = 300
    faults: list[Reply] = field(default_factory=list)
    """Answers to the next requests for tags or manifests, each once."""
    digests: dict[str, str] = field(default_factory=dict)
    tokens: list[str] = field(default_factory=list)
    """Tokens given out; those removed are no longer good."""
    issued: int = 0

    def __call__(self, asked: ReceivedRequest) -> Reply:
        if asked.path == "/token":
            return self.token(asked)
        if not self.admits(asked):
            return diagnostics(401, "UNAUTHORIZED", "authentication required", self.challenge())
        if asked.path == "/v2/":
            return Reply(body=b"{}")
        if self.faults:
            return self.faults.pop(0)
        repo, _, rest = asked.path.removeprefix("/v2/").partition("/tags/" if "/tags/" in asked.path else "/manifests/")
        if repo not in self.repos:
            return diagnostics(404, "NAME_UNKNOWN", "repository name not known to registry")
        return self.tags(asked, repo) if rest == "list" else self.manifest(rest)

    def challenge(self) -> dict[str, str]:
        if self.auth == "basic":
            return {"WWW-Authenticate": 'Basic realm="r"'}
        return {"WWW-Authenticate": f'Bearer realm="{self.realm}",service="registry"'}

    def admits(self, asked: ReceivedRequest) -> bool:
        kind, _, given = asked.headers.get("authorization", "").partition(" ")
        if self.auth == "basic":
            return kind == "Basic" and self.knows(given)
        return self.auth == "none" or (kind == "Bearer" and given in self.tokens)

    def knows(self, pair: str) -> bool:
        username, _, password = base64.b64decode(pair).decode().partition(":")
        return self.users.get(username) == password

    def token(self, asked: ReceivedRequest) -> Reply:
        kind, _, pair = asked.headers.get("authorization", "").partition(" ")
        by_password = kind == "Basic" and self.knows(pair)
        by_identity = b"refresh_token=identity" in asked.body
        if self.users and not by_password and not by_identity:
            return diagnostics(401, "UNAUTHORIZED", "wrong password")
        self.issued += 1
        self.tokens.append(f"token-{self.issued}")
        answer = {"access_token" if by_identity else "token": self.tokens[-1]}
        return Reply(body=json.dumps(answer | ({"expires_in": self.lifetime} if self.lifetime else {})).encode())

    def tags(self, asked: ReceivedRequest, repo: str) -> Reply:
        tags, last = sorted(self.repos[repo]), asked.target.partition("last=")[2].partition("&")[0]
        page = [tag for tag in tags if tag > last][: self.page_size]
        more = bool(page) and page[-1] != tags[-1]
        link = {"Link": f'</v2/{repo}/tags/list?last={page[-1]}&n=1000>; rel="next"'} if more else {}
        body = json.dumps({"name": repo, "tags": page}).encode()
        return Reply(200, {"Content-Type": "application/json", **link}, body)

    def manifest(self, tag: str) -> Reply:
        digest = self.digests.get(tag)
        return Reply(headers={"Docker-Content-Digest": digest} if digest else {}, body=f"manifest of {tag}".encode())
