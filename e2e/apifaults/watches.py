"""A watch through the proxy: line by line, so that one event can be dropped, doubled, held back or cut in two."""

import asyncio
import time
from contextlib import suppress
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import aiohttp
import msgspec
from aiohttp import web

from e2e.apifaults.calls import Call
from e2e.apifaults.proxy import Answer, Exchange

if TYPE_CHECKING:
    from e2e.apifaults.director import Director

BOOKMARK_SECONDS = 2.0
"""Between bookmarks on a watch on which nothing happens: the processes take it for dead after a few of these."""


class Meta(msgspec.Struct):
    """What the proxy reads of an object's metadata."""

    resourceVersion: str = ""  # noqa: N815 -- the wire's name
    namespace: str = ""
    name: str = ""


class Object(msgspec.Struct):
    """What the proxy reads of an object."""

    metadata: Meta = msgspec.field(default_factory=Meta)


class Event(msgspec.Struct):
    """What the proxy reads of an event."""

    type: str
    object: Object


class Ended(Exception):
    """The stream is over."""


_EVENT = msgspec.json.Decoder(Event)


class Stream:
    """One watch, as a fault sees it."""

    def __init__(self, exchange: Exchange, director: "Director", response: web.StreamResponse) -> None:
        self.call: Call = exchange.call
        self.director = director
        self._exchange, self._response = exchange, response
        self.silent = False
        self._held: dict[str, tuple[float, list[bytes]]] = {}
        """Lines that wait, by namespace, with the end of the wait."""
        version = parse_qs(urlsplit(exchange.call.target).query).get("resourceVersion", ["0"])[0]
        self.version = version if version != "0" else ""
        """Up to where the client has everything."""

    async def write(self, line: bytes) -> None:
        """Send bytes to the client, unless the stream has fallen silent."""
        if not self.silent:
            await self._response.write(line)

    async def abort(self) -> None:
        """Reset the connection; what was held back is sent before, since the client would not ask for it again."""
        await self.release(everything=True)
        self._exchange.abort()
        raise Ended

    async def finish(self) -> None:
        """End the answer in order."""
        await self.release(everything=True)
        raise Ended

    async def hold(self, namespace: str, line: bytes, seconds: float) -> None:
        """Send this event, and those of the same namespace that follow, later; those of others overtake them."""
        self._held[namespace] = (time.monotonic() + seconds, [line])

    async def pass_on(self, line: bytes) -> None:
        """Let an event pass, or let the fault at it have it."""
        event = _EVENT.decode(line)
        meta = event.object.metadata
        if event.type == "BOOKMARK":
            if not self._held:
                self.version = meta.resourceVersion
                await self.write(line)
            return
        # Namespaces are objects of no namespace.
        namespace = meta.namespace or (meta.name if self.call.what == "namespaces" else "")
        if namespace in self._held:
            self._held[namespace][1].append(line)
        elif await self.director.on_event(self, namespace, line):
            await self.write(line)
            self.version = meta.resourceVersion

    async def tick(self) -> None:
        """Send a bookmark: the server has sent nothing for a while."""
        if self.version and not self._held:
            version = self.version.encode()
            await self.write(b'{"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"%s"}}}\n' % version)

    async def release(self, *, everything: bool = False) -> None:
        """Send what has been held back for long enough, or all of it."""
        for namespace, (until, lines) in list(self._held.items()):
            if everything or until <= time.monotonic():
                del self._held[namespace]
                for line in lines:
                    await self.write(line)

    @property
    def pause(self) -> float:
        """Seconds until there is something to do even if the server sends nothing."""
        waits = [until - time.monotonic() for until, _ in self._held.values()]
        return max(min([BOOKMARK_SECONDS, *waits]), 0.01)


async def serve(exchange: Exchange, director: "Director") -> web.StreamResponse:
    """Answer a watch until one side ends it."""
    async with exchange.open() as upstream:
        if upstream.status != 200:
            return exchange.answer(Answer(upstream.status, {"Content-Type": "application/json"}, await upstream.read()))
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        response.enable_chunked_encoding()
        await response.prepare(exchange.request)
        stream = Stream(exchange, director, response)
        with suppress(Ended):
            await _pump(upstream, stream)
    return response


async def _pump(upstream: aiohttp.ClientResponse, stream: Stream) -> None:
    buffer = b""
    read = asyncio.ensure_future(upstream.content.readany())
    try:
        while True:
            done, _ = await asyncio.wait({read}, timeout=stream.pause)
            await stream.release()
            if not done:
                await stream.tick()
                continue
            chunk = read.result()
            if not chunk:
                await stream.finish()
            *lines, buffer = (buffer + chunk).split(b"\n")
            for line in lines:
                if line:
                    await stream.pass_on(line + b"\n")
            read = asyncio.ensure_future(upstream.content.readany())
    finally:
        read.cancel()
        await asyncio.gather(read, return_exceptions=True)
