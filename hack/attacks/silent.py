"""A host that accepts every connection and never says a word.

    python -m hack.attacks.silent --port 8000

Whoever asks it waits until his own patience ends. Costs the attacker a socket for each connection.
"""

import argparse
import contextlib
import selectors
import socket
import threading
from types import TracebackType

from hack.env import process

POLL_SECONDS = 0.1


class SilentServer:
    """Listens until it is closed, on loopback unless told otherwise; `host` is its name in an image or URL."""

    def __init__(self, port: int = 0, *, host: str = process.LOOPBACK) -> None:
        self._listener = socket.create_server((host, port), backlog=1024)
        self._listener.setblocking(False)
        self.host = f"{host}:{self._listener.getsockname()[1]}"
        self.accepted = 0
        """Connections so far."""
        self._open: set[socket.socket] = set()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def __enter__(self) -> "SilentServer":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    @property
    def connections(self) -> int:
        """How many clients wait now."""
        return len(self._open)

    def close(self) -> None:
        """Drop all connections."""
        self._closing.set()
        self._thread.join()

    def wait(self) -> None:
        """Return when the server is closed by another thread, or the process interrupted."""
        self._closing.wait()

    def _serve(self) -> None:
        with selectors.DefaultSelector() as selector, self._listener:
            selector.register(self._listener, selectors.EVENT_READ)
            while not self._closing.is_set():
                for ready, _ in selector.select(POLL_SECONDS):
                    self._handle(selector, ready.fileobj)
            for connection in self._open:
                connection.close()
            self._open.clear()

    def _handle(self, selector: selectors.BaseSelector, ready: object) -> None:
        if ready is self._listener:
            connection, _ = self._listener.accept()
            connection.setblocking(False)
            self._open.add(connection)
            self.accepted += 1
            selector.register(connection, selectors.EVENT_READ)
            return
        assert isinstance(ready, socket.socket)
        with contextlib.suppress(BlockingIOError, ConnectionError):
            if ready.recv(1 << 16):
                return  # read and ignored
        selector.unregister(ready)
        self._open.discard(ready)
        ready.close()


def main() -> None:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--port", type=int, default=0)
    with SilentServer(parser.parse_args().port) as server:
        print(f"silent on {server.host}", flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            server.wait()


if __name__ == "__main__":
    main()
