"""The two directions of a connection. What has arrived and is not asked for is bounded: the socket is not read then."""

import asyncio
import ssl
from collections.abc import Callable
from typing import Final

HIGH_WATER_BYTES: Final = 128 << 10


class Wire(asyncio.Protocol):
    """One connection. Used by one task."""

    def __init__(self, on_connection: Callable[["Wire"], None]) -> None:
        self._on_connection = on_connection
        self._buffer = bytearray()
        self._ended = False
        self._readable: asyncio.Future[None] | None = None
        self._writable: asyncio.Future[None] | None = None
        self._paused = self._is_secure = False
        self._closed = asyncio.Event()
        self.transport: asyncio.Transport
        self.peer = ""
        """Address of the other side, without the port."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        transport.pause_reading()
        self._paused = True
        name = transport.get_extra_info("peername")
        self.peer = str(name[0]) if name else ""
        self._on_connection(self)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if len(self._buffer) > HIGH_WATER_BYTES and not self._paused:
            self._paused = True
            self.transport.pause_reading()
        _wake(self._readable)

    def eof_received(self) -> bool:
        self._ended = True
        _wake(self._readable)
        return not self._is_secure  # the answer is still to be sent; TLS ends in both directions

    def connection_lost(self, exc: Exception | None) -> None:
        self._ended = True
        self._closed.set()
        _wake(self._readable)
        _wake(self._writable)

    def pause_writing(self) -> None:
        self._writable = asyncio.get_running_loop().create_future()

    def resume_writing(self) -> None:
        _wake(self._writable)
        self._writable = None

    @property
    def is_closed(self) -> bool:
        """Whether nothing can be sent any more."""
        return self._closed.is_set() or self.transport.is_closing()

    async def start_tls(self, context: ssl.SSLContext, *, seconds: float) -> None:
        """Do the handshake as the server. Raises OSError, of which TLS errors are some, and TimeoutError."""
        secured = await asyncio.get_running_loop().start_tls(
            self.transport, self, context, server_side=True, ssl_handshake_timeout=seconds
        )
        if secured is None:
            raise ConnectionResetError
        self.transport = secured
        self._paused, self._is_secure = False, True

    async def read(self) -> bytes:
        """Return what has arrived, once it is anything; empty at the end of the stream."""
        while not self._buffer and not self._ended:
            if self._paused:
                self._paused = False
                self.transport.resume_reading()
            self._readable = asyncio.get_running_loop().create_future()
            try:
                await self._readable
            finally:
                self._readable = None
        data = bytes(self._buffer)
        self._buffer.clear()
        return data

    def write(self, data: bytes) -> None:
        """Send; what the other side does not read is kept."""
        if not self.is_closed:
            self.transport.write(data)

    @property
    def is_clogged(self) -> bool:
        """Whether the other side reads more slowly than it is sent to."""
        return self._writable is not None

    async def drain(self) -> None:
        """Return when the other side reads, or will not any more."""
        if self._writable is not None:
            await self._writable

    async def close(self) -> None:
        """Send what is left and close."""
        self.transport.close()
        await self._closed.wait()

    def abort(self) -> None:
        """Close at once; what has not been sent is lost."""
        self.transport.abort()


def _wake(waiter: "asyncio.Future[None] | None") -> None:
    if waiter is not None and not waiter.done():
        waiter.set_result(None)
