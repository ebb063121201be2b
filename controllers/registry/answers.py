"""An answer whose head has come and whose body is still to be read, whichever library received it."""

from collections.abc import AsyncIterable, Awaitable, Callable, Iterable
from dataclasses import dataclass

from controllers.registry.network import MeteredStream


@dataclass(slots=True)
class OpenAnswer:
    """Read `body` once, to its end if the connection is to be used again; then `aclose`."""

    status: int
    headers: list[tuple[str, str]]
    """In the order in which they came, names in lower case."""
    url: str
    """Of who answers."""
    body: AsyncIterable[bytes]
    """The pieces in which it comes. Raises httpx.TransportError."""
    stream: MeteredStream | None
    """The connection, where it is known."""
    aclose: Callable[[], Awaitable[None]]


def decode_headers(raw: Iterable[tuple[bytes, bytes]]) -> list[tuple[str, str]]:
    """Return headers as text: UTF-8 where all of them are, else ISO 8859-1, in which any bytes are."""
    pairs = list(raw)
    try:
        return [(name.lower().decode(), value.decode()) for name, value in pairs]
    except UnicodeDecodeError:
        return [(name.lower().decode("iso-8859-1"), value.decode("iso-8859-1")) for name, value in pairs]


def join_headers(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return headers by name; values of one that is repeated are joined by commas (RFC 9110 section 5.3)."""
    joined: dict[str, str] = {}
    for name, value in headers:
        joined[name] = f"{joined[name]}, {value}" if name in joined else value
    return joined
