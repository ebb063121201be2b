"""Reads a body: whole, or not at all.

What arrives costs work by the piece: a chunk of one byte costs as much as one of a thousand. So reads and chunks are
counted, and others get their turn in between.
"""

import asyncio
from types import TracebackType
from typing import Final, Self

import h11

from controllers.hookserver.head import BadRequest, Head
from controllers.hookserver.limits import Limits
from controllers.hookserver.memory import BodyMemory
from controllers.hookserver.wire import Wire

YIELD_EVERY: Final = 32
STEP_BYTES: Final = 256 << 10
"""So much memory a body that does not say its length takes at a time."""


class Overloaded(Exception):
    """There is no memory for a large body now."""


class BodyReader:
    """Reads one body, and holds memory for it until it is left: the request is alive as long as that."""

    def __init__(self, wire: Wire, limits: Limits, memory: BodyMemory, source: str) -> None:
        self._wire = wire
        self._limits = limits
        self._memory = memory
        self._source = source
        self._held = 0
        self._pieces = 0
        """Reads and chunks so far."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._held:
            self._memory.give_back(self._source, self._held)

    def check(self, head: Head) -> None:
        """Take the memory for a body that says how long it is. Raises BadRequest, Overloaded."""
        if head.length is None:
            return
        if head.length > self._limits.body_bytes:
            raise BadRequest(413, "TooLarge")
        self._hold(head.length)

    async def read_length(self, begun: bytes, length: int) -> tuple[bytes, bytes]:
        """Return a body of that length, and what came behind it. Raises BadRequest, ConnectionResetError.

        begun: what has arrived of it
        """
        parts, size = [begun], len(begun)
        while size < length:
            parts.append(await self._receive())
            size += len(parts[-1])
            self._check_pieces(size)
        whole = b"".join(parts)
        return whole[:length], whole[length:]

    async def read_chunks(self, begun: bytes, parser: h11.Connection) -> tuple[bytes, bytes]:
        """Return a body in chunks, and what came behind it. Raises BadRequest, Overloaded, ConnectionResetError."""
        if begun:
            parser.receive_data(begun)
        parts: list[bytes] = []
        size = received = 0
        while True:
            event = _next(parser)
            if event is h11.NEED_DATA:
                data = await self._receive()
                received += len(data)
                if received > 2 * self._limits.body_bytes:
                    raise BadRequest(413, "TooLarge")
                self._check_pieces(size)
                parser.receive_data(data)
            elif isinstance(event, h11.Data):
                size, self._pieces = size + len(event.data), self._pieces + 1
                if size > self._limits.body_bytes:
                    raise BadRequest(413, "TooLarge")
                self._check_pieces(size)
                self._hold(size)
                parts.append(bytes(event.data))
                if self._pieces % YIELD_EVERY == 0:
                    await asyncio.sleep(0)
            elif isinstance(event, h11.EndOfMessage):
                return b"".join(parts), parser.trailing_data[0]
            else:
                raise ConnectionResetError

    async def _receive(self) -> bytes:
        data = await self._wire.read()
        if not data:
            raise ConnectionResetError
        self._pieces += 1
        return data

    def _check_pieces(self, size: int) -> None:
        if self._pieces > self._limits.free_pieces + size // self._limits.bytes_per_piece:
            raise BadRequest(413, "TooManyPieces")

    def _hold(self, size: int) -> None:
        """Take memory for a body of that size; of chunks in steps, so that there are few."""
        needed = size - self._limits.small_body_bytes - self._held
        if needed <= 0:
            return
        step = min(max(needed, STEP_BYTES), self._limits.body_bytes)
        if not self._memory.take(self._source, step):
            raise Overloaded
        self._held += step


def _next(parser: h11.Connection) -> object:
    try:
        return parser.next_event()
    except h11.RemoteProtocolError:
        raise BadRequest(400, "InvalidRequest") from None
