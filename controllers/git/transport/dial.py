"""Connect to a host, directly or through a proxy. Blocking; handshakes with proxies are in `net.proxy`."""

import socket
from urllib.parse import urlsplit

from controllers.git.errors import BadCredentials, BadUrl, DeadlineExceeded, Unreachable
from controllers.git.protocol.deadline import Deadline
from controllers.git.transport.cutting import cuttable
from controllers.net.foreign_text import sanitize
from controllers.net.library_errors import describe
from controllers.net.proxy import socks5
from controllers.net.proxy.address import Proxy
from controllers.net.proxy.handshake import Handshake, ProxyRefused

DEFAULT_HTTP_PORT = 80


def dial(host: str, port: int, proxy: Proxy | None, deadline: Deadline) -> socket.socket:
    """Return a connection to a host, with the remaining time as its timeout.

    Raises OSError without a proxy; Unreachable, DeadlineExceeded or BadCredentials, which name the proxy, with one;
    BadUrl for a name that no host can have.
    """
    name = _ascii(host)
    return _dial_proxy(proxy, name, port, deadline) if proxy else dial_direct(name, port, deadline)


def _dial_proxy(proxy: Proxy, host: str, port: int, deadline: Deadline) -> socket.socket:
    steps, default_port = _handshake(proxy, host, port)
    address = urlsplit(proxy.address)
    where = f"proxy {proxy.address}"
    try:
        connection = dial_direct(address.hostname or "", address.port or default_port, deadline)
        try:
            _run_handshake(connection, steps, deadline)
        except BaseException:
            connection.close()
            raise
    except ProxyRefused as e:
        raise Unreachable(f"{where} does not connect to {host}:{port}: {sanitize(str(e))}") from None
    except TimeoutError:
        raise DeadlineExceeded(f"{deadline.exceeded()} ({where})") from None
    except OSError as e:
        raise Unreachable(f"{where}: {describe(e).lower()}") from None
    return connection


def dial_direct(host: str, port: int, deadline: Deadline) -> socket.socket:
    """Connect to the first address of a host that answers; all of them share the remaining time. Raises OSError."""
    failure: OSError = socket.gaierror(socket.EAI_NONAME, "the name has no address")
    for family, kind, protocol, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        connection = socket.socket(family, kind, protocol)
        try:
            connection.settimeout(deadline.remaining())
            cuttable(connection)
            connection.connect(address)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # several small messages in a row
        except BaseException as e:
            connection.close()
            if not isinstance(e, OSError):
                raise
            failure = e
        else:
            return connection
    raise failure


def _ascii(host: str) -> str:
    """Return the name as the protocols carry it."""
    try:
        return host.encode("idna").decode()
    except UnicodeError:
        raise BadUrl(f"'{sanitize(host)}' cannot be the name of a host") from None


def _handshake(proxy: Proxy, host: str, port: int) -> tuple[Handshake, int]:
    match proxy.scheme:
        case "http":
            from controllers.net.proxy import httpconnect  # noqa: PLC0415  # h11 is not needed otherwise

            return httpconnect.handshake(
                host, port, username=proxy.username, password=proxy.password
            ), DEFAULT_HTTP_PORT
        case "socks5" | "socks5h":
            steps = socks5.handshake(host, port, username=proxy.username, password=proxy.password)
            return steps, socks5.DEFAULT_PORT
        case _:
            raise BadCredentials(f"proxy {proxy.address}: use one of http, socks5 or socks5h for ssh URLs")


def _run_handshake(connection: socket.socket, steps: Handshake, deadline: Deadline) -> None:
    received: bytes | None = None
    while True:
        try:
            data, length = next(steps) if received is None else steps.send(received)
        except StopIteration:
            return
        if data:
            connection.settimeout(deadline.remaining())
            connection.sendall(data)
        received = b""
        while len(received) < length:
            connection.settimeout(deadline.remaining())
            chunk = connection.recv(length - len(received))
            if not chunk:
                raise ProxyRefused("the proxy hung up")
            received += chunk
