"""Connections over asyncio alone, for httpcore: it brings a backend over anyio, which costs three times the CPU.

httpcore says how a connection is asked for, read, written and wrapped in TLS (`httpcore.AsyncNetworkStream`); errors
are those that it documents.
"""

import asyncio
import select
import ssl
from collections.abc import Iterable
from typing import Any, Final, cast

import httpcore

READ_AHEAD_BYTES: Final = 256 << 10
"""Kept before whoever sends has to wait."""


class AsyncioBackend(httpcore.AsyncNetworkBackend):
    """Connects over TCP in the running event loop."""

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Return a connection. Raises httpcore.ConnectTimeout and httpcore.ConnectError."""
        local = (local_address, 0) if local_address else None
        try:
            async with asyncio.timeout(timeout):
                connecting = asyncio.get_running_loop().create_connection(_Incoming, host, port, local_addr=local)
                transport, incoming = await connecting
        except TimeoutError as error:
            raise httpcore.ConnectTimeout(error) from error
        except OSError as error:
            raise httpcore.ConnectError(error) from error
        for option in socket_options or ():
            transport.get_extra_info("socket").setsockopt(*option)
        return AsyncioStream(transport, incoming)


class AsyncioStream(httpcore.AsyncNetworkStream):
    """One connection; read by one task at a time."""

    def __init__(self, transport: asyncio.Transport, incoming: "_Incoming") -> None:
        self._transport = transport
        self._incoming = incoming

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Return what has come, b"" at the end. Raises httpcore.ReadTimeout and httpcore.ReadError."""
        try:
            async with asyncio.timeout(timeout):
                await self._incoming.wait()
        except TimeoutError as error:
            raise httpcore.ReadTimeout(error) from error
        except OSError as error:
            raise httpcore.ReadError(error) from error
        return self._incoming.take(max_bytes)

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Send. Raises httpcore.WriteTimeout and httpcore.WriteError."""
        if not buffer:
            return
        if self._transport.is_closing():
            raise httpcore.WriteError("the connection is closed")
        self._transport.write(buffer)
        try:
            async with asyncio.timeout(timeout):
                await self._incoming.wait_writable()
        except TimeoutError as error:
            raise httpcore.WriteTimeout(error) from error
        except OSError as error:
            raise httpcore.WriteError(error) from error

    async def aclose(self) -> None:
        """Close at once: nobody waits for what was not sent, nor for TLS to say good-bye."""
        self._transport.abort()
        await asyncio.sleep(0)

    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.AsyncNetworkStream:
        """Return the connection within TLS. Raises httpcore.ConnectTimeout and httpcore.ConnectError."""
        loop, incoming = asyncio.get_running_loop(), _Incoming()
        try:
            async with asyncio.timeout(timeout):
                transport = await loop.start_tls(
                    self._transport, incoming, ssl_context, server_hostname=server_hostname or ""
                )
        except TimeoutError as error:
            raise httpcore.ConnectTimeout(error) from error
        except OSError as error:  # ssl.SSLError is one
            self._transport.abort()
            cause = error if error.errno else _end_of_handshake()  # asyncio's own reset: the other side has hung up
            raise httpcore.ConnectError(cause) from cause
        if transport is None:
            raise httpcore.ConnectError(_end_of_handshake())
        incoming.connection_made(transport)
        return AsyncioStream(transport, incoming)

    def get_extra_info(self, info: str) -> Any:
        """Return what httpcore asks for: ssl_object, client_addr, server_addr, socket, is_readable."""
        match info:
            case "ssl_object" | "socket":
                return self._transport.get_extra_info(info)
            case "client_addr":
                return self._transport.get_extra_info("sockname")
            case "server_addr":
                return self._transport.get_extra_info("peername")
            case "is_readable":
                return self._incoming.is_readable or self._has_unread()
        return None

    def _has_unread(self) -> bool:
        """Whether the system has something that the event loop has not read yet."""
        socket = self._transport.get_extra_info("socket")
        if self._transport.is_closing() or socket.fileno() < 0:
            return True
        poll = select.poll()
        poll.register(socket.fileno(), select.POLLIN)
        return bool(poll.poll(0))


class _Incoming(asyncio.Protocol):
    """What came and was not taken yet, and whether more may be sent."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._received: list[bytes] = []
        self._size = 0
        self._is_over = False
        self._error: Exception | None = None
        self._is_paused = False
        self._cannot_write = False
        self._reader: asyncio.Future[None] | None = None
        self._writer: asyncio.Future[None] | None = None

    @property
    def is_readable(self) -> bool:
        """Whether something came, be it the end."""
        return bool(self._received) or self._is_over

    async def wait(self) -> None:
        """Return once something came, be it the end. Raises OSError with which the connection broke off."""
        while not self._received and not self._is_over:
            self._reader = asyncio.get_running_loop().create_future()
            try:
                await self._reader
            finally:
                self._reader = None
        if self._error and not self._received:
            raise self._error

    async def wait_writable(self) -> None:
        """Return once more may be sent. Raises OSError with which the connection broke off."""
        while self._cannot_write and not self._is_over:
            self._writer = asyncio.get_running_loop().create_future()
            try:
                await self._writer
            finally:
                self._writer = None
        if self._error:
            raise self._error

    def take(self, max_bytes: int) -> bytes:
        """Return and forget at most so many bytes."""
        data = self._received[0] if len(self._received) == 1 else b"".join(self._received)
        rest = data[max_bytes:]
        self._received, self._size = [rest] if rest else [], len(rest)
        if self._is_paused and self._size < READ_AHEAD_BYTES and self._transport:
            self._is_paused = False
            self._transport.resume_reading()
        return data[:max_bytes] if rest else data

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._received.append(bytes(data))
        self._size += len(data)
        if self._size >= READ_AHEAD_BYTES and not self._is_paused and self._transport:
            self._is_paused = True
            self._transport.pause_reading()
        _wake(self._reader)

    def eof_received(self) -> bool:
        self._is_over = True
        _wake(self._reader)
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._is_over = True
        if exc is not None:
            self._error = exc if isinstance(exc, OSError) else OSError(str(exc))
        _wake(self._reader)
        _wake(self._writer)

    def pause_writing(self) -> None:
        self._cannot_write = True

    def resume_writing(self) -> None:
        self._cannot_write = False
        _wake(self._writer)


def _end_of_handshake() -> ssl.SSLEOFError:
    """Return what OpenSSL raises when it waits for more of a handshake."""
    error = ssl.SSLEOFError(ssl.SSL_ERROR_EOF, "unexpected eof while reading")
    error.reason = "UNEXPECTED_EOF_WHILE_READING"
    return error


def _wake(waiter: asyncio.Future[None] | None) -> None:
    if waiter is not None and not waiter.done():
        waiter.set_result(None)
