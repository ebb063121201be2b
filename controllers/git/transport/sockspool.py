"""Connections of urllib3 that go through a SOCKS5 proxy.

urllib3's own support needs PySocks, which has had no release since 2019; here `dial` makes the connections.
"""

import socket

from urllib3.connection import HTTPConnection
from urllib3.exceptions import ConnectTimeoutError

from controllers.git.errors import DeadlineExceeded
from controllers.git.transport.dial import dial
from controllers.git.transport.pooled import Connect, deadline_of
from controllers.net.destinations import Destinations
from controllers.net.proxy.address import Proxy


def connect_through(proxy: Proxy, destinations: Destinations | None) -> Connect:
    """Return what connects through `proxy`. Raises the errors of `dial` besides those of urllib3."""

    def connect(connection: HTTPConnection) -> socket.socket:
        try:
            return dial(connection.host, connection.port, proxy, deadline_of(connection), destinations)
        except DeadlineExceeded as e:  # reported by the caller, who knows the time of the whole operation
            raise ConnectTimeoutError(connection, str(e)) from None

    return connect
