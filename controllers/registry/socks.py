"""SOCKS5 proxies: the handshake of RFC 1928 and RFC 1929, and a pool of connections that makes it first.

The name of the host is given to the proxy to resolve, as Go does. Only CONNECT, with no authentication or a password.
"""

import ssl
from collections.abc import Generator, Iterable
from urllib.parse import urlsplit

import httpcore

from controllers.registry.access import Proxy

VERSION = 5
NO_AUTHENTICATION, PASSWORD = 0, 2
DOMAIN_NAME = 3
ADDRESS_BYTES = {1: 4, 4: 16}
DEFAULT_PORT = 1080
FAILURES = {
    1: "general SOCKS server failure",
    2: "connection not allowed by ruleset",
    3: "network unreachable",
    4: "host unreachable",
    5: "connection refused",
    6: "TTL expired",
    7: "command not supported",
    8: "address type not supported",
}

Handshake = Generator[tuple[bytes, int], bytes, None]


class Refused(Exception):
    """The proxy does not connect us; the message says why."""


class SocksBackend(httpcore.AsyncNetworkBackend):
    """Connects by way of a proxy."""

    def __init__(self, proxy: Proxy) -> None:
        self._proxy = proxy
        self._direct = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        address = urlsplit(self._proxy.address)
        stream = await self._direct.connect_tcp(
            address.hostname or "", address.port or DEFAULT_PORT, timeout, local_address, socket_options
        )
        try:
            await _shake_hands(stream, handshake(self._proxy, host, port), timeout)
        except BaseException as error:
            await stream.aclose()
            if isinstance(error, Refused):
                raise httpcore.ProxyError(f"socks connect: {error}") from None
            raise
        return stream


def socks_pool(
    proxy: Proxy, context: ssl.SSLContext, *, max_connections: int, keepalive_expiry: float
) -> httpcore.AsyncConnectionPool:
    """A pool whose connections go through `proxy`."""
    return httpcore.AsyncConnectionPool(
        ssl_context=context,
        max_connections=max_connections,
        max_keepalive_connections=max_connections,
        keepalive_expiry=keepalive_expiry,
        network_backend=SocksBackend(proxy),
    )


async def _shake_hands(stream: httpcore.AsyncNetworkStream, steps: Handshake, seconds: float | None) -> None:
    received: bytes | None = None
    while True:
        try:
            data, length = next(steps) if received is None else steps.send(received)
        except StopIteration:
            return
        if data:
            await stream.write(data, seconds)
        received = b""
        while len(received) < length:
            chunk = await stream.read(length - len(received), seconds)
            if not chunk:
                raise Refused("proxy hung up")
            received += chunk


def handshake(proxy: Proxy, host: str, port: int) -> Handshake:
    """Yields what to send and how many bytes to read next; is sent those bytes. Raises Refused."""
    methods = bytes([NO_AUTHENTICATION, PASSWORD]) if proxy.username else bytes([NO_AUTHENTICATION])
    _, method = yield bytes([VERSION, len(methods)]) + methods, 2
    if method == PASSWORD and proxy.username:
        _, status = yield b"\x01" + _counted(proxy.username) + _counted(proxy.password), 2
        if status != 0:
            raise Refused("username/password authentication failed")
    elif method != NO_AUTHENTICATION:
        raise Refused("no acceptable authentication methods")
    request = bytes([VERSION, 1, 0, DOMAIN_NAME]) + _counted(host) + port.to_bytes(2, "big")
    _, reply, _, kind = yield request, 4
    if reply != 0:
        raise Refused(FAILURES.get(reply, f"unknown code: {reply}"))
    length = ADDRESS_BYTES.get(kind) or (yield b"", 1)[0]
    yield b"", length + 2


def _counted(text: str) -> bytes:
    data = text.encode()
    if len(data) > 255:
        raise Refused("a name is longer than 255 bytes")
    return bytes([len(data)]) + data
