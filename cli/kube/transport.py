"""Sends requests to one API server: one connection that is kept, one reconnect, waits that the server asks for.

Every error on the way becomes an ApiError; whatever ends a request early, Ctrl-C included, closes its connection.
"""

import socket
import ssl
from collections.abc import Generator, Mapping, Sequence
from contextlib import suppress
from types import MappingProxyType
from typing import Final, NamedTuple, NoReturn, TypeAlias
from urllib.parse import SplitResult, quote, urlencode, urlsplit

from cli.kube import proxies
from cli.kube.connection import Connection, Identity, Trust, tls_context
from cli.kube.deadline import Deadline
from cli.kube.http1 import NotHttp, Response, Socket, Stream
from controllers.runtime.kube.errors import NotConfigured, TooLarge

CONNECT_SECONDS: Final = 30.0
"""For each of an address, TLS and a proxy's answer; a host that is not there says nothing."""
MAX_ANSWER_BYTES: Final = 256 << 20
MAX_ERROR_BYTES: Final = 1 << 20
MAX_RETRIES: Final = 10
KEEPALIVE_SECONDS: Final = 15
_MAX_LABEL: Final = 63
"""Characters of one part of a host's name."""
_REPEATABLE: Final = frozenset({"GET", "PUT", "DELETE"})
_LOST: Final = (ConnectionError, EOFError, ssl.SSLEOFError, ssl.SSLZeroReturnError)


_Request: TypeAlias = tuple[str, str, list[tuple[str, str]], bytes | None]


class Call(NamedTuple):
    """One request."""

    operation: str
    """Verb, resource and key: the beginning of error texts."""
    method: str
    path: str
    """Percent-encoded, without the server's prefix."""
    query: Mapping[str, str | Sequence[str]] = MappingProxyType({})
    """Empty values are left out."""
    body: bytes | None = None
    content_type: str = "application/json"


class Transport:
    """Not safe to use from several threads. Close it at the end."""

    def __init__(self, connection: Connection, deadline: Deadline, *, user_agent: str) -> None:
        self._connection = connection
        self._deadline = deadline
        self._user_agent = user_agent
        self._url = urlsplit(connection.server)
        self._proxy = urlsplit(connection.proxy) if connection.proxy else None
        self._idle: Stream | None = None
        self._identity: Identity | None = None
        self._context: tuple[Identity, ssl.SSLContext] | None = None

    def close(self) -> None:
        """Close the connection that is kept."""
        if self._idle is not None:
            self._idle.close()
            self._idle = None

    def request(self, call: Call) -> bytes:
        """Return the body of a successful answer. Raises an ApiError."""
        for attempt in range(1, MAX_RETRIES + 2):
            stream, response = self._send(call, self._deadline, keep=True)
            limit = MAX_ANSWER_BYTES if response.status < 300 else MAX_ERROR_BYTES
            body = self._read(call, stream, response, limit)
            if response.status < 300:
                return body
            self._wait_or_raise(call, response, body, last=attempt > MAX_RETRIES)
        raise AssertionError("the last attempt returns or raises")

    def stream(self, call: Call, deadline: Deadline) -> Generator[bytes, None, None]:
        """Yield the body of a successful answer as it comes, on a connection of its own, until `deadline`.

        Raises an ApiError when there is no such answer, Unreachable when it breaks off.
        """
        stream, response = self._open(call, deadline.within(self._deadline.remaining()))
        stream.deadline = deadline
        try:
            yield from response.pieces()
        except (OSError, EOFError, NotHttp) as error:
            if not deadline.has_passed():
                self._raise(call, error)
        finally:
            stream.close()

    def _open(self, call: Call, deadline: Deadline) -> tuple[Stream, Response]:
        for attempt in range(1, MAX_RETRIES + 2):
            stream, response = self._send(call, deadline, keep=False)
            if response.status < 300:
                return stream, response
            body = self._read(call, stream, response, MAX_ERROR_BYTES)
            self._wait_or_raise(call, response, body, last=attempt > MAX_RETRIES)
        raise AssertionError("the last attempt returns or raises")

    def _send(self, call: Call, deadline: Deadline, *, keep: bool) -> tuple[Stream, Response]:
        """Return an answer whose body is still to be read; ask for credentials anew when they are refused."""
        stream, response = self._exchange(call, deadline, keep=keep)
        if response.status != 401 or not self._connection.credentials.renew():
            return stream, response
        stream.close()
        self.close()
        self._identity = None
        return self._exchange(call, deadline, keep=keep)

    def _exchange(self, call: Call, deadline: Deadline, *, keep: bool) -> tuple[Stream, Response]:
        identity = self._current_identity(deadline)
        request = self._prepare(call, identity)
        kept = self._take_idle() if keep else None
        try:
            if kept is not None:
                try:
                    return kept, _ask(kept, request)
                except _LOST:
                    # The server has closed a connection that it thought idle. What may have been done is not repeated.
                    if kept.received or call.method not in _REPEATABLE:
                        raise
            stream = self._dial(identity, deadline)
            return stream, _ask(stream, request)
        except (OSError, EOFError, NotHttp, proxies.ProxyRefused) as error:
            self._raise(call, error)

    def _take_idle(self) -> Stream | None:
        stream, self._idle = self._idle, None
        if stream is not None and not stream.is_alive():
            stream.close()
            return None
        return stream

    def _read(self, call: Call, stream: Stream, response: Response, limit: int) -> bytes:
        pieces, size = [], 0
        try:
            for piece in response.pieces():
                pieces.append(piece)
                size += len(piece)
                if size > limit:
                    raise TooLarge(call.operation, f"answer of more than {limit >> 20} MiB", status=response.status)
        except (OSError, EOFError, NotHttp) as error:
            stream.close()
            self._raise(call, error)
        except BaseException:
            stream.close()
            raise
        if response.is_reusable and self._idle is None:
            self._idle = stream
        else:
            stream.close()
        return b"".join(pieces)

    def _wait_or_raise(self, call: Call, response: Response, body: bytes, *, last: bool) -> None:
        from cli.kube import failures  # noqa: PLC0415 -- takes longer than a request

        error = failures.refused(call.operation, response.status, response.headers, body)
        wait = error.retry_after
        if last or wait is None or (error.status != 429 and error.status < 500) or not self._deadline.allows(wait):
            raise error
        self._deadline.sleep(wait)

    def _raise(self, call: Call, error: Exception) -> NoReturn:
        if self._deadline.has_passed():
            raise self._deadline.error(call.operation) from error
        from cli.kube import failures  # noqa: PLC0415 -- takes longer than a request

        raise failures.unreachable(call.operation, error, self._connection) from error

    def _current_identity(self, deadline: Deadline) -> Identity:
        identity = self._connection.credentials.identity(deadline)
        if self._identity is not None and identity != self._identity:
            self.close()  # a connection is as whom its certificate says
        self._identity = identity
        return identity

    def _prepare(self, call: Call, identity: Identity) -> _Request:
        host = self._url.netloc
        query = urlencode({key: value for key, value in call.query.items() if value}, doseq=True, quote_via=quote)
        target = self._url.path + call.path + (f"?{query}" if query else "")
        headers = [
            ("Host", host),
            ("User-Agent", self._user_agent),
            ("Accept", "application/json, */*"),
            ("Accept-Encoding", "gzip" if self._connection.compress else "identity"),
            *self._connection.headers,
        ]
        if identity.authorization:
            headers.append(("Authorization", identity.authorization))
        if call.body is not None:
            headers.append(("Content-Type", call.content_type))
        if self._proxy is not None and self._url.scheme == "http":
            target = f"http://{host}{target}"
            headers += proxies.authorization(self._proxy)
        return call.method, target, headers, call.body

    def _dial(self, identity: Identity, deadline: Deadline) -> Stream:
        """Return a new connection."""
        to = self._proxy or self._url
        limit = deadline.within(CONNECT_SECONDS)
        found: Socket = _connect(to.hostname or "", to.port or proxies.DEFAULT_PORTS[to.scheme], limit)
        try:
            if self._proxy is not None:
                found = self._through(self._proxy, found, limit)
            if self._url.scheme == "https":
                name = self._connection.trust.server_name or self._url.hostname or ""
                found = _encrypt(found, self._tls(identity), name, limit)
        except BaseException:
            found.close()
            raise
        return Stream(found, deadline)

    def _tls(self, identity: Identity) -> ssl.SSLContext:
        # The authorities of a machine take as long to read as several requests.
        if self._context is None or self._context[0] != identity:
            self._context = identity, tls_context(self._connection.trust, identity)
        return self._context[1]

    def _through(self, proxy: SplitResult, plain: Socket, limit: Deadline) -> Socket:
        if proxy.scheme == "https":
            plain = _encrypt(plain, tls_context(Trust(), Identity()), proxy.hostname or "", limit)
        if self._url.scheme == "https":
            port = self._url.port or proxies.DEFAULT_PORTS["https"]
            proxies.tunnel(Stream(plain, limit), proxy, self._url.hostname or "", port)
        return plain


def _ask(stream: Stream, request: _Request) -> Response:
    try:
        # A server that closes early may have said why, in TLS or in HTTP: that it is read is worth more than the send.
        with suppress(*_LOST):
            stream.send(*request)
        return Response(stream)
    except BaseException:
        stream.close()
        raise


def _connect(host: str, port: int, limit: Deadline) -> socket.socket:
    # The time that a resolver takes is its own: nothing short of a thread can end it.
    try:
        found = socket.create_connection((host, port), timeout=limit.remaining() or 0.001)
    except UnicodeError:
        raise NotConfigured(f"{host} is not a name that a host can have; correct the server, or the proxy") from None
    found.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    # A watch says nothing for minutes: so that a peer that is gone is noticed.
    found.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option in ("TCP_KEEPIDLE", "TCP_KEEPINTVL"):
        if hasattr(socket, option):
            found.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), KEEPALIVE_SECONDS)
    return found


def _is_fit_name(name: str) -> bool:
    """Return whether OpenSSL takes a name; it leaves the socket open when it does not."""
    if name.isascii():
        return all(0 < len(label) <= _MAX_LABEL for label in name.removesuffix(".").split("."))
    try:
        return bool(name.encode("idna"))
    except UnicodeError:
        return False


def _encrypt(plain: Socket, context: ssl.SSLContext, name: str, limit: Deadline) -> Socket:
    plain.settimeout(limit.remaining() or 0.001)
    if not _is_fit_name(name):
        raise NotConfigured(f"{name} is not a name that a host can have; correct tls-server-name")
    if isinstance(plain, socket.socket) and not isinstance(plain, ssl.SSLSocket):
        return context.wrap_socket(plain, server_hostname=name)
    from urllib3.util.ssltransport import SSLTransport  # noqa: PLC0415 -- only for TLS within TLS

    return SSLTransport(plain, context, server_hostname=name)  # type: ignore[arg-type,return-value]
