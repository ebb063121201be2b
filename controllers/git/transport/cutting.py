"""Shuts down the sockets of an operation when its time is over, whichever library is reading from them.

A socket's own time limit counts from the last byte, so a server that drips holds a thread as long as it likes. Here the
connection ends under the library, which then raises. The copy of the descriptor is what makes that possible: TLS takes
the socket away from those who have it.
"""

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

from controllers.git.protocol.deadline import Deadline

_here = threading.local()


class _Scope:
    def __init__(self, deadline: Deadline) -> None:
        self.deadline = deadline
        self.open = ExitStack()

    def add(self, connection: socket.socket) -> None:
        try:
            descriptor = os.dup(connection.fileno())
        except OSError:
            return  # it is closed already
        copy = self.open.enter_context(socket.socket(fileno=descriptor))
        self.open.enter_context(self.deadline.cutting(lambda: shut_down(copy)))


@contextmanager
def cut_at(deadline: Deadline) -> Iterator[None]:
    """Within the block and this thread, end connections that are `cuttable` when the deadline passes."""
    outer, scope = getattr(_here, "scope", None), _Scope(deadline)
    _here.scope = scope
    try:
        with scope.open:
            yield
    finally:
        _here.scope = outer


def cuttable(connection: socket.socket) -> None:
    """Have a connection end with the operation that this thread is at."""
    if scope := current():
        scope.add(connection)


def current() -> _Scope | None:
    """Return what this thread is at, if anything."""
    scope: _Scope | None = getattr(_here, "scope", None)
    return scope


def shut_down(connection: socket.socket) -> None:
    """End a connection for whoever reads from it or writes to it."""
    with suppress(OSError):  # it has ended already
        socket.socket.shutdown(connection, socket.SHUT_RDWR)
