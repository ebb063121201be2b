"""Enough of an HTTP server for probes and scrapes: GET, one answer a connection, everything bounded.

`aiohttp.web` would do the same for 2.5 MB of memory more in each process.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus

_REQUEST_SECONDS = 10
_MAX_REQUEST_BYTES = 16 << 10
_MAX_CONNECTIONS = 32


@dataclass(frozen=True, slots=True)
class Response:
    """A complete response."""

    body: bytes
    status: HTTPStatus = HTTPStatus.OK
    content_type: str = "text/plain; charset=utf-8"


RequestHandler = Callable[[], Awaitable[Response]]


def parse_address(address: str) -> tuple[str | None, int]:
    """Return host (None: all interfaces) and port of a Go listen address (`:8080`, `127.0.0.1:0`, `[::1]:80`).

    Raises ValueError for anything else.
    """
    host, colon, port = address.rpartition(":")
    if not colon or not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise ValueError(f"{address!r} is not an address to listen on; want [host]:port")
    return host.strip("[]") or None, int(port)


class HttpServer:
    """Serves fixed paths on one address."""

    def __init__(self, address: str, routes: Mapping[str, RequestHandler]) -> None:
        self._host, self._port = parse_address(address)
        self._routes = routes
        self._server: asyncio.Server | None = None
        self._open = 0

    async def start(self) -> None:
        """Listen. Raises OSError when the address is not available."""
        self._server = await asyncio.start_server(
            self._serve, self._host, self._port, limit=_MAX_REQUEST_BYTES, reuse_address=True
        )

    @property
    def port(self) -> int:
        """The port in use; for port 0 the one that was picked."""
        if self._server is None:
            raise RuntimeError("not listening yet")
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open += 1
        try:
            if self._open <= _MAX_CONNECTIONS:
                async with asyncio.timeout(_REQUEST_SECONDS):
                    await self._exchange(reader, writer)
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # the peer's problem
        finally:
            self._open -= 1
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        method, _, rest = head.split(b"\r\n", 1)[0].decode("latin-1").partition(" ")
        path = rest.partition(" ")[0].partition("?")[0]
        route = self._routes.get(path)
        if method not in ("GET", "HEAD"):
            answer = Response(b"only GET is served here\n", HTTPStatus.METHOD_NOT_ALLOWED)
        elif route is None:
            answer = Response(b"no such page\n", HTTPStatus.NOT_FOUND)
        else:
            answer = await route()
        lines = (
            f"HTTP/1.1 {answer.status.value} {answer.status.phrase}",
            f"Content-Type: {answer.content_type}",
            f"Content-Length: {len(answer.body)}",
            "X-Content-Type-Options: nosniff",
            "Connection: close",
        )
        writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + (b"" if method == "HEAD" else answer.body))
        await writer.drain()
