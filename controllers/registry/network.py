"""Connections as we make them for httpx: to checked addresses only, and with bounds on what a server can make us do.

A name is resolved once; only addresses that the policy allows are connected to, so a name cannot lead elsewhere the
second time. What a server sends costs work by the piece, not by the byte: one byte in a chunk or record of its own
costs as much as a thousand. Before the body begins, pieces are counted here, because the HTTP library reads on by
itself over any number of interim answers (1xx); those of a body are counted where it is read (`transport`).
"""

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any

import httpcore

from controllers.net.destinations import Destinations
from controllers.registry.errors import ResponseTooLarge
from controllers.registry.lookups import Lookups
from controllers.registry.metering import MAX_HEAD_BYTES, MAX_HEAD_LINES, MAX_HEAD_READS, YIELD_EVERY
from controllers.registry.streams import AsyncioBackend

HEAD_PIECE_BYTES = 2 << 10
"""Handed on at a time before the body: what the HTTP library gets in one piece it works through without a pause."""
NEXT_ADDRESS_DELAY = 0.25
"""Seconds until the next address is tried beside one that has not answered (RFC 8305 section 5)."""

Connect = Callable[[], Awaitable[httpcore.AsyncNetworkStream]]


class GuardedBackend(httpcore.AsyncNetworkBackend):
    """Connects to the addresses that a policy allows."""

    def __init__(self, destinations: Destinations | None, lookups: Lookups) -> None:
        """destinations: None where the operator has named the host, as in the proxy of the environment."""
        self._destinations = destinations
        self._lookups = lookups
        self._direct = AsyncioBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Return a connection. Raises DestinationRefused when the host has no address that is allowed."""

        def attempt(address: str) -> Connect:
            return lambda: self._direct.connect_tcp(address, port, None, local_address, socket_options)

        try:
            async with asyncio.timeout(timeout):
                addresses = self._allowed(host, await self._lookups.addresses(host, port))
                return MeteredStream(await _connect_first([attempt(address) for address in addresses]))
        except TimeoutError as error:
            raise httpcore.ConnectTimeout from error

    def _allowed(self, host: str, addresses: Sequence[str]) -> Sequence[str]:
        return addresses if self._destinations is None else self._destinations.allowed_of(host, addresses)


class MeteredStream(httpcore.AsyncNetworkStream):
    """A connection that hands on an answer in short pieces, few and with pauses, until its body begins."""

    def __init__(self, stream: httpcore.AsyncNetworkStream) -> None:
        self._stream = stream
        self._in_head = False
        self._buffer = b""
        """What was read beyond the piece that was handed on."""
        self._reads = 0
        self.head_reads = 0
        self.head_lines = 0
        self.head_bytes = 0

    def end_head(self) -> None:
        """Take note that the answer's body begins: longer pieces are fine from here on."""
        self._in_head = False

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Return what has come. Raises ResponseTooLarge for an answer that does not begin for too long."""
        self._reads += 1
        if self._reads % YIELD_EVERY == 0:
            await asyncio.sleep(0)  # neither the buffer nor TLS, with what it has decrypted, makes a pause
        data = self._buffer or await self._stream.read(max_bytes, timeout)
        length = min(max_bytes, HEAD_PIECE_BYTES) if self._in_head else max_bytes
        data, self._buffer = data[:length], data[length:]
        if self._in_head:
            self._count(data)
        return data

    def _count(self, data: bytes) -> None:
        self.head_reads += 1
        self.head_bytes += len(data)
        self.head_lines += data.count(b"\n")
        if self.head_reads > MAX_HEAD_READS or self.head_bytes > MAX_HEAD_BYTES or self.head_lines > MAX_HEAD_LINES:
            raise ResponseTooLarge(
                f"the answer does not begin within {MAX_HEAD_LINES} lines of headers and interim answers, "
                f"{MAX_HEAD_BYTES} bytes and {MAX_HEAD_READS} pieces"
            )

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Send; what comes next is the head of an answer."""
        if not self._in_head:
            self._in_head, self.head_reads, self.head_lines, self.head_bytes = True, 0, 0, 0
        await self._stream.write(buffer, timeout)

    async def aclose(self) -> None:
        await self._stream.aclose()

    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.AsyncNetworkStream:
        return MeteredStream(await self._stream.start_tls(ssl_context, server_hostname, timeout))

    def get_extra_info(self, info: str) -> Any:
        if info == "is_readable" and self._buffer:
            return True  # an idle connection on which something was said: not to be used again
        return self._stream.get_extra_info(info)


async def _connect_first(attempts: Sequence[Connect]) -> httpcore.AsyncNetworkStream:
    """Return the first connection that is made, one attempt begun after the other; raise the first error if none is."""
    tasks: list[asyncio.Future[httpcore.AsyncNetworkStream]] = []
    try:
        for number, attempt in enumerate(attempts, 1):
            tasks.append(asyncio.ensure_future(attempt()))
            delay = NEXT_ADDRESS_DELAY if number < len(attempts) else None
            while running := [task for task in tasks if not task.done()]:
                await asyncio.wait(running, timeout=delay, return_when=asyncio.FIRST_COMPLETED)
                if connected := next((task for task in tasks if task.done() and not task.exception()), None):
                    tasks.remove(connected)
                    return connected.result()
                if delay is not None:
                    break
        return tasks[0].result()
    finally:
        await _abandon(tasks)


async def _abandon(tasks: Sequence[asyncio.Future[httpcore.AsyncNetworkStream]]) -> None:
    for task in tasks:
        task.cancel()
    for stream in await asyncio.gather(*tasks, return_exceptions=True):
        if not isinstance(stream, BaseException):
            await stream.aclose()
