"""A host whose answers are much work for little data: `python -m hack.attacks.drip chunks --ports 40`.

Each way makes a client work per byte: chunks, header lines and interim answers cost it as much as thousands of bytes
do, and nothing of it ever ends. `/v2/` is answered as it should be, whatever else is asked drips. Prints its hosts, one
a line, and runs until killed.
"""

import argparse
import socket
import sys
import threading
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from itertools import repeat

from hack.env import process

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
PING = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
BLOCK = 64 << 10
"""Sent at a time: as much as fits, so that the server is never what is slow."""
GZIP = 16 + zlib.MAX_WBITS


def _fill(piece: bytes) -> bytes:
    return piece * (BLOCK // len(piece))


def chunks() -> Iterator[bytes]:
    """Yield a body in chunks of one byte each."""
    yield HEAD + b'Transfer-Encoding: chunked\r\n\r\nA\r\n{"tags": [\r\n'
    yield from repeat(_fill(b"1\r\n \r\n"))


def interim() -> Iterator[bytes]:
    """Yield interim answers (RFC 9110 section 15.2), and never the answer."""
    yield from repeat(_fill(b"HTTP/1.1 102 \r\n\r\n"))


def headers() -> Iterator[bytes]:
    """Yield header lines, as short as they can be."""
    yield HEAD
    yield from repeat(_fill(b"a:\r\n"))


def trailers() -> Iterator[bytes]:
    """Yield a short body and endless header lines after it."""
    yield HEAD + b"Transfer-Encoding: chunked\r\n\r\n0\r\n"
    yield from repeat(_fill(b"a:\r\n"))


def gzip() -> Iterator[bytes]:
    """Yield blanks that are a thousandth of their size when they are sent."""
    packer = zlib.compressobj(9, wbits=GZIP)
    yield HEAD + b"Content-Encoding: gzip\r\nConnection: close\r\n\r\n"
    yield packer.compress(b'{"tags": [') + packer.flush(zlib.Z_FULL_FLUSH)
    packed = packer.compress(b" " * (16 << 20)) + packer.flush(zlib.Z_FULL_FLUSH)
    yield from repeat(packed)


def brackets() -> Iterator[bytes]:
    """Yield a page that is all brackets."""
    yield HEAD + b'Connection: close\r\n\r\n{"a": ['
    yield from repeat(_fill(b"[[]],"))


def bytes_alone() -> Iterator[bytes]:
    """Yield a body byte by byte, as fast as the network takes it."""
    yield HEAD + b'Content-Length: 100000000\r\n\r\n{"tags": ['
    yield from repeat(b" ")


WAYS: dict[str, Callable[[], Iterator[bytes]]] = {
    "chunks": chunks,
    "interim": interim,
    "headers": headers,
    "trailers": trailers,
    "gzip": gzip,
    "brackets": brackets,
    "bytes": bytes_alone,
}


class DripServer:
    """Hosts that answer in one of WAYS, on loopback unless told otherwise; `hosts` are their names in an image."""

    def __init__(self, way: str, *, ports: int = 1, pause: float = 0.0, host: str = process.LOOPBACK) -> None:
        """Listen. pause: seconds between two blocks."""
        self._answer = WAYS[way]
        self._pause = pause
        self._closing = threading.Event()
        self._listeners = [socket.create_server((host, 0), backlog=128) for _ in range(ports)]
        self.hosts = [f"{host}:{listener.getsockname()[1]}" for listener in self._listeners]
        for listener in self._listeners:
            threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def close(self) -> None:
        """Stop listening and drop the answers under way."""
        self._closing.set()
        for listener in self._listeners:
            listener.close()

    def _accept(self, listener: socket.socket) -> None:
        while not self._closing.is_set():
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            with connection:
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                request = connection.recv(1 << 16)
                if request.startswith(b"GET /v2/ "):
                    connection.sendall(PING)
                    request = connection.recv(1 << 16)
                if not request.startswith(b"GET "):
                    return  # TLS is tried first; plain HTTP is what we speak
                for block in self._answer():
                    if self._closing.is_set():
                        return
                    connection.sendall(block)
                    time.sleep(self._pause)
        except OSError:
            return  # the client has gone


def main(argv: Sequence[str]) -> int:
    """Run until killed."""
    parser = argparse.ArgumentParser(prog="hack.attacks.drip", description=__doc__)
    parser.add_argument("way", choices=sorted(WAYS))
    parser.add_argument("--ports", type=int, default=1, help="how many hosts")
    parser.add_argument("--pause", type=float, default=0.0, help="seconds between two blocks")
    parser.add_argument("--host", default=process.LOOPBACK, help="the address to listen at")
    options = parser.parse_args(argv)
    server = DripServer(options.way, ports=options.ports, pause=options.pause, host=options.host)
    print("\n".join(server.hosts), flush=True)
    threading.Event().wait()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
