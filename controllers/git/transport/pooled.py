"""Connections of urllib3 that end with the operation they are used for, and share one time limit for all addresses."""

import socket
import time
from datetime import timedelta
from typing import Any

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError

from controllers.git.protocol.deadline import Deadline
from controllers.git.remote import DEFAULT_TIMEOUT
from controllers.git.transport.cutting import current, cuttable
from controllers.git.transport.dial import dial_direct


class PlainConnection(HTTPConnection):
    """Over plain HTTP."""

    def _new_conn(self) -> socket.socket:
        return _connect(self)

    def request(self, *args: Any, **options: Any) -> None:
        _keep_cuttable(self)
        super().request(*args, **options)


class SecureConnection(HTTPSConnection):
    """Over TLS."""

    def _new_conn(self) -> socket.socket:
        return _connect(self)

    def request(self, *args: Any, **options: Any) -> None:
        _keep_cuttable(self)
        super().request(*args, **options)


class _PlainPool(HTTPConnectionPool):
    ConnectionCls = PlainConnection


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = SecureConnection


def use(manager: urllib3.PoolManager) -> urllib3.PoolManager:
    """Make a manager's pools use these connections."""
    manager.pool_classes_by_scheme = {"http": _PlainPool, "https": _SecurePool}
    return manager


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


def _connect(connection: HTTPConnection) -> socket.socket:
    try:
        return dial_direct(connection._dns_host, connection.port, deadline_of(connection))  # noqa: SLF001  # without the dot
    except socket.gaierror as e:
        raise NameResolutionError(connection.host, connection, e) from e
    except TimeoutError as e:
        raise ConnectTimeoutError(connection, f"Connection to {connection.host} timed out") from e
    except OSError as e:
        raise NewConnectionError(connection, f"Failed to establish a new connection: {e}") from e
