r"""The head of a request: stricter than a server has to be, since proxies in front may read it in another way.

h11 parses; what it would let pass is refused here: line ends that are not CRLF, headers over several lines, a length
beside a transfer encoding. All of these are how one request is smuggled in another (RFC 9112 sections 5.2, 6.1, 11.2).
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

import h11

from controllers.hookserver.limits import Limits

END: Final = b"\r\n\r\n"
MAX_LENGTH_DIGITS: Final = 18


class BadRequest(Exception):
    """Not HTTP as it is taken here, or too much of it: status and reason of the answer, after which nothing is read."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """Request line and headers."""

    method: str
    path: str
    """Without the query, as it was sent."""
    query: str = ""
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    """In their order, names in lower case, octets as Latin-1."""
    keeps_alive: bool = True
    """Whether the sender wants to send another request on the same connection."""
    length: int | None = 0
    """Of the body; None where it comes in chunks."""
    expects_continue: bool = False

    def values(self, name: str) -> list[str]:
        """Return the values of a header, given in lower case."""
        return [value for key, value in self.headers if key == name]


def parse_head(raw: bytes, limits: Limits) -> tuple[Head, h11.Connection]:
    """Return the head of a request, and the parser for its body. Raises BadRequest.

    raw: up to the end of the empty line
    """
    _check_lines(raw, limits)
    connection = h11.Connection(h11.SERVER, max_incomplete_event_size=limits.head_bytes + len(END))
    try:
        connection.receive_data(raw)
        event = connection.next_event()
    except h11.RemoteProtocolError as error:
        raise BadRequest(error.error_status_hint, "InvalidRequest") from None
    if not isinstance(event, h11.Request):
        raise BadRequest(400, "InvalidRequest")
    return _head(event), connection


def _check_lines(raw: bytes, limits: Limits) -> None:
    lines = raw[: -len(END)].split(b"\r\n")
    if len(lines) > limits.head_lines + 1:
        raise BadRequest(431, "HeadersTooLarge")
    if b"\0" in raw or any(b"\r" in line or b"\n" in line or line[:1] in (b" ", b"\t") for line in lines):
        raise BadRequest(400, "InvalidRequest")


def _head(event: h11.Request) -> Head:
    headers = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in event.headers)
    path, query = _target(event.target.decode("latin-1"))
    version = event.http_version
    if version not in (b"1.0", b"1.1"):
        raise BadRequest(505, "InvalidRequest")
    encodings = [value for name, value in headers if name == "transfer-encoding"]
    lengths = [value for name, value in headers if name == "content-length"]
    if encodings and (lengths or version != b"1.1"):
        raise BadRequest(400, "InvalidRequest")
    length = int(lengths[0][:MAX_LENGTH_DIGITS]) if lengths else 0  # digits, says h11; one more makes it no shorter
    wishes = set(_words(value for name, value in headers if name == "connection"))
    return Head(
        method=event.method.decode("ascii"),
        path=path,
        query=query,
        headers=headers,
        keeps_alive=version == b"1.1" and "close" not in wishes,
        length=None if encodings else length,
        expects_continue="100-continue" in _words(value for name, value in headers if name == "expect"),
    )


def _target(target: str) -> tuple[str, str]:
    """Return path and query of a request target, in origin form or, as proxies write it, in absolute form."""
    if not target.startswith("/"):
        try:
            url = urlsplit(target)
        except ValueError:
            raise BadRequest(400, "InvalidRequest") from None
        if url.scheme.lower() not in {"http", "https"} or not url.netloc:
            return target, ""  # an asterisk or an authority: of methods that are not served
        target = target.partition("://")[2].partition("#")[0]
        target = target[len(url.netloc) :]
        target = target if target.startswith("/") else f"/{target}"
    path, _, query = target.partition("?")
    return path, query


def _words(values: Iterable[str]) -> list[str]:
    return [word.strip().lower() for value in values for word in value.split(",")]
