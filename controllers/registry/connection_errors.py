"""Failures of connections in Go's words, which users of Flux know.

`Get "https://10.0.0.1:5000/v2/": dial tcp 10.0.0.1:5000: connect: connection refused`
"""

import errno
import socket
import ssl
from collections.abc import Iterator
from urllib.parse import urlsplit

from controllers.golang.quote import quote
from controllers.net.foreign_text import sanitize
from controllers.net.library_errors import describe
from controllers.net.url import redact_text
from controllers.registry.errors import Unavailable

CONNECT_ERRORS = {
    errno.ECONNREFUSED: "connection refused",
    errno.EHOSTUNREACH: "no route to host",
    errno.ENETUNREACH: "network is unreachable",
    errno.EADDRNOTAVAIL: "cannot assign requested address",
    errno.EACCES: "permission denied",
    errno.ETIMEDOUT: "connection timed out",
}
CONNECTION_LOST_ERRORS = {
    errno.ECONNRESET: "read: connection reset by peer",
    errno.ECONNABORTED: "read: connection reset by peer",
    errno.EPIPE: "write: broken pipe",
}
PLAIN_HTTP_REASONS = frozenset(
    {"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE", "PACKET_LENGTH_TOO_LONG"}
)
"""What OpenSSL says of a server that speaks plain HTTP."""

UNKNOWN_AUTHORITY = frozenset({18, 19, 20, 21, 24})
EXPIRED = frozenset({9, 10})
WRONG_NAME = frozenset({62, 63, 64})
"""OpenSSL's X509_V_ERR_*; see openssl-verification-options(1)."""


def format_request(method: str, url: str) -> str:
    """Return `Get "https://host/path"`, as Go begins the text of a request that got no answer."""
    return f"{method.capitalize()} {quote(redact_text(url))}"


def deadline_exceeded(method: str, url: str) -> Unavailable:
    return Unavailable(f"{format_request(method, url)}: context deadline exceeded")


def connection_error(
    error: Exception, method: str, url: str, *, proxy: str, timed_out: bool, fault: str = ""
) -> Unavailable:
    """Return the error for a request that got no answer, from whatever the HTTP library raised.

    proxy: address of the proxy in between, "" for none. fault: what is wrong, where the library's own words quote what
    somebody else sent.
    """
    begin = format_request(method, url)
    dial = f"proxyconnect tcp: dial tcp {_peer(proxy)}" if proxy else f"dial tcp {_peer(url)}"
    if timed_out:
        return Unavailable(f"{begin}: {dial}: i/o timeout", connection_lost=True, unreachable=True)
    for cause in _causes(error):
        match cause:
            case ssl.SSLError():
                return Unavailable(f"{begin}: {_tls_failure(cause, url)}", unreachable=True)
            case socket.gaierror():
                where = "proxyconnect tcp: dial tcp" if proxy else "dial tcp"
                name = urlsplit(proxy or url).hostname or ""
                return Unavailable(f"{begin}: {where}: lookup {name}: no such host", unreachable=True)
            case OSError(errno=number) if number in CONNECT_ERRORS:
                return Unavailable(f"{begin}: {dial}: connect: {CONNECT_ERRORS[number]}", unreachable=True)
            case OSError(errno=number) if number in CONNECTION_LOST_ERRORS:
                return Unavailable(f"{begin}: {CONNECTION_LOST_ERRORS[number]}", connection_lost=True)
    if fault:
        return Unavailable(f"{begin}: {fault}")
    if "closed connection" in str(error):
        return Unavailable(f"{begin}: unexpected EOF", connection_lost=True)
    if "disconnected" in str(error) or not str(error):
        return Unavailable(f"{begin}: EOF", connection_lost=True)
    return Unavailable(f"{begin}: {describe(error)}")


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """Yield the error and what led to it, outermost first, groups flattened."""
    while error is not None:
        if isinstance(error, BaseExceptionGroup):
            for inner in error.exceptions:
                yield from _causes(inner)
        yield error
        error = error.__cause__ or error.__context__


def _tls_failure(error: ssl.SSLError, url: str) -> str:
    if not isinstance(error, ssl.SSLCertVerificationError):
        if error.reason in PLAIN_HTTP_REASONS:
            return "http: server gave HTTP response to HTTPS client"
        return f"tls: {sanitize((error.reason or 'handshake failure').lower().replace('_', ' '))}"
    if error.verify_code in UNKNOWN_AUTHORITY:
        reason = "certificate signed by unknown authority"
    elif error.verify_code in EXPIRED:
        reason = "certificate has expired or is not yet valid"
    elif error.verify_code in WRONG_NAME:
        reason = f"certificate is not valid for {urlsplit(url).hostname or ''}"
    else:
        reason = sanitize(error.verify_message)
    return f"tls: failed to verify certificate: x509: {reason}"


def _peer(url: str) -> str:
    parts = urlsplit(url)
    host = parts.hostname or ""
    host = f"[{host}]" if ":" in host else host
    return f"{host}:{parts.port or (443 if parts.scheme == 'https' else 80)}"
