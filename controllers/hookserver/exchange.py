"""One connection: request after request, each with its deadlines, until one side has had enough."""

import asyncio
from typing import Final

import h11

from controllers.clock import Clock
from controllers.hookserver.answer import Answer, Application, encode
from controllers.hookserver.body import BodyReader, Overloaded
from controllers.hookserver.head import END, BadRequest, Head, parse_head
from controllers.hookserver.limits import Limits
from controllers.hookserver.memory import BodyMemory
from controllers.hookserver.sources import Sources
from controllers.hookserver.wire import Wire
from controllers.webhooks.request import Request

CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"
LINGER_SECONDS: Final = 1.0
LINGER_BYTES: Final = 256 << 10
"""Read and thrown away behind an answer that comes early: to close with data unread takes the answer back (RFC 9112
section 9.6)."""
OVERLOADED: Final = Answer(503, "Overloaded", retry_after_seconds=1)
TOO_SLOW: Final = Answer(408, "TooSlow")
NOT_ANSWERED: Final = Answer(503, "NotAnsweredInTime", retry_after_seconds=5)


class Exchange:
    """Serves one connection."""

    def __init__(
        self,
        wire: Wire,
        application: Application,
        *,
        limits: Limits,
        memory: BodyMemory,
        sources: Sources,
        clock: Clock,
    ) -> None:
        self.wire = wire
        self._application = application
        self._limits = limits
        self._memory = memory
        self._sources = sources
        self._clock = clock
        self._unread = b""
        """What has arrived of the next request."""
        self.is_answering = False
        """A request has been read, and is not answered."""
        self.is_last = False
        """To be closed behind the answer under way."""

    async def run(self) -> None:
        """Serve until the connection is to be closed."""
        for _ in range(self._limits.requests_per_connection):
            if not await self._serve_one() or self.is_last:
                break
        async with asyncio.timeout(self._limits.write_seconds):
            await self.wire.close()

    async def _serve_one(self) -> bool:
        """Serve one request; return whether there may be another one."""
        if not self._unread:
            async with asyncio.timeout(self._limits.idle_seconds):
                self._unread = await self.wire.read()
        if not self._unread:
            return False
        began = self._clock.monotonic()
        try:
            answer, head, keeps_alive = await self._exchange()
        except BadRequest as error:
            answer, head, keeps_alive = Answer(error.status, error.reason), None, False
        except TimeoutError:
            answer, head, keeps_alive = TOO_SLOW, None, False
        keeps_alive = keeps_alive and not self.is_last
        self._application.record(answer, seconds=self._clock.monotonic() - began)
        await self._send(answer, keeps_alive=keeps_alive, with_body=head is None or head.method != "HEAD")
        if not keeps_alive:
            await self._linger()
        return keeps_alive

    async def _exchange(self) -> tuple[Answer, Head | None, bool]:
        """Return the answer to a request that has begun, its head, and whether the connection can go on behind it.

        Raises BadRequest, TimeoutError, ConnectionResetError.
        """
        deadline = asyncio.get_running_loop().time() + self._limits.request_seconds
        raw = await self._read_head()
        head, parser = parse_head(raw, self._limits)
        source = self._sources.source_of(self.wire.peer, head.values("x-forwarded-for"))
        keeps_alive = head.keeps_alive
        if early := self._application.admit(head, source=source):
            return early, head, keeps_alive and await self._skip_body(head, parser)
        with BodyReader(self.wire, self._limits, self._memory, source) as reader:
            try:
                body = await self._read_body(head, parser, reader, deadline)
            except Overloaded:
                return OVERLOADED, head, False
            request = Request(
                arrived=self._clock.now(),
                body=body,
                headers=head.headers,
                method=head.method,
                path=head.path,
                query=head.query,
                source=source,
            )
            return await self._answer(request, deadline), head, keeps_alive

    async def _answer(self, request: Request, deadline: float) -> Answer:
        self.is_answering = True
        try:
            async with asyncio.timeout_at(deadline):
                return await self._application.answer(request)
        except TimeoutError:
            return NOT_ANSWERED
        finally:
            self.is_answering = False

    async def _read_head(self) -> bytes:
        """Return a head, without waiting where it has arrived already. Raises BadRequest, TimeoutError."""
        buffer = bytearray(self._unread)
        head = self._take_head(buffer, 0)
        if head:
            return head
        async with asyncio.timeout(self._limits.head_seconds):
            for _ in range(self._limits.head_pieces):
                searched = len(buffer)
                data = await self.wire.read()
                if not data:
                    raise ConnectionResetError
                buffer += data
                if head := self._take_head(buffer, searched):
                    return head
        raise BadRequest(400, "TooManyPieces")

    def _take_head(self, buffer: bytearray, searched: int) -> bytes:
        """Return the head that a buffer begins with, and keep the rest; empty where it is not whole yet."""
        while buffer.startswith(b"\r\n"):  # RFC 9112 section 2.2
            del buffer[:2]
            searched = 0
        end = buffer.find(END, max(searched - len(END), 0), self._limits.head_bytes + len(END))
        if end >= 0:
            self._unread = bytes(buffer[end + len(END) :])
            return bytes(buffer[: end + len(END)])
        if len(buffer) > self._limits.head_bytes:
            raise BadRequest(431, "HeadersTooLarge")
        start = max(searched - len(END), 0)
        if buffer.find(b"\n\n", start) >= 0 or buffer.find(b"\n\r\n", start) >= 0:  # it has ended, and not as it should
            raise BadRequest(400, "InvalidRequest")
        return b""

    async def _read_body(self, head: Head, parser: h11.Connection, reader: BodyReader, deadline: float) -> bytes:
        """Return a body, without waiting where it has arrived already. Raises BadRequest, TimeoutError, Overloaded."""
        reader.check(head)
        if head.length is not None and len(self._unread) >= head.length:
            body, self._unread = self._unread[: head.length], self._unread[head.length :]
            return body
        if head.expects_continue and not self._unread:
            self.wire.write(CONTINUE)
        async with asyncio.timeout_at(deadline):
            if head.length is not None:
                body, self._unread = await reader.read_length(self._unread, head.length)
            else:
                body, self._unread = await reader.read_chunks(self._unread, parser)
        return body

    async def _skip_body(self, head: Head, parser: h11.Connection) -> bool:
        """Read a small body, so that the connection can be used again; return False where it is not worth it."""
        if head.length is None or head.length > self._limits.small_body_bytes or head.expects_continue:
            return False
        deadline = asyncio.get_running_loop().time() + self._limits.head_seconds
        with BodyReader(self.wire, self._limits, self._memory, "") as reader:
            await self._read_body(head, parser, reader, deadline)
        return True

    async def _send(self, answer: Answer, *, keeps_alive: bool, with_body: bool) -> None:
        self.wire.write(encode(answer, keeps_alive=keeps_alive, with_body=with_body))
        if self.wire.is_clogged:
            async with asyncio.timeout(self._limits.write_seconds):
                await self.wire.drain()

    async def _linger(self) -> None:
        """Let the other side read an answer that it was not waiting for yet."""
        if self.wire.transport.can_write_eof():
            self.wire.transport.write_eof()
        left = LINGER_BYTES
        try:
            async with asyncio.timeout(LINGER_SECONDS):
                while left > 0 and (data := await self.wire.read()):
                    left -= len(data)
        except TimeoutError:
            return
