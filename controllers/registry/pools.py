"""Pools of connections for each route: which transport of httpx, over which backend.

httpx makes its pools itself and lets nobody choose how they connect, so its two factory methods are overridden here.
"""

import re
import ssl
from dataclasses import dataclass, replace
from http.cookiejar import DefaultCookiePolicy
from typing import Any, Final

import httpcore
import httpx
from cachetools import LRUCache

from controllers.net.tls import ssl_context
from controllers.registry.answers import OpenAnswer, decode_headers
from controllers.registry.direct import DirectRequest, DirectTransport, HostPort
from controllers.registry.lookups import Lookups
from controllers.registry.messages import RegistryRequest, Route
from controllers.registry.network import GuardedBackend, MeteredStream
from controllers.registry.response_body import ACCEPT_ENCODING
from controllers.registry.socks import SocksBackend

MAX_CONNECTIONS = 2048
"""More than all runs of a process together have: those that wait for silent registries must not keep the others from
connecting. What bounds them is how many runs there are, and what one registry may be asked at once."""
MAX_IDLE_CONNECTIONS = 100
KEEPALIVE_SECONDS = 90.0
CONNECT_SECONDS = 10.0
PARSED_URLS: Final = 8_192
"""Of each route, half a KiB each: thousands of images are visited in turn."""
MAX_KEPT_CHARS: Final = 512
"""Of a URL that is kept parsed. Those of images are shorter; redirects may have 64 KiB, and are asked once."""
_PLAIN_QUERY: Final = re.compile(r"(?:[A-Za-z0-9._~=&:/+-]|%[0-9A-Fa-f]{2})*+")
NO_PROXY_MOUNTS = ("all://localhost", "all://127.0.0.1", "all://[::1]")
"""Reached without the environment's proxy, as in Go."""


@dataclass(frozen=True, slots=True)
class _Target:
    """A URL in the parts that a request needs, and how it is reached."""

    url: str
    transport: DirectTransport
    where: HostPort
    path: bytes
    host: bytes
    """The value of the header."""


class PoolTransport(httpx.AsyncHTTPTransport):
    """httpx's own transport, over a pool that httpx cannot make."""

    def __init__(self, pool: httpcore.AsyncHTTPProxy) -> None:
        self._pool = pool


class RouteClient(httpx.AsyncClient):
    """A client of httpx for one route."""

    def __init__(self, route: Route, user_agent: str, lookups: Lookups) -> None:
        """Build it; nothing is connected yet.

        Raises ImportError, ValueError and httpx.InvalidURL for a proxy of the environment that cannot be used.
        """
        # Each 20 ms: made once, before httpx asks for transports.
        self._context = ssl_context(route.tls)
        self._route = route
        self._lookups = lookups
        self._own_headers = {
            "Accept": "*/*",
            "Accept-Encoding": ACCEPT_ENCODING,
            "Connection": "keep-alive",
            "User-Agent": user_agent,
        }
        proxy = None
        if route.proxy and not route.proxy.address.startswith("socks5:"):
            trust = ssl_context(route.tls.without_key_pair() if route.tls else None)
            proxy = httpx.Proxy(
                route.proxy.url, ssl_context=trust if route.proxy.address.startswith("https:") else None
            )
        super().__init__(
            verify=self._context,
            proxy=proxy,
            # With a proxy of its own, even a SOCKS one, a route ignores those of the environment.
            trust_env=route.proxy is None,
            mounts=None if route.proxy else dict.fromkeys(NO_PROXY_MOUNTS),
            timeout=httpx.Timeout(None, connect=CONNECT_SECONDS),
            follow_redirects=False,
            headers=self._own_headers,
        )
        self.cookies.jar.set_policy(DefaultCookiePolicy(allowed_domains=()))
        self._targets: LRUCache[str, _Target | None] = LRUCache(PARSED_URLS)
        """By URL; None where a proxy that httpx knows is in between."""

    async def open(self, request: RegistryRequest) -> OpenAnswer:
        """Return an answer whose body is not read yet. Raises httpx.TransportError, and InvalidURL.

        Without a proxy in between httpx is passed by: what it does for applications (cookies, redirects, logins,
        merging of URLs, objects for all of it) has no part here and costs more than the request itself.
        """
        target = self._target(request.url)
        if target is None:
            return await self._open_by_proxy(request)
        headers = {**self._own_headers, **request.headers}
        direct = DirectRequest(
            request.method,
            target.where,
            target.path,
            [(b"Host", target.host), *((name.encode("ascii"), text.encode("ascii")) for name, text in headers.items())],
            request.body,
            target.url,
            CONNECT_SECONDS,
        )
        return await target.transport.exchange(direct)

    def _target(self, url: str) -> _Target | None:
        # Each page of a list has a query of its own; most are such that parsing changes nothing in them.
        start, mark, query = url.partition("?")
        if len(url) > MAX_KEPT_CHARS or "#" in start or not _PLAIN_QUERY.fullmatch(query):
            return self._parse(url)
        if start not in self._targets:
            self._targets[start] = self._parse(start)
        target: _Target | None = self._targets[start]
        if target is None or not mark:
            return target
        return replace(target, url=target.url + mark + query, path=target.path + f"{mark}{query}".encode())

    def _parse(self, text: str) -> _Target | None:
        url = httpx.URL(text)
        transport = self._transport_for_url(url)
        if not isinstance(transport, DirectTransport):
            return None
        port = url.port or (443 if url.scheme == "https" else 80)
        where = (url.scheme, url.raw_host.decode("ascii"), port)
        return _Target(str(url), transport, where, url.raw_path, url.netloc)

    async def _open_by_proxy(self, request: RegistryRequest) -> OpenAnswer:
        built = self.build_request(request.method, request.url, headers=request.headers, content=request.body)
        response = await self.send(built, stream=True)
        stream = response.extensions.get("network_stream")
        assert isinstance(response.stream, httpx.AsyncByteStream)
        return OpenAnswer(
            response.status_code,
            decode_headers(response.headers.raw),
            str(response.url),
            response.stream,
            stream if isinstance(stream, MeteredStream) else None,
            response.aclose,
        )

    def _init_transport(self, *args: Any, **kwargs: Any) -> httpx.AsyncBaseTransport:
        """Return the transport without a proxy that httpx knows."""
        direct = GuardedBackend(self._route.destinations, self._lookups)
        proxy = self._route.proxy
        socks = proxy if proxy and proxy.address.startswith("socks5:") else None
        backend = SocksBackend(socks, direct) if socks else direct
        return DirectTransport(
            backend,
            self._context,
            max_connections=MAX_CONNECTIONS,
            max_idle=MAX_IDLE_CONNECTIONS,
            keepalive_seconds=KEEPALIVE_SECONDS,
        )

    def _init_proxy_transport(self, proxy: httpx.Proxy, *args: Any, **kwargs: Any) -> httpx.AsyncBaseTransport:
        """Return the transport through a proxy. The one of the environment is the operator's and may be anywhere."""
        if proxy.url.scheme not in {"http", "https"}:
            return super()._init_proxy_transport(proxy, *args, **kwargs)
        return PoolTransport(
            httpcore.AsyncHTTPProxy(
                proxy_url=httpcore.URL(
                    scheme=proxy.url.raw_scheme,
                    host=proxy.url.raw_host,
                    port=proxy.url.port,
                    target=proxy.url.raw_path,
                ),
                proxy_auth=proxy.raw_auth,
                proxy_headers=proxy.headers.raw,
                proxy_ssl_context=proxy.ssl_context,
                network_backend=GuardedBackend(self._route.destinations if self._route.proxy else None, self._lookups),
                **_limits(self._context),
            )
        )


def _limits(context: ssl.SSLContext) -> dict[str, Any]:
    return {
        "ssl_context": context,
        "max_connections": MAX_CONNECTIONS,
        "max_keepalive_connections": MAX_IDLE_CONNECTIONS,
        "keepalive_expiry": KEEPALIVE_SECONDS,
    }
