"""Pools of urllib3 whose connections go through a SOCKS5 proxy.

urllib3's own support needs PySocks, which has had no release since 2019; here `dial` makes the connections.
"""

import socket
import ssl

import urllib3
from urllib3.connection import HTTPConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError

from controllers.git.errors import DeadlineExceeded
from controllers.git.transport.dial import dial
from controllers.git.transport.pooled import PlainConnection, SecureConnection, deadline_of
from controllers.net.proxy.address import Proxy


def socks_pool(proxy: Proxy, context: ssl.SSLContext, *, num_pools: int, maxsize: int) -> urllib3.PoolManager:
    """Return pools that connect through `proxy`. Requests raise the errors of `dial` besides those of urllib3."""

    class Plain(PlainConnection):
        def _new_conn(self) -> socket.socket:
            return _connect(self, proxy)

    class Secure(SecureConnection):
        def _new_conn(self) -> socket.socket:
            return _connect(self, proxy)

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = Plain

    class SecurePool(HTTPSConnectionPool):
        ConnectionCls = Secure

    manager = urllib3.PoolManager(num_pools=num_pools, maxsize=maxsize, ssl_context=context)
    manager.pool_classes_by_scheme = {"http": PlainPool, "https": SecurePool}
    return manager


def _connect(connection: HTTPConnection, proxy: Proxy) -> socket.socket:
    try:
        return dial(connection.host, connection.port, proxy, deadline_of(connection))
    except DeadlineExceeded as e:  # reported by the caller, who knows the time of the whole operation
        raise ConnectTimeoutError(connection, str(e)) from None
