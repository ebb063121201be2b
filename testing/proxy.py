"""A proxy: CONNECT over HTTP or SOCKS5, with a login, routes of its own and faults on demand."""

import base64
import socket
import socketserver
import threading
from collections.abc import Mapping
from contextlib import suppress
from typing import Literal

from testing.address import HOST

LOGIN_REFUSED, NOT_ALLOWED, UNREACHABLE = 255, 2, 4


class ProxyServer:
    """Use as a context manager.

    host: the address to listen at. login: `user:password` that is asked for. routes: leads `host:port` to `host:port`;
    when given, nothing else is reached. ahead: the answer comes in one piece with what the server behind says first.
    silent: no answer comes at all. refusal: what is said instead of connecting, a status line or a SOCKS5 code. asked:
    what was asked for.
    """

    def __init__(
        self,
        kind: Literal["http", "socks5"],
        *,
        login: str = "",
        routes: Mapping[str, str] | None = None,
        host: str = HOST,
    ) -> None:
        self.kind = kind
        self.host = host
        self.login = login
        self.routes = dict(routes or {})
        self._has_other_routes = routes is None
        self.ahead = self.silent = False
        self.refusal: str | int = ""
        self.asked: list[str] = []
        self._server = _Server((host, 0), _Handler)
        self._server.owner = self
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})

    @property
    def netloc(self) -> str:
        return f"{self.host}:{self._server.server_address[1]}"

    @property
    def url(self) -> str:
        return f"{self.kind}://{self.netloc}"

    def refusal_of(self, target: str) -> str | int:
        """Return what is said instead of connecting; empty: nothing, the target is connected to."""
        if self.refusal or self._has_other_routes or target in self.routes:
            return self.refusal
        return "HTTP/1.1 502 no route" if self.kind == "http" else UNREACHABLE

    def __enter__(self) -> "ProxyServer":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(socketserver.ThreadingTCPServer):
    owner: ProxyServer
    allow_reuse_address = True

    def __init__(self, address: tuple[str, int], handler: type[socketserver.BaseRequestHandler]) -> None:
        super().__init__(address, handler)
        self.opened: list[socket.socket] = []

    def server_close(self) -> None:
        for connection in self.opened:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        super().server_close()


class _Handler(socketserver.StreamRequestHandler):
    server: _Server

    def handle(self) -> None:
        self.server.opened.append(self.connection)
        owner = self.server.owner
        with suppress(OSError):
            if owner.silent:
                self.rfile.read()
            elif owner.kind == "http":
                self._http(owner)
            else:
                self._socks(owner)

    def _http(self, owner: ProxyServer) -> None:
        method, target, _ = self.rfile.readline().decode().split()
        headers: dict[str, str] = {}
        while line := self.rfile.readline().decode().strip():
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        owner.asked.append(f"{method} {target}")
        basic = f"Basic {base64.b64encode(owner.login.encode()).decode()}"
        if owner.login and headers.get("proxy-authorization") != basic:
            self.wfile.write(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 5\r\n\r\nlogin")
        elif refusal := owner.refusal_of(target):
            self.wfile.write(f"{refusal}\r\n\r\n".encode())
        else:
            self._connect(owner, target, b"HTTP/1.1 200 Connection established\r\nVia: 1.1 test\r\n\r\n")

    def _socks(self, owner: ProxyServer) -> None:
        _, count = self.rfile.read(2)
        method = 2 if owner.login else 0
        if method not in self.rfile.read(count):
            self.wfile.write(bytes([5, LOGIN_REFUSED]))
            return
        self.wfile.write(bytes([5, method]))
        if owner.login:
            user = self.rfile.read(self.rfile.read(2)[1])
            password = self.rfile.read(self.rfile.read(1)[0])
            right = user + b":" + password == owner.login.encode()
            self.wfile.write(bytes([1, 0 if right else 1]))
            if not right:
                return
        *_, kind = self.rfile.read(4)
        if kind == 3:
            host = self.rfile.read(self.rfile.read(1)[0]).decode()
        else:
            host = socket.inet_ntop(socket.AF_INET if kind == 1 else socket.AF_INET6, self.rfile.read(4 * kind))
        target = f"{host}:{int.from_bytes(self.rfile.read(2), 'big')}"
        owner.asked.append(f"SOCKS5 {target}")
        if refusal := owner.refusal_of(target):
            self.wfile.write(bytes([5, int(refusal), 0, 1, 0, 0, 0, 0, 0, 0]))
        else:
            self._connect(owner, target, b"\x05\0\0\x03\x05proxy\0\0")

    def _connect(self, owner: ProxyServer, target: str, answer: bytes) -> None:
        host, _, port = owner.routes.get(target, target).rpartition(":")
        with socket.create_connection((host, int(port))) as upstream:
            self.server.opened.append(upstream)
            self.wfile.write(answer + (upstream.recv(4096) if owner.ahead else b""))
            back = threading.Thread(target=_pump, args=(upstream, self.connection))
            back.start()
            _pump(self.connection, upstream)
            back.join()


def _pump(source: socket.socket, target: socket.socket) -> None:
    """Copy until either side has gone, and pass the end on."""
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)
