"""Connections of urllib3 that end with the operation they are used for, and share one time limit for all addresses."""

import socket
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any, TypeAlias

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError

from controllers.git.protocol.deadline import Deadline
from controllers.git.remote import DEFAULT_TIMEOUT
from controllers.git.transport.cutting import current, cuttable
from controllers.git.transport.dial import dial_direct
from controllers.net.destinations import Destinations

Connect: TypeAlias = Callable[[HTTPConnection], socket.socket]
"""Returns the socket for a connection of urllib3; raises what urllib3 raises there, or GitError."""


def use(manager: urllib3.PoolManager, connect: Connect) -> urllib3.PoolManager:
    """Make a manager's pools use connections of its own, which `connect` opens."""

    class Plain(HTTPConnection):
        def _new_conn(self) -> socket.socket:
            return connect(self)

        def request(self, *args: Any, **options: Any) -> None:
            _keep_cuttable(self)
            super().request(*args, **options)

    class Secure(HTTPSConnection):
        def _new_conn(self) -> socket.socket:
            return connect(self)

        def request(self, *args: Any, **options: Any) -> None:
            _keep_cuttable(self)
            super().request(*args, **options)

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = Plain

    class SecurePool(HTTPSConnectionPool):
        ConnectionCls = Secure

    manager.pool_classes_by_scheme = {"http": PlainPool, "https": SecurePool}
    return manager


def connect_within(destinations: Destinations | None) -> Connect:
    """Return what connects to hosts where the policy lets it; None: everywhere. Raises DestinationForbidden."""
    return lambda connection: _connect(connection, destinations)


def deadline_of(connection: HTTPConnection) -> Deadline:
    """Return the deadline of the operation that this thread is at, else one from the connection's own time limit."""
    if scope := current():
        return scope.deadline
    seconds = connection.timeout if isinstance(connection.timeout, int | float) else DEFAULT_TIMEOUT.total_seconds()
    return Deadline(timedelta(seconds=seconds), monotonic=time.monotonic)


def _keep_cuttable(connection: HTTPConnection) -> None:
    """Take over a connection that was opened by a former operation; a new one is taken over when it is made."""
    if connection.sock is not None:
        cuttable(connection.sock)


def _connect(connection: HTTPConnection, destinations: Destinations | None) -> socket.socket:
    host = connection._dns_host  # noqa: SLF001  # without the dot; where there is a proxy, its name
    try:
        return dial_direct(host, connection.port, deadline_of(connection), destinations)
    except socket.gaierror as e:
        raise NameResolutionError(connection.host, connection, e) from e
    except TimeoutError as e:
        raise ConnectTimeoutError(connection, f"Connection to {connection.host} timed out") from e
    except OSError as e:
        raise NewConnectionError(connection, f"Failed to establish a new connection: {e}") from e
