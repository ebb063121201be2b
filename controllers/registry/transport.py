"""Send requests, and follow redirects: here, because what may go along depends on the origin.

One pool of connections for each route (TLS material, proxy, policy of destinations), made when it is first needed. No
cookies: they would carry state from one tenant to another.
"""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from http import HTTPStatus
from typing import Protocol
from urllib.parse import SplitResult, urljoin, urlsplit

import httpcore
import httpx

from controllers.net.destinations import DestinationRefused, Destinations
from controllers.net.foreign_text import sanitize
from controllers.net.library_errors import describe
from controllers.net.url import DEFAULT_PORTS, Origin, origin, redact_text
from controllers.registry.answers import OpenAnswer, join_headers
from controllers.registry.connection_errors import connection_error
from controllers.registry.errors import BadResponse, ResponseTooLarge, Unavailable
from controllers.registry.lookups import Lookups
from controllers.registry.messages import Overflow, RegistryRequest, RegistryResponse, Route
from controllers.registry.metering import PieceMeter
from controllers.registry.pools import RouteClient
from controllers.registry.response_body import BodyReader
from controllers.singleflight import Singleflight

MAX_REDIRECTS = 10
MAX_LOGINS_ELSEWHERE = 2
"""To one origin: with a remembered token, and with a new one."""
MAX_ERROR_BYTES = 64 << 10
MAX_POOLS = 128

DONE = object()
REDIRECTS = frozenset({301, 302, 303, 307, 308})


class LogInElsewhere(Protocol):
    """Return the header for an origin that a redirect led to and that answered 401; nothing to give up."""

    async def __call__(self, url: str, challenges: Sequence[str], *, refused: bool) -> dict[str, str]: ...


@dataclass(slots=True)
class Pool:
    client: RouteClient
    in_use: int = 0
    evicted: bool = False


class RegistryTransport:
    """Pools of connections; used from one event loop, by any number of tasks."""

    def __init__(self, *, user_agent: str) -> None:
        self._user_agent = user_agent
        self._lookups = Lookups()
        self._turn = asyncio.Lock()
        """Held for a step of work on a long body: whatever the number of them, the event loop waits for one step."""
        # Not an LRUCache, which would drop a pool by itself: closing one is awaited, and waits for those who use it.
        self._pools: OrderedDict[Route, Pool] = OrderedDict()
        self._making: Singleflight[None] = Singleflight()
        """A start scans everything at once, and a client costs some 30 ms of a processor: one for each route."""

    async def send(
        self,
        request: RegistryRequest,
        route: Route,
        *,
        max_bytes: int,
        meter: PieceMeter,
        overflow: Overflow | None = None,
        log_in_elsewhere: LogInElsewhere | None = None,
    ) -> RegistryResponse:
        """Return the answer to `request`, whatever its status, after redirects.

        Not bounded in time: the caller sets a deadline. The body of an error is cut at 64 KiB; any other that is longer
        than `max_bytes` goes to `overflow`, or raises ResponseTooLarge. No credential of the request goes to another
        origin; what a redirect leads to is asked for a login of its own by `log_in_elsewhere`. Raises Unavailable
        without an answer, BadResponse for a redirect that must not be followed or an address that must not be asked.
        """
        url, headers, logins = request.url, dict(request.headers), dict[Origin, int]()
        for hop in range(MAX_REDIRECTS + 1):
            while True:
                attempt = replace(request, url=url, headers=headers) if hop or logins else request
                answer = await self._exchange(attempt, route, max_bytes, meter, overflow)
                here = origin(url)
                count = logins.get(here, 0)
                if answer.status != 401 or here == origin(request.url) or not log_in_elsewhere:
                    break
                if count >= MAX_LOGINS_ELSEWHERE:
                    break
                logins[here] = count + 1
                login = await log_in_elsewhere(url, answer.challenges, refused=count > 0)
                if not login:
                    break
                headers |= login
            target = answer.headers.get("location")
            if answer.status not in REDIRECTS or not target or request.method == "POST":
                return answer
            there = _target(request.summary, url, target)
            if here != origin(there):
                headers.pop("Authorization", None)
                route = replace(route, tls=route.tls.without_key_pair() if route.tls else None)
            url = there.geturl()
        raise BadResponse(f"{request.summary}: stopped after {MAX_REDIRECTS} redirects")

    async def aclose(self) -> None:
        """Close all connections and look up no more names."""
        while self._pools:
            _, pool = self._pools.popitem()
            await pool.client.aclose()
        self._lookups.close()

    async def _exchange(
        self,
        request: RegistryRequest,
        route: Route,
        max_bytes: int,
        meter: PieceMeter,
        overflow: Overflow | None,
    ) -> RegistryResponse:
        async with self._client(route) as client:
            try:
                await self._check_name(urlsplit(request.url).hostname or "", route.destinations)
                answer = await client.open(request)
                try:
                    return await self._read(request, answer, max_bytes, meter, overflow)
                finally:
                    await answer.aclose()
            except DestinationRefused as error:
                raise BadResponse(f"{request.summary}: {error}") from None
            except ResponseTooLarge as error:
                if str(error).startswith(request.method):
                    raise
                raise ResponseTooLarge(f"{request.summary}: {error}") from None
            except (httpx.InvalidURL, UnicodeError) as error:
                raise BadResponse(f"{request.summary}: {describe(error)}") from None
            except (httpx.TransportError, OSError) as error:
                proxy = route.proxy.address if route.proxy else ""
                timed_out = isinstance(error, httpx.TimeoutException | TimeoutError)
                raise connection_error(
                    error, request.method, request.url, proxy=proxy, timed_out=timed_out, fault=_fault(error)
                ) from None

    async def _check_name(self, host: str, destinations: Destinations) -> None:
        """Judge a name. Where a proxy resolves it, this is all that can be judged; otherwise addresses are, too."""
        addresses: Sequence[str] = ()
        if destinations.must_resolve(host):
            with suppress(httpcore.ConnectError):
                addresses = await self._lookups.addresses(host, 0)
        destinations.check_name(host, addresses)

    async def _read(
        self,
        request: RegistryRequest,
        answer: OpenAnswer,
        max_bytes: int,
        meter: PieceMeter,
        overflow: Overflow | None,
    ) -> RegistryResponse:
        if stream := answer.stream:
            stream.end_head()
            meter.add(stream.head_bytes, pieces=max(stream.head_reads, stream.head_lines // 4))
        failed = answer.status >= 300
        headers = join_headers(answer.headers)
        encoding = "" if request.method == "HEAD" else headers.get("content-encoding", "")
        body = BodyReader(
            request,
            encoding,
            max_bytes=MAX_ERROR_BYTES if failed else max_bytes,
            truncate=failed,
            overflow=None if failed or not overflow else partial(overflow, answer.url, headers.get("content-type", "")),
        )
        # Read to its end even where there is none, as after HEAD: else the connection would not be used again.
        async for chunk in answer.body:
            meter.add(len(chunk))
            if meter.is_pause_due:
                await asyncio.sleep(0)  # many chunks may have come at once, and are returned without a pause
            await self._feed(body, chunk)
            if body.is_truncated:
                break
        return RegistryResponse(
            status=answer.status,
            headers=headers,
            links=tuple(value for name, value in answer.headers if name == "link"),
            challenges=tuple(value for name, value in answer.headers if name == "www-authenticate"),
            body=body.finish(),
            url=answer.url,
            overflow=body.overflow,
        )

    async def _feed(self, body: BodyReader, chunk: bytes) -> None:
        steps = body.feed(chunk)
        while True:
            if body.overflow is None:
                if next(steps, DONE) is DONE:
                    return
            else:
                async with self._turn:
                    if next(steps, DONE) is DONE:
                        return
                    await asyncio.sleep(0)
                await body.overflow.settle()
            await asyncio.sleep(0)

    @asynccontextmanager
    async def _client(self, route: Route) -> AsyncIterator[RouteClient]:
        while (pool := self._pools.get(route)) is None:
            await self._making.join(route, lambda _: self._make_pool(route))
        self._pools.move_to_end(route)
        pool.in_use += 1
        try:
            await self._shrink()
            yield pool.client
        finally:
            pool.in_use -= 1
            if pool.evicted and not pool.in_use:
                await pool.client.aclose()

    async def _make_pool(self, route: Route) -> None:
        try:
            # In a thread: OpenSSL reads hundreds of certificates, the tenant's among them.
            client = await asyncio.to_thread(RouteClient, route, self._user_agent, self._lookups)
        except (ImportError, ValueError, httpx.InvalidURL) as error:
            # Only of the environment: proxies of Secrets were checked, and their SOCKS is not left to httpx.
            raise Unavailable(f"proxy of the environment cannot be used: {_proxy_fault(error)}") from None
        self._pools[route] = Pool(client)

    async def _shrink(self) -> None:
        while len(self._pools) > MAX_POOLS:
            _, oldest = self._pools.popitem(last=False)
            oldest.evicted = True
            if not oldest.in_use:
                await oldest.client.aclose()


def _fault(error: Exception) -> str:
    """Return what is wrong in our own words where the library would quote what it was sent; else ""."""
    if isinstance(error, httpx.ProxyError):
        status = str(error)[:3]
        if status.isdigit() and status in {str(known.value) for known in HTTPStatus}:
            return f"{status} {HTTPStatus(int(status)).phrase}"
    text = str(error)
    if isinstance(error, httpx.RemoteProtocolError) and "disconnected" not in text and "closed connection" not in text:
        return "malformed HTTP response"
    return ""


def _proxy_fault(error: Exception) -> str:
    """Return what is wrong with a proxy variable; httpx's own words may quote it."""
    if isinstance(error, ImportError):
        return "a SOCKS proxy needs to be in a Secret, named by spec.proxySecretRef"
    return "HTTP_PROXY, HTTPS_PROXY or ALL_PROXY is not the URL of an HTTP proxy, like http://proxy:3128"


def _target(request_summary: str, url: str, location: str) -> SplitResult:
    try:
        here, there = urlsplit(url), urlsplit(urljoin(url, location))
        origin(there)
    except ValueError:
        raise BadResponse(f"{request_summary}: redirects to what is no URL; not followed") from None
    if there.scheme not in DEFAULT_PORTS or not there.hostname or "@" in there.netloc:
        raise BadResponse(f"{request_summary}: redirects to {sanitize(redact_text(there.geturl()))}; not followed")
    if here.scheme == "https" and there.scheme == "http":
        raise BadResponse(
            f"{request_summary}: redirects from HTTPS to plain HTTP at {sanitize(there.netloc)}; not followed"
        )
    return there._replace(fragment="")
