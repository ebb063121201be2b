"""HTTP/1.1 to whoever is asked, without a proxy that speaks HTTP, with a pool of its own.

httpcore's pool looks at all its connections for each request, which costs 0.7 ms with 4 requests in flight and 1.3 with
20; this one costs a tenth (docs/decisions.md, "Three HTTP stacks"). The protocol itself is h11's, as there. What is
raised is what httpx documents.
"""

import asyncio
import ssl
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Final

import h11
import httpcore
import httpx

from controllers.registry.answers import OpenAnswer, decode_headers
from controllers.registry.network import MeteredStream

MAX_HEAD_BYTES: Final = 100 << 10
"""Of an answer, as much as httpcore takes."""
READ_BYTES: Final = 64 << 10
_NO_ANSWER: Final = "Server disconnected without sending a response."

HostPort = tuple[str, str, int]
"""Scheme, host and port."""


@dataclass(frozen=True, slots=True)
class DirectRequest:
    """One request, in the form in which it is sent."""

    method: str
    where: HostPort
    path: bytes
    """With the query."""
    headers: Sequence[tuple[bytes, bytes]]
    """All but the length of the body."""
    body: bytes = b""
    url: str = ""
    connect_seconds: float | None = None


class DirectTransport(httpx.AsyncBaseTransport):
    """Used from one event loop, by any number of tasks. A transport of httpx only so that its client holds it."""

    def __init__(
        self,
        backend: httpcore.AsyncNetworkBackend,
        context: ssl.SSLContext,
        *,
        max_connections: int,
        max_idle: int,
        keepalive_seconds: float,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """backend: how connections are made. max_connections: in use at a time; others wait."""
        self._backend = backend
        self._context = context
        context.set_alpn_protocols(["http/1.1"])
        self._in_use = asyncio.Semaphore(max_connections)
        self._max_idle = max_idle
        self._keepalive_seconds = keepalive_seconds
        self._monotonic = monotonic
        self._idle: dict[HostPort, list[Connection]] = {}
        self._by_age: OrderedDict[Connection, HostPort] = OrderedDict()
        """Those that are idle, longest first."""

    async def exchange(self, request: DirectRequest) -> OpenAnswer:
        """Send one request; its answer is read by whoever reads the body. Raises httpx.TransportError."""
        await self._in_use.acquire()
        try:
            with _as_httpx():
                connection = await self._take(request.where) or await self._connect(request)
                return await self._exchange(request, connection)
        except BaseException:
            self._in_use.release()
            raise

    async def aclose(self) -> None:
        """Close all connections that nobody uses; those in use are closed when their answers are."""
        self._max_idle = 0
        self._idle.clear()
        while self._by_age:
            connection, _ = self._by_age.popitem()
            await connection.aclose()

    async def _exchange(self, request: DirectRequest, connection: "Connection") -> OpenAnswer:
        try:
            answer = await connection.send(request)
        except BaseException:
            await connection.aclose()
            raise

        async def release() -> None:
            self._in_use.release()
            await self._put_back(connection, request.where)

        body, stream = _Body(connection, release), connection.stream
        return OpenAnswer(
            answer.status_code,
            decode_headers(answer.headers),
            request.url,
            body,
            stream if isinstance(stream, MeteredStream) else None,
            body.aclose,
        )

    async def _connect(self, request: DirectRequest) -> "Connection":
        seconds = request.connect_seconds
        scheme, host, port = request.where
        stream = await self._backend.connect_tcp(host, port, timeout=seconds)
        if scheme == "https":
            try:
                stream = await stream.start_tls(self._context, server_hostname=host, timeout=seconds)
            except BaseException:
                await stream.aclose()
                raise
        return Connection(stream)

    async def _take(self, where: HostPort) -> "Connection | None":
        """Return the connection that was used last and still stands."""
        while idle := self._idle.get(where):
            connection = idle.pop()
            if not idle:
                del self._idle[where]
            del self._by_age[connection]
            if not self._is_too_old(connection) and not connection.stream.get_extra_info("is_readable"):
                return connection
            await connection.aclose()
        return None

    async def _put_back(self, connection: "Connection", where: HostPort) -> None:
        if not connection.begin_next():
            await connection.aclose()
            return
        connection.idle_since = self._monotonic()
        self._idle.setdefault(where, []).append(connection)
        self._by_age[connection] = where
        while self._by_age:
            oldest = next(iter(self._by_age))
            if len(self._by_age) <= self._max_idle and not self._is_too_old(oldest):
                return
            self._forget(oldest)
            await oldest.aclose()

    def _forget(self, connection: "Connection") -> None:
        where = self._by_age.pop(connection)
        self._idle[where].remove(connection)
        if not self._idle[where]:
            del self._idle[where]

    def _is_too_old(self, connection: "Connection") -> bool:
        return self._monotonic() - connection.idle_since > self._keepalive_seconds


class Connection:
    """One connection, which carries one request at a time."""

    def __init__(self, stream: httpcore.AsyncNetworkStream) -> None:
        self.stream = stream
        self.idle_since = 0.0
        self._http = h11.Connection(h11.CLIENT, max_incomplete_event_size=MAX_HEAD_BYTES)

    async def send(self, request: DirectRequest) -> h11.Response:
        """Return the head of the answer. Raises what httpcore documents."""
        length = [(b"Content-Length", str(len(request.body)).encode())] if request.body else []
        try:
            head = h11.Request(method=request.method, target=request.path, headers=[*request.headers, *length])
            parts = [self._http.send(head)]
            if request.body:
                parts.append(self._http.send(h11.Data(data=request.body)))
            parts.append(self._http.send(h11.EndOfMessage()))
        except h11.LocalProtocolError as error:
            raise httpcore.LocalProtocolError(error) from error
        with suppress(httpcore.WriteError):  # a server may answer before it has read all, and hang up
            await self.stream.write(b"".join(part for part in parts if part))
        while True:
            event = await self._next_event()
            if isinstance(event, h11.Response):
                return event

    async def body(self) -> AsyncIterator[bytes]:
        """Yield the body as it comes. Raises what httpcore documents."""
        while True:
            event = await self._next_event()
            if isinstance(event, h11.Data):
                yield bytes(event.data)
            elif isinstance(event, h11.EndOfMessage) or event is h11.PAUSED:
                return

    def begin_next(self) -> bool:
        """Return whether the connection is ready for another request: both sides are done and want to go on."""
        if self._http.our_state is not h11.DONE or self._http.their_state is not h11.DONE:
            return False
        if self._http.trailing_data[0]:
            return False  # an answer to nothing would be taken for that to the next request
        self._http.start_next_cycle()
        return True

    async def aclose(self) -> None:
        await self.stream.aclose()

    async def _next_event(self) -> h11.Event | type[h11.PAUSED]:
        while True:
            try:
                event = self._http.next_event()
                if event is not h11.NEED_DATA:
                    return event  # type: ignore[return-value]  # mypy does not narrow sentinels
                data = await self.stream.read(READ_BYTES)
                if not data and self._http.their_state is h11.SEND_RESPONSE:
                    raise httpcore.RemoteProtocolError(_NO_ANSWER)
                self._http.receive_data(data)
            except h11.RemoteProtocolError as error:
                raise httpcore.RemoteProtocolError(error) from error


class _Body:
    """The body of an answer; closing it gives the connection back."""

    def __init__(self, connection: Connection, release: Callable[[], Awaitable[None]]) -> None:
        self._connection = connection
        self._release = release
        self._is_closed = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        with _as_httpx():
            async for chunk in self._connection.body():
                yield chunk

    async def aclose(self) -> None:
        if not self._is_closed:
            self._is_closed = True
            await self._release()


@contextmanager
def _as_httpx() -> Iterator[None]:
    """Turn errors of httpcore into those of httpx, which bear the same names."""
    try:
        yield
    except (httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError, httpcore.ProxyError) as error:
        named: type[httpx.TransportError] = getattr(httpx, type(error).__name__)
        raise named(str(error)) from error
