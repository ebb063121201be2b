"""Enough of an HTTP server for probes and scrapes: GET, one answer a connection, everything bounded.

Whoever reaches the port may be hostile: pods of all namespaces may read the metrics. No peer can therefore keep another
out. When there are too many connections, one of the peer with the most of them is closed: the oldest that has not sent
its request yet, else the oldest. Kubelet, at an address of its own with one connection at a time, is always answered.

`aiohttp.web` would do the same for 2.5 MB of memory more in each process, without that rule.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

HEAD_SECONDS: Final = 5
"""For a request to arrive as a whole, however its bytes are spread."""
EXCHANGE_SECONDS: Final = 15
"""For a connection from its begin to its end; Prometheus waits for 10 by default."""
MAX_HEAD_BYTES: Final = 8 << 10
MAX_CONNECTIONS: Final = 32
_WRITE_BYTES: Final = 64 << 10
"""Written at once: what a connection that reads nothing can hold, beyond the answer that all share."""


@dataclass(frozen=True, slots=True)
class Response:
    """A complete response."""

    body: bytes
    status: HTTPStatus = HTTPStatus.OK
    content_type: str = "text/plain; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Request:
    """What a page may want to know of a request."""

    accept: str = ""
    """The Accept header."""
    query: str = ""
    """Behind the question mark, as it came."""


RequestHandler = Callable[[Request], Awaitable[Response]]


def parse_address(address: str) -> tuple[str | None, int]:
    """Return host (None: all interfaces) and port of a Go listen address (`:8080`, `127.0.0.1:0`, `[::1]:80`).

    Raises ValueError for anything else.
    """
    host, colon, port = address.rpartition(":")
    if not colon or not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise ValueError(f"{address!r} is not an address to listen on; want [host]:port")
    return host.strip("[]") or None, int(port)


@dataclass(eq=False, slots=True)
class Connection:
    """One that is open."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    has_asked: bool = False
    """Its request has arrived."""

    @property
    def peer(self) -> str:
        """The address of the other side."""
        name = self.writer.get_extra_info("peername")
        return str(name[0]) if name else ""

    def abort(self) -> None:
        """Close at once; what has not been sent is lost."""
        self.writer.transport.abort()


class HttpServer:
    """Serves fixed paths on one address."""

    def __init__(self, address: str, routes: Mapping[str, RequestHandler]) -> None:
        self._host, self._port = parse_address(address)
        self._routes = routes
        self._server: asyncio.Server | None = None
        self._open: dict[Connection, asyncio.Task[None]] = {}
        """Oldest first."""

    async def start(self) -> None:
        """Listen. Raises OSError when the address is not available."""
        self._server = await asyncio.start_server(
            self._accept, self._host, self._port, limit=MAX_HEAD_BYTES, reuse_address=True
        )

    @property
    def port(self) -> int:
        """The port in use; for port 0 the one that was picked."""
        if self._server is None:
            raise RuntimeError("not listening yet")
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    @property
    def connection_count(self) -> int:
        """The number of connections that are open."""
        return len(self._open)

    async def stop(self) -> None:
        """Close the port and all connections."""
        if self._server is None:
            return
        self._server.close()
        tasks = list(self._open.values())
        for connection in list(self._open):
            self._close(connection)
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._server.wait_closed()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve a connection in a task of its own; where it is one too many, another has to go."""
        if len(self._open) >= MAX_CONNECTIONS:
            self._close(self._choose_to_close())
        connection = Connection(reader, writer)
        task = self._open[connection] = asyncio.ensure_future(self._serve(connection))
        task.add_done_callback(lambda _: self._open.pop(connection, None))

    def _choose_to_close(self) -> Connection:
        """Return a connection of a peer that has as many as any other: one without a request first, then the oldest."""
        counts = Counter(connection.peer for connection in self._open)
        most = max(counts.values())
        candidates = [connection for connection in self._open if counts[connection.peer] == most]
        return next((connection for connection in candidates if not connection.has_asked), candidates[0])

    def _close(self, connection: Connection) -> None:
        self._open.pop(connection).cancel()
        connection.abort()  # a task that is cancelled before it has begun does nothing any more

    async def _serve(self, connection: Connection) -> None:
        try:
            async with asyncio.timeout(EXCHANGE_SECONDS):
                await self._exchange(connection)
                connection.writer.close()
                await connection.writer.wait_closed()
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # the peer's problem
        finally:
            connection.abort()  # closing in order waits for a peer that reads nothing

    async def _exchange(self, connection: Connection) -> None:
        async with asyncio.timeout(HEAD_SECONDS):
            head = await connection.reader.readuntil(b"\r\n\r\n")
        connection.has_asked = True
        method, _, rest = head.split(b"\r\n", 1)[0].decode("latin-1").partition(" ")
        path, _, query = rest.partition(" ")[0].partition("?")
        route = self._routes.get(path)
        if method not in ("GET", "HEAD"):
            answer = Response(b"only GET is served here\n", HTTPStatus.METHOD_NOT_ALLOWED)
        elif route is None:
            answer = Response(b"no such page\n", HTTPStatus.NOT_FOUND)
        else:
            answer = await route(Request(_find_header(head, b"accept"), query))
        await _send(connection.writer, answer, with_body=method != "HEAD")


def _find_header(head: bytes, name: bytes) -> str:
    """Return all values of a header, joined by commas (RFC 9110, section 5.3); empty without one."""
    fields = (line.partition(b":") for line in head.split(b"\r\n")[1:])
    return ",".join(value.strip().decode("latin-1") for key, _, value in fields if key.lower() == name)


async def _send(writer: asyncio.StreamWriter, answer: Response, *, with_body: bool) -> None:
    lines = (
        f"HTTP/1.1 {answer.status.value} {answer.status.phrase}",
        f"Content-Type: {answer.content_type}",
        f"Content-Length: {len(answer.body)}",
        "X-Content-Type-Options: nosniff",
        "Connection: close",
    )
    writer.write("\r\n".join(lines).encode() + b"\r\n\r\n")
    body = memoryview(answer.body if with_body else b"")
    for start in range(0, len(body), _WRITE_BYTES):
        writer.write(body[start : start + _WRITE_BYTES])
        await writer.drain()
    await writer.drain()
