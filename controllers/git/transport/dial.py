"""Connect to a host, directly or through a proxy. Blocking; handshakes with proxies are in `net.proxy`."""

import socket
from collections.abc import Collection, Sequence
from typing import Any, TypeAlias
from urllib.parse import urlsplit

from controllers.git.errors import BadCredentials, BadUrl, DeadlineExceeded, DestinationForbidden, Unreachable
from controllers.git.protocol.deadline import Deadline
from controllers.git.transport.cutting import cuttable
from controllers.net.destinations import DestinationRefused, Destinations
from controllers.net.foreign_text import sanitize
from controllers.net.library_errors import describe
from controllers.net.proxy import socks5
from controllers.net.proxy.address import Proxy
from controllers.net.proxy.handshake import Handshake, ProxyRefused

DEFAULT_HTTP_PORT = 80

_Found: TypeAlias = tuple[Any, Any, int, str, tuple[Any, ...]]
"""An entry of what `getaddrinfo` returns."""


def dial(
    host: str, port: int, proxy: Proxy | None, deadline: Deadline, destinations: Destinations | None
) -> socket.socket:
    """Return a connection to a host, with the remaining time as its timeout.

    destinations: where it may lead, directly or by the proxy, and where the proxy may be; None: anywhere.
    Raises OSError without a proxy; Unreachable, DeadlineExceeded or BadCredentials, which name the proxy, with one;
    BadUrl for a name that no host can have; DestinationForbidden.
    """
    name = _ascii(host)
    if proxy:
        return _dial_proxy(proxy, name, port, deadline, destinations)
    return dial_direct(name, port, deadline, destinations)


def check_name(host: str, destinations: Destinations) -> None:
    """Raise DestinationForbidden for a host that is refused by its name: all that we know of one behind a proxy."""
    try:
        destinations.check_name(host, _addresses(host) if destinations.must_resolve(host) else ())
    except DestinationRefused as e:
        raise DestinationForbidden(str(e)) from None


def _addresses(host: str) -> Collection[str]:
    try:
        return [str(entry[4][0]) for entry in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)]
    except (OSError, UnicodeError):
        return ()


def _dial_proxy(
    proxy: Proxy, host: str, port: int, deadline: Deadline, destinations: Destinations | None
) -> socket.socket:
    if destinations:
        check_name(host, destinations)
    steps, default_port = _handshake(proxy, host, port)
    address = urlsplit(proxy.address)
    where = f"proxy {proxy.address}"
    try:
        connection = dial_direct(address.hostname or "", address.port or default_port, deadline, destinations)
        try:
            _run_handshake(connection, steps, deadline)
        except BaseException:
            connection.close()
            raise
    except DestinationForbidden as e:
        raise DestinationForbidden(f"{where}: {e}") from None
    except ProxyRefused as e:
        raise Unreachable(f"{where} does not connect to {host}:{port}: {sanitize(str(e))}") from None
    except TimeoutError:
        raise DeadlineExceeded(f"{deadline.exceeded()} ({where})") from None
    except OSError as e:
        raise Unreachable(f"{where}: {describe(e).lower()}") from None
    return connection


def dial_direct(host: str, port: int, deadline: Deadline, destinations: Destinations | None) -> socket.socket:
    """Connect to the first address of a host that answers; all of them share the remaining time.

    The name is resolved once: what was judged is what is connected to. destinations: which addresses may be; None: any.
    Raises OSError, and DestinationForbidden when no address may be connected to.
    """
    failure: OSError = socket.gaierror(socket.EAI_NONAME, "the name has no address")
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    allowed = _allowed_of(host, found, destinations)
    for family, kind, protocol, _, address in found:
        if address[0] not in allowed:
            continue
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


def _allowed_of(host: str, found: Sequence[_Found], destinations: Destinations | None) -> Collection[str]:
    addresses = [str(entry[4][0]) for entry in found]
    try:
        return destinations.allowed_of(host, addresses) if destinations else addresses
    except DestinationRefused as e:
        raise DestinationForbidden(str(e)) from None


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
