"""Connections that go through a SOCKS5 proxy; the handshake with it is in `net.proxy`."""

from collections.abc import Iterable
from urllib.parse import urlsplit

import httpcore

from controllers.net.proxy.address import Proxy
from controllers.net.proxy.handshake import Handshake, ProxyRefused
from controllers.net.proxy.socks5 import DEFAULT_PORT, handshake


class SocksBackend(httpcore.AsyncNetworkBackend):
    """Connects by way of a proxy."""

    def __init__(self, proxy: Proxy, direct: httpcore.AsyncNetworkBackend) -> None:
        """direct: how the proxy itself is reached."""
        self._proxy = proxy
        self._direct = direct

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
        steps = handshake(host, port, username=self._proxy.username, password=self._proxy.password)
        try:
            await _perform_handshake(stream, steps, timeout)
        except BaseException as error:
            await stream.aclose()
            if isinstance(error, ProxyRefused):
                raise httpcore.ProxyError(f"socks connect: {error}") from None
            raise
        return stream


async def _perform_handshake(stream: httpcore.AsyncNetworkStream, steps: Handshake, seconds: float | None) -> None:
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
                raise ProxyRefused("proxy hung up")
            received += chunk
