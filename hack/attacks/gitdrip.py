"""Git servers that never come to an end: they answer a little, all the time, so that no time limit of a socket ends it.

    python -m hack.attacks.gitdrip --mode headers --port 8080

Each mode drips somewhere else. The server counts the connections that are open, so that a test can tell whether its
victim has let go of them.
"""

import argparse
import itertools
import socket
import sys
import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from types import TracebackType
from typing import Self

from hack.env import process

DRIP_SECONDS = 0.2
ADVERTISEMENT = b"001e# service=git-upload-pack\n0000000eversion 2\n0000"
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/x-git-upload-pack-advertisement\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n"
SSH_BANNER = b"SSH-2.0-OpenSSH_9.6\r\n"


def _ssh_packet(payload: bytes) -> bytes:
    padding = 8 - (len(payload) + 5) % 8 + 8
    return (len(payload) + padding + 1).to_bytes(4, "big") + bytes([padding]) + payload + bytes(padding)


def _then(first: bytes, drip: bytes) -> Callable[[], Iterator[bytes]]:
    """Return what sends `first` at once and then the same bytes again and again."""
    return lambda: itertools.chain([first], itertools.repeat(drip))


def _empty_blocks() -> Iterator[bytes]:
    """Yield gzip that is valid and holds nothing."""
    compressor = zlib.compressobj(wbits=31)
    yield HEAD + b"Content-Encoding: gzip\r\n" + b"\r\n"
    while True:
        yield compressor.flush(zlib.Z_SYNC_FLUSH) or b"\0\0\0\xff\xff"


MODES: dict[str, Callable[[], Iterator[bytes]]] = {
    "silence": _then(b"", b""),
    "status": _then(b"HTTP/1.1 ", b"2"),
    "headers": _then(HEAD, b"X-More: soon\r\n"),
    "header-bytes": _then(HEAD + b"X-Long: ", b"x"),
    "interim": _then(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "error-body": _then(b"HTTP/1.1 500 Oh\r\nContent-Type: text/plain\r\nContent-Length: 900\r\n\r\n", b"x"),
    "denial-body": _then(b"HTTP/1.1 401 No\r\nContent-Type: text/plain\r\n\r\n", b"x"),
    "redirect-body": _then(b"HTTP/1.1 302 Go\r\nLocation: /y/info/refs?service=git-upload-pack\r\n\r\n", b"x"),
    "body": _then(HEAD + b"\r\n001e# service=", b"g"),
    "chunk-size": _then(HEAD + CHUNKED, b"0"),
    "chunks": _then(HEAD + CHUNKED, b"1\r\nx\r\n"),
    "compressed": _empty_blocks,
    "after-the-end": _then(HEAD + CHUNKED + b"32\r\n" + ADVERTISEMENT + b"\r\n", b"0"),
    "tls": _then(b"\x16\x03\x03\x40\x00", b"\x02"),
    "ssh-silence": _then(SSH_BANNER, b""),
    "ssh-banner": _then(b"", b"hold the line\r\n"),
    "ssh-banner-bytes": _then(b"", b"x"),
    "ssh-key-exchange": _then(SSH_BANNER, _ssh_packet(b"\x02" + b"\0\0\0\x04wait")),
    "ssh-length": _then(SSH_BANNER + b"\0\0\x0f\xfc", b"\0"),
}
"""What a server sends, by name."""


class DrippingServer:
    """A server that answers every connection in the same way, on loopback unless told otherwise. A context manager."""

    def __init__(self, mode: str, *, port: int = 0, every: float = DRIP_SECONDS, host: str = process.LOOPBACK) -> None:
        self._answer = MODES[mode]
        self._every = every
        self._closing = threading.Event()
        self._lock = threading.Lock()
        self.open = 0
        self.accepted = 0
        self._listener = socket.create_server((host, port))
        self.port: int = self._listener.getsockname()[1]
        self.host = f"{host}:{self.port}"
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._closing.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        while not self._closing.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with self._lock:
            self.open, self.accepted = self.open + 1, self.accepted + 1
        try:
            with connection, suppress(OSError):
                self._drip(connection)
        finally:
            with self._lock:
                self.open -= 1

    def _drip(self, connection: socket.socket) -> None:
        connection.settimeout(0)
        for data in self._answer():
            connection.settimeout(1)
            connection.sendall(data)
            connection.settimeout(0)
            with suppress(BlockingIOError):
                if not connection.recv(1 << 16):
                    return  # the client has let go
            if self._closing.wait(self._every):
                return


def main(arguments: list[str]) -> int:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(prog="python -m hack.attacks.gitdrip")
    parser.add_argument("--mode", choices=MODES, default="headers")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--every", type=float, default=DRIP_SECONDS, help="seconds between two drips")
    options = parser.parse_args(arguments)
    with DrippingServer(options.mode, port=options.port, every=options.every) as server, suppress(KeyboardInterrupt):
        print(f"{options.mode} at {server.host}", flush=True)
        while not threading.Event().wait(1):
            print(f"{server.open} connections open of {server.accepted}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
