"""Hosts that answer, but not as a registry does: one never ends its answer, one shows a login page."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from testing.address import HOST

DRIP_SECONDS = 0.2
LOGIN_PAGE = b"<!DOCTYPE html><html><body>Please log in to the guest network</body></html>"


class HostileServer(ThreadingHTTPServer):
    """A server of the tests; `host` is its name in an image."""

    daemon_threads = True

    def __init__(self, handler: type[BaseHTTPRequestHandler]) -> None:
        super().__init__((HOST, 0), handler)
        self.host = f"{HOST}:{self.server_address[1]}"
        self.closing = threading.Event()
        self._thread = threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop the server and drop the answers that it has begun."""
        self.closing.set()
        self.shutdown()
        self.server_close()
        self._thread.join()


class SlowHeadersHandler(BaseHTTPRequestHandler):
    """Sends one header after the other, slowly, and never the end of them."""

    server: HostileServer

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing."""

    def do_GET(self) -> None:
        self.send_response(200)
        number = 0
        try:
            while not self.server.closing.wait(DRIP_SECONDS):
                self.send_header(f"X-{number}", "soon")
                self.flush_headers()
                number += 1
        except OSError:
            return  # the client has lost patience


class CaptivePortalHandler(BaseHTTPRequestHandler):
    """A captive portal: 200 and HTML for every request."""

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(LOGIN_PAGE)))
        self.end_headers()
        self.wfile.write(LOGIN_PAGE)
