"""Reads a body: whole, or not at all.

What arrives costs work by the piece: a chunk of one byte costs as much as one of a thousand. So chunks are counted, and
others get their turn in between.
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
        """Return a body of that length, and what came behind it. Raises ConnectionResetError.

        begun: what has arrived of it
        """
        parts, size = [begun], len(begun)
        while size < length:
            data = await self._wire.read()
            if not data:
                raise ConnectionResetError
            parts.append(data)
            size += len(data)
        whole = b"".join(parts)
        return whole[:length], whole[length:]

    async def read_chunks(self, begun: bytes, parser: h11.Connection) -> tuple[bytes, bytes]:
        """Return a body in chunks, and what came behind it. Raises BadRequest, Overloaded, ConnectionResetError."""
        if begun:
            parser.receive_data(begun)
        parts: list[bytes] = []
        size = pieces = received = 0
        while True:
            event = _next(parser)
            if event is h11.NEED_DATA:
                data = await self._wire.read()
                received += len(data)
                if not data:
                    raise ConnectionResetError
                if received > 2 * self._limits.body_bytes:
                    raise BadRequest(413, "TooLarge")
                parser.receive_data(data)
            elif isinstance(event, h11.Data):
                size, pieces = size + len(event.data), pieces + 1
                self._check_size(size, pieces)
                parts.append(bytes(event.data))
                if pieces % YIELD_EVERY == 0:
                    await asyncio.sleep(0)
            elif isinstance(event, h11.EndOfMessage):
                return b"".join(parts), parser.trailing_data[0]
            else:
                raise ConnectionResetError

    def _check_size(self, size: int, pieces: int) -> None:
        if size > self._limits.body_bytes:
            raise BadRequest(413, "TooLarge")
        if pieces > self._limits.free_pieces + size // self._limits.bytes_per_piece:
            raise BadRequest(413, "TooManyPieces")
        self._hold(size)

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
