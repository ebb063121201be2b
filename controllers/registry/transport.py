"""Send requests. The only module that imports httpx; what to send and what answers mean is decided elsewhere.

One pool of connections for each route (TLS material and proxy), made when it is first needed. No cookies: they would
carry state from one tenant to another. Redirects are followed here, because what may go along depends on the origin.
"""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from http.cookiejar import DefaultCookiePolicy
from urllib.parse import SplitResult, urljoin, urlsplit

import httpcore
import httpx

from controllers.net.foreign_text import sanitize
from controllers.net.library_errors import describe
from controllers.net.tls import ssl_context
from controllers.net.url import DEFAULT_PORTS, origin, redact_text
from controllers.registry.connection_errors import connection_error
from controllers.registry.errors import BadResponse, Unavailable
from controllers.registry.messages import RegistryRequest, RegistryResponse, Route
from controllers.registry.response_body import ACCEPT_ENCODING, BodyReader
from controllers.registry.socks import socks_pool

MAX_REDIRECTS = 10
MAX_ERROR_BYTES = 64 << 10
MAX_POOLS = 128
MAX_CONNECTIONS = 2048
"""More than all runs of a process together have: those that wait for silent registries must not keep the others from
connecting. What bounds them is how many runs there are, and what one registry may be asked at once."""
MAX_IDLE_CONNECTIONS = 100
KEEPALIVE_SECONDS = 90.0
CONNECT_SECONDS = 10.0

REDIRECTS = frozenset({301, 302, 303, 307, 308})
NO_PROXY_MOUNTS = ("all://localhost", "all://127.0.0.1", "all://[::1]")
"""Reached without the environment's proxy, as in Go."""


@dataclass(slots=True)
class Pool:
    client: httpx.AsyncClient
    in_use: int = 0
    evicted: bool = False


class SocksTransport(httpx.AsyncHTTPTransport):
    """httpx's own transport, over a pool that httpx cannot make."""

    def __init__(self, pool: httpcore.AsyncConnectionPool) -> None:
        self._pool = pool


class RegistryTransport:
    """Pools of connections; used from one event loop, by any number of tasks."""

    def __init__(self, *, user_agent: str) -> None:
        self._user_agent = user_agent
        # Not an LRUCache, which would drop a pool by itself: closing one is awaited, and waits for those who use it.
        self._pools: OrderedDict[Route, Pool] = OrderedDict()

    async def send(self, request: RegistryRequest, route: Route, *, max_bytes: int) -> RegistryResponse:
        """Return the answer to `request`, whatever its status, after redirects.

        Not bounded in time: the caller sets a deadline. The body of an error is cut at 64 KiB; any other that is longer
        than `max_bytes` raises ResponseTooLarge. Raises Unavailable without an answer, BadResponse for a redirect that
        must not be followed.
        """
        url, headers = request.url, dict(request.headers)
        for _ in range(MAX_REDIRECTS + 1):
            answer = await self._exchange(replace(request, url=url, headers=headers), route, max_bytes)
            target = answer.headers.get("location")
            if answer.status not in REDIRECTS or not target or request.method == "POST":
                return answer
            here, there = urlsplit(url), _target(request.summary, url, target)
            if origin(here) != origin(there):
                headers.pop("Authorization", None)
                route = replace(route, tls=route.tls.without_key_pair() if route.tls else None)
            url = there.geturl()
        raise BadResponse(f"{request.summary}: stopped after {MAX_REDIRECTS} redirects")

    async def aclose(self) -> None:
        """Close all connections; whatever is sent afterwards opens new ones."""
        while self._pools:
            _, pool = self._pools.popitem()
            await pool.client.aclose()

    async def _exchange(self, request: RegistryRequest, route: Route, max_bytes: int) -> RegistryResponse:
        async with self._client(route) as client:
            try:
                built = client.build_request(request.method, request.url, headers=request.headers, content=request.body)
                response = await client.send(built, stream=True)
                try:
                    return await _read(request, response, max_bytes)
                finally:
                    await response.aclose()
            except (httpx.InvalidURL, UnicodeError) as error:
                raise BadResponse(f"{request.summary}: {describe(error)}") from None
            except (httpx.TransportError, OSError) as error:
                proxy = route.proxy.address if route.proxy else ""
                timed_out = isinstance(error, httpx.TimeoutException | TimeoutError)
                raise connection_error(error, request.method, request.url, proxy=proxy, timed_out=timed_out) from None

    @asynccontextmanager
    async def _client(self, route: Route) -> AsyncIterator[httpx.AsyncClient]:
        pool = self._pools.get(route)
        if pool is None:
            try:
                # In a thread: OpenSSL reads hundreds of certificates, the tenant's among them.
                client = await asyncio.to_thread(_new_client, route, self._user_agent)
                pool = self._pools.setdefault(route, Pool(client))
                if pool.client is not client:  # somebody else made one meanwhile
                    await client.aclose()
            except (ImportError, ValueError, httpx.InvalidURL) as error:
                # Only of the environment: proxies of Secrets were checked, and their SOCKS is not left to httpx.
                raise Unavailable(f"proxy of the environment cannot be used: {_proxy_fault(error)}") from None
        self._pools.move_to_end(route)
        pool.in_use += 1
        try:
            await self._shrink()
            yield pool.client
        finally:
            pool.in_use -= 1
            if pool.evicted and not pool.in_use:
                await pool.client.aclose()

    async def _shrink(self) -> None:
        while len(self._pools) > MAX_POOLS:
            _, oldest = self._pools.popitem(last=False)
            oldest.evicted = True
            if not oldest.in_use:
                await oldest.client.aclose()


async def _read(request: RegistryRequest, response: httpx.Response, max_bytes: int) -> RegistryResponse:
    failed = response.status_code >= 300
    limit = MAX_ERROR_BYTES if failed else max_bytes
    encoding = "" if request.method == "HEAD" else response.headers.get("content-encoding", "")
    body = BodyReader(request.summary, encoding, max_bytes=limit, truncate=failed)
    if request.method != "HEAD":
        async for chunk in response.aiter_raw():
            body.feed(chunk)
            if body.is_truncated:
                break
    return RegistryResponse(
        status=response.status_code,
        headers=dict(response.headers),
        links=tuple(response.headers.get_list("link")),
        challenges=tuple(response.headers.get_list("www-authenticate")),
        body=body.finish(),
    )


def _new_client(route: Route, user_agent: str) -> httpx.AsyncClient:
    context = ssl_context(route.tls)
    pool, proxy = None, None
    if route.proxy and route.proxy.address.startswith("socks5:"):
        pool = socks_pool(route.proxy, context, max_connections=MAX_CONNECTIONS, keepalive_expiry=KEEPALIVE_SECONDS)
    elif route.proxy:
        trust = ssl_context(route.tls.without_key_pair() if route.tls else None)
        proxy = httpx.Proxy(route.proxy.url, ssl_context=trust if route.proxy.address.startswith("https:") else None)
    client = httpx.AsyncClient(
        verify=context,
        proxy=proxy,
        transport=SocksTransport(pool) if pool else None,
        mounts=None if route.proxy else dict.fromkeys(NO_PROXY_MOUNTS),
        limits=httpx.Limits(
            max_connections=MAX_CONNECTIONS,
            max_keepalive_connections=MAX_IDLE_CONNECTIONS,
            keepalive_expiry=KEEPALIVE_SECONDS,
        ),
        timeout=httpx.Timeout(None, connect=CONNECT_SECONDS),
        follow_redirects=False,
        headers={"User-Agent": user_agent, "Accept-Encoding": ACCEPT_ENCODING},
    )
    client.cookies.jar.set_policy(DefaultCookiePolicy(allowed_domains=()))
    return client


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
