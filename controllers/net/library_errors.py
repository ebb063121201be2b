"""What the exceptions of libraries mean, in words that cannot hold what a library was given.

`Illegal header value b'Bearer …'`: the text of an exception may quote a credential, a body or a file. So a text of
somebody else is shown only where it is known to be made of constants, numbers and addresses; of all others the name of
the class is shown. Our own exceptions are made for being read. Nothing is imported for this: classes of libraries are
recognised by their names.
"""

import json
import os
import re
import ssl
import struct
import traceback
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from controllers.net.foreign_text import escape_lines, sanitize


class LibraryPanic(RuntimeError):
    """A library written in Rust has given up over what it was given."""


UNREADABLE: Final = (
    LibraryPanic,
    ValueError,
    TypeError,
    LookupError,
    ArithmeticError,
    AssertionError,
    EOFError,
    NotImplementedError,
    RecursionError,
    struct.error,
    zlib.error,
)
"""What Python's and other libraries' parsers raise over bytes that they do not expect. An edge turns them into an error
of its own, at one place, so that nobody's answer ends a run as a crash."""
OURS: Final = frozenset({"api", "cli", "controllers"})
"""Top packages whose exceptions may be shown."""
MAX_CHAIN: Final = 16

_QUOTED: Final = re.compile(r"'[^']*'|\"[^\"]*\"")
_VALUE: Final = re.compile(r"^(Invalid (?:enum|tag) value) .*?(?= - at `|$)", re.DOTALL)
_TUNNEL: Final = re.compile(r"Tunnel connection failed: (\d{3})\b")
"""As `http.client` says what a proxy answered; the words behind it are the proxy's."""
STATUS_WORDS: Final = {
    "400": "Bad Request",
    "401": "Unauthorized",
    "403": "Forbidden",
    "404": "Not Found",
    "407": "Proxy Authentication Required",
    "500": "Internal Server Error",
    "502": "Bad Gateway",
    "503": "Service Unavailable",
    "504": "Gateway Timeout",
}
"""What a status of a proxy means, in words of our own."""
_KUBE_CONFIG: Final = re.compile(
    r"Invalid kube-config.*|File does not exist: .*|missing access token cmd.*|exec: process returned -?\d+|"
    r"exec: missing \w+( or \w+)?|exec: malformed (request|response)\. missing key '\w+'|"
    r"exec: failed to decode process output"
)
_PARAMIKO: Final = (
    "Bad host key from server",
    "Channel closed",
    "Channel is not open",
    "Error reading SSH protocol banner",
    "Invalid packet blocking",
    "Invalid SSH banner",
    "Key-exchange timed out",
    "Mismatched MAC",
    "Negotiation failed",
    "No existing session",
    "SSH session not active",
    "Timeout opening channel",
)
"""Beginnings of texts that are constants, numbers aside."""


@contextmanager
def catching_panics() -> Iterator[None]:
    """Raise LibraryPanic for a panic of a library written in Rust.

    What PyO3 raises is no Exception, since it means a bug, so it passes all who catch those, and ends the process. Over
    bytes of somebody else it is one more way of saying that they cannot be read.
    """
    try:
        yield
    except BaseException as error:
        if type(error).__name__ != "PanicException":
            raise
        raise LibraryPanic("a library cannot read it") from None


def describe(error: BaseException) -> str:
    """Return in one line what went wrong: the first cause that is known, else the name of the error's class."""
    return next(filter(None, map(_sentence, _causes(error))), type(error).__name__)


def safe_text(error: BaseException) -> str:
    """Return the text of an error alone, without its causes; "" where it is not known to be safe."""
    return _sentence(error) or ""


def format_traceback(error: BaseException) -> str:
    """Return the traceback of an error and its causes as Python prints it, with safe texts only."""
    parts = []
    for number, link in enumerate(reversed(list(_context_chain(error)))):
        if number:
            parts.append("\nwhich led to:\n\n")
        parts.append("Traceback (most recent call last):\n")
        parts += traceback.format_tb(link.__traceback__)
        parts.append(f"{name_and_text(link)}\n")
    return "".join(parts).rstrip("\n")


def name_and_text(error: BaseException) -> str:
    """Return `ClassName: text`, or the name alone where the text is not known to be safe."""
    text = safe_text(error)
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _sentence(error: BaseException) -> str | None:
    if type(error).__module__.partition(".")[0] in OURS:
        return escape_lines(str(error)) or None
    for kind in type(error).__mro__:
        known = _KNOWN.get((kind.__module__.partition(".")[0], kind.__name__))
        if known is not None:
            return (known if isinstance(known, str) else known(error)) or None
    return _of_the_standard_library(error)


def _of_the_standard_library(error: BaseException) -> str | None:
    match error:
        case ssl.SSLCertVerificationError():
            return f"certificate verify failed: {sanitize(error.verify_message)}"
        case ssl.SSLError():
            return sanitize((getattr(error, "reason", None) or "TLS handshake failed").lower().replace("_", " "))
        case OSError(errno=int(number)) if number > 0:
            return os.strerror(number)
        case OSError() if found := _TUNNEL.match(str(error)):
            return f"{found[1]} {STATUS_WORDS.get(found[1], '')}".strip()
        case TimeoutError():
            return "no answer in time"
        case ConnectionError() | EOFError():
            return "the connection was closed"
        case json.JSONDecodeError():
            return f"{error.msg} at line {error.lineno}, column {error.colno}"
        case UnicodeDecodeError():
            return f"byte {error.start} is not {error.encoding}"
        case _:
            return None


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield the error and what led to it, outermost first; groups, and errors among the arguments, included."""
    waiting, seen = [error], set[int]()
    while waiting and len(seen) < MAX_CHAIN:
        current = waiting.pop(0)
        if id(current) in seen:
            continue
        seen.add(id(current))
        yield current
        inner = list(current.exceptions) if isinstance(current, BaseExceptionGroup) else []
        inner += [argument for argument in current.args if isinstance(argument, BaseException)]
        reason = getattr(current, "reason", None)
        waiting += [
            cause
            for cause in (*inner, reason, current.__cause__, current.__context__)
            if isinstance(cause, BaseException)
        ]


def _context_chain(error: BaseException) -> Iterator[BaseException]:
    link: BaseException | None = error
    seen: set[int] = set()
    while link is not None and id(link) not in seen and len(seen) < MAX_CHAIN:
        seen.add(id(link))
        yield link
        if isinstance(link, BaseExceptionGroup):
            for inner in link.exceptions:
                yield from _context_chain(inner)
        link = link.__cause__ or (None if link.__suppress_context__ else link.__context__)


def _msgspec(error: Any) -> str:
    return sanitize(_VALUE.sub(r"\1", str(error)))


def _yaml(error: Any) -> str:
    """Return the parser's complaint without what it quotes of the text, and the place."""
    mark = getattr(error, "problem_mark", None)
    words = [part for part in (getattr(error, "context", None), getattr(error, "problem", None)) if part]
    text = sanitize(_QUOTED.sub("'…'", ", ".join(words) or "not YAML"))
    return f"{text} (line {mark.line + 1}, column {mark.column + 1})" if mark else text


def _paramiko(error: Any) -> str:
    text = str(error)
    return sanitize(text) if text.startswith(_PARAMIKO) else ""


def _incompatible_peer(error: Any) -> str:
    return sanitize(_QUOTED.sub("", str(error))) if "no acceptable" in str(error) else ""


def _kube_config(error: Any) -> str:
    # Names of files, sections and keys; of an exec plugin the status it ended with, and not what it wrote.
    found = _KUBE_CONFIG.match(str(error))
    return sanitize(found[0]) if found else ""


def _connector(error: Any) -> str:
    cause = _sentence(error.os_error) or "connection failed"
    return f"cannot connect to {sanitize(str(error.host))}:{error.port}: {cause}"


def _proxy_refusal(error: Any) -> str:
    """Return the proxy's words: they are not the library's, and the caller takes out what the proxy was given."""
    return sanitize(str(error))


_Known = str | Callable[[Any], str]
_KNOWN: Final[dict[tuple[str, str], _Known]] = {
    ("aiohttp", "ClientConnectorCertificateError"): lambda error: _sentence(error.certificate_error) or "",
    ("aiohttp", "ClientConnectorError"): _connector,
    ("aiohttp", "ClientPayloadError"): "the answer was cut short",
    ("aiohttp", "ServerDisconnectedError"): "the server closed the connection",
    ("http", "BadStatusLine"): "the answer is not HTTP",
    ("http", "IncompleteRead"): "the answer was cut short",
    ("http", "LineTooLong"): "a line of the answer is too long",
    ("http", "RemoteDisconnected"): "remote end closed connection without response",
    ("httpcore", "LocalProtocolError"): "the request cannot be written as HTTP",
    ("httpcore", "ProxyError"): _proxy_refusal,
    ("httpcore", "RemoteProtocolError"): "the answer is not valid HTTP",
    ("httpx", "InvalidURL"): "not a valid URL",
    ("httpx", "LocalProtocolError"): "the request cannot be written as HTTP",
    ("httpx", "ProxyError"): _proxy_refusal,
    ("httpx", "RemoteProtocolError"): "the answer is not valid HTTP",
    ("httpx", "UnsupportedProtocol"): "the URL's scheme is not supported",
    ("kubernetes", "ConfigException"): _kube_config,
    ("msgspec", "MsgspecError"): _msgspec,
    ("paramiko", "IncompatiblePeer"): _incompatible_peer,
    ("paramiko", "SSHException"): _paramiko,
    ("socket", "gaierror"): lambda error: sanitize(error.strerror or "name does not resolve"),
    ("urllib3", "DecodeError"): "the body is not in the encoding that it claims",
    ("urllib3", "IncompleteRead"): "the answer was cut short",
    ("urllib3", "InvalidChunkLength"): "the answer was cut short",
    ("urllib3", "LocationValueError"): "not a valid URL",
    ("urllib3", "NewConnectionError"): "",  # a timeout by inheritance only: its cause says what happened
    ("urllib3", "TimeoutError"): "no answer in time",
    ("yaml", "YAMLError"): _yaml,
}
"""By top package and class, subclasses included: a constant, or a function that keeps what is known to be safe."""
