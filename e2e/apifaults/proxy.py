"""A proxy that hands each request to a director, which forwards, answers or breaks it.

It listens on all of 127.0.0.0/8 if need be, so that every play has a registry and a Git host of its own: their clients
keep pauses and budgets by host.
"""

import asyncio
import ssl
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

import aiohttp
from aiohttp import web
from yarl import URL

from e2e.apifaults.calls import Call

_HOP_BY_HOP = {
    "connection",
    "keep-alive",
    "transfer-encoding",
    "content-length",
    "host",
    "te",
    "upgrade",
    "date",
    "server",
}
Director = Callable[["Exchange"], Awaitable[web.StreamResponse]]
Classify = Callable[[web.BaseRequest, bytes], Call]


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Exchange:
    """One request, until it is answered."""

    def __init__(self, proxy: "Proxy", request: web.BaseRequest, call: Call) -> None:
        self._proxy = proxy
        self.request = request
        self.call = call
        self.arrived = time.monotonic()

    async def forward(self, target: str = "") -> Answer:
        """Send the request on and return the whole answer. target: another one than the request's."""
        async with self.open(target) as upstream:
            return Answer(upstream.status, _forwarded(upstream.headers), await upstream.read())

    def open(self, target: str = "") -> "aiohttp.client._RequestContextManager":
        """Send the request on; return the answer, whose body is still to be read."""
        call = self.call
        return self._proxy.session.request(
            call.method,
            URL(self._proxy.upstream(call) + (target or call.target), encoded=True),
            data=call.body or None,
            headers=_forwarded(call.headers),
            skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
            allow_redirects=False,
        )

    def answer(self, answer: Answer) -> web.StreamResponse:
        """Answer the request."""
        return web.Response(status=answer.status, headers=answer.headers, body=answer.body)

    def abort(self) -> web.StreamResponse:
        """Reset the connection; what is returned is sent to nobody."""
        if self.request.transport is not None:
            self.request.transport.abort()
        return web.Response()

    async def drip(self, answer: Answer, *, parts: int, pause: float) -> web.StreamResponse:
        """Answer in parts with pauses between them."""
        response = web.StreamResponse(status=answer.status, headers=answer.headers)
        response.content_length = len(answer.body)
        await response.prepare(self.request)
        size = max(1, -(-len(answer.body) // parts))
        for start in range(0, len(answer.body), size):
            await asyncio.sleep(pause)
            await response.write(answer.body[start : start + size])
        return response


class Proxy:
    """Listens at `port`. Start it in the loop that it is to run in; `close` it there."""

    def __init__(
        self,
        upstream: str | Callable[[Call], str],
        *,
        classify: Classify,
        director: Director,
        upstream_tls: ssl.SSLContext | None = None,
    ) -> None:
        """Build it. upstream: scheme, host and port of the server, maybe by request. director: decides about each."""
        self._upstream = upstream
        self._classify, self._director = classify, director
        self._upstream_tls = upstream_tls
        self._runner: web.ServerRunner | None = None
        self.port = 0

    async def start(self, *, address: str = "127.0.0.1", tls: ssl.SSLContext | None = None) -> None:
        """Listen at a free port."""
        connector = aiohttp.TCPConnector(limit=0, ssl=self._upstream_tls or True, keepalive_timeout=20)
        self.session = aiohttp.ClientSession(
            connector=connector,
            auto_decompress=False,
            timeout=aiohttp.ClientTimeout(),
            cookie_jar=aiohttp.DummyCookieJar(),
        )
        server = web.Server(self._serve, auto_decompress=False, access_log=None)
        self._runner = web.ServerRunner(server, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, address, 0, ssl_context=tls)
        await site.start()
        self.port = self._runner.addresses[0][1]

    def upstream(self, call: Call) -> str:
        """Return scheme, host and port of the server that is to have a request."""
        return self._upstream if isinstance(self._upstream, str) else self._upstream(call)

    async def close(self) -> None:
        """Stop listening, and reset what is open."""
        if self._runner is not None:
            await self._runner.cleanup()
            await self.session.close()

    async def _serve(self, request: web.BaseRequest) -> web.StreamResponse:
        body = await request.content.read()
        exchange = Exchange(self, request, self._classify(request, body))
        try:
            return await self._director(exchange)
        except (aiohttp.ClientError, OSError):  # the server is gone, or the client is
            return exchange.abort()


def _forwarded(headers: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name.lower() not in _HOP_BY_HOP}
