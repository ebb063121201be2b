"""A forward proxy on loopback that leads names of the world to local addresses.

So a registry on this machine is `index.docker.io` to a controller that uses the proxy: TLS goes through
unopened (CONNECT, RFC 9110 section 9.3.6), and only a certificate for that name is accepted.
"""

import socket
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Tunnel(ThreadingHTTPServer):
    """`routes` leads `host:port` to `host:port`; everything else is refused. `asked` has what was asked for."""

    daemon_threads = True

    def __init__(self, routes: Mapping[str, str]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.routes = dict(routes)
        self.asked: list[str] = []
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self._thread = threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop the proxy."""
        self.shutdown()
        self.server_close()
        self._thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Tunnel

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing."""

    def do_CONNECT(self) -> None:
        self.server.asked.append(self.path)
        target = self.server.routes.get(self.path)
        if target is None:
            self.send_error(502, "no route")
            return
        host, _, port = target.rpartition(":")
        with socket.create_connection((host, int(port))) as upstream:
            self.send_response(200)
            self.end_headers()
            back = threading.Thread(target=_pump, args=(upstream, self.connection), daemon=True)
            back.start()
            _pump(self.connection, upstream)
            back.join()
        self.close_connection = True


def _pump(source: socket.socket, target: socket.socket) -> None:
    """Copy until either side has gone, and pass the end on."""
    try:
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        return
