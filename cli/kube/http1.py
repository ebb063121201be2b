"""HTTP/1.1 (RFC 9112) as a client of one API server needs it: a request is written, an answer is read in pieces.

Written here for two reasons. `http.client` loads the `email` package, 10 ms in a command that has 100; and it limits
each read of the socket, whereas here all reads of an answer together end at one deadline. Bytes come as they arrive, so
a watch needs nothing else. What is not HTTP raises NotHttp; what ends too early raises ConnectionError.
"""

import zlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Final, Protocol

from cli.kube.deadline import Deadline

RECEIVE_BYTES: Final = 64 << 10
MAX_LINE_BYTES: Final = 64 << 10
MAX_HEADERS: Final = 256
_GZIP: Final = 16 + zlib.MAX_WBITS


class NotHttp(Exception):
    """The answer is not HTTP; the message says in what way, and quotes nothing of it."""


class Socket(Protocol):
    """What is needed of a socket, be it plain or TLS."""

    def sendall(self, data: bytes, /) -> None: ...
    def recv(self, size: int, /) -> bytes: ...
    def settimeout(self, seconds: float | None, /) -> None: ...
    def close(self) -> None: ...


class Stream:
    """Lines and blocks of bytes from a socket; every wait ends at the deadline with TimeoutError."""

    def __init__(self, socket: Socket, deadline: Deadline) -> None:
        self.deadline = deadline
        self.received = False
        """Whether any byte has come since the last `send`."""
        self._socket = socket
        self._buffer = bytearray()

    def send(self, data: bytes) -> None:
        self.received = False
        self._limit()
        self._socket.sendall(data)

    def is_alive(self) -> bool:
        """Return whether an idle connection is still open. What a server says unasked ends it, too."""
        if self._buffer:
            return False
        self._socket.settimeout(0)
        try:
            self._socket.recv(1)
        except OSError as error:
            # No answer is there, as it should be; TLS has two more names for it.
            return isinstance(error, BlockingIOError) or type(error).__name__ in {"SSLWantReadError"}
        return False

    def read_line(self) -> bytes:
        """Return the next line without its end."""
        begin = 0
        while (end := self._buffer.find(b"\n", begin)) < 0:
            begin = len(self._buffer)
            if begin > MAX_LINE_BYTES:
                raise NotHttp("a line of the answer is too long")
            self._fill()
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        return line.removesuffix(b"\r")

    def read_some(self, at_most: int) -> bytes:
        """Return at least one byte; b"" at the end of the stream."""
        if not self._buffer:
            return self._receive(min(at_most, RECEIVE_BYTES))
        piece = bytes(self._buffer[:at_most])
        del self._buffer[:at_most]
        return piece

    def close(self) -> None:
        self._socket.close()

    def _fill(self) -> None:
        data = self._receive(RECEIVE_BYTES)
        if not data:
            raise ConnectionResetError
        self._buffer += data

    def _receive(self, size: int) -> bytes:
        self._limit()
        data = self._socket.recv(size)
        self.received = self.received or bool(data)
        return data

    def _limit(self) -> None:
        left = self.deadline.remaining()
        if left == 0:
            raise TimeoutError
        self._socket.settimeout(left)


class Response:
    """An answer whose head has been read; its body is read in pieces, once."""

    def __init__(self, stream: Stream) -> None:
        """Read the head."""
        self._stream = stream
        version, self.status = _read_status(stream)
        self.headers = _read_headers(stream)
        while 100 <= self.status < 200:
            version, self.status = _read_status(stream)
            self.headers = _read_headers(stream)
        self._complete = False
        self._persistent = version == b"HTTP/1.1" and "close" not in self.headers.get("connection", "").lower()

    @property
    def is_reusable(self) -> bool:
        """Whether another request may be sent behind this one; known when the body has been read."""
        return self._complete and self._persistent

    def pieces(self) -> Iterator[bytes]:
        """Yield the body as it arrives, decompressed."""
        pieces = self._raw_pieces()
        if self.headers.get("content-encoding", "").strip().lower() == "gzip":
            pieces = _decompress(pieces)
        yield from pieces

    def _raw_pieces(self) -> Iterator[bytes]:
        if self.status in {204, 304}:
            pass
        elif self.headers.get("transfer-encoding", "").strip().lower() == "chunked":
            yield from self._chunks()
        elif (length := self.headers.get("content-length")) is not None:
            yield from self._exactly(_number(length, 10))
        else:
            self._persistent = False
            while piece := self._stream.read_some(RECEIVE_BYTES):
                yield piece
        self._complete = True

    def _chunks(self) -> Iterator[bytes]:
        while size := _number(self._stream.read_line().partition(b";")[0].decode("latin-1"), 16):
            yield from self._exactly(size)
            if self._stream.read_line():
                raise NotHttp("a chunk of the answer is longer than it says")
        _read_headers(self._stream)  # trailers

    def _exactly(self, size: int) -> Iterator[bytes]:
        while size:
            piece = self._stream.read_some(size)
            if not piece:
                raise ConnectionResetError
            size -= len(piece)
            yield piece


def write_request(method: str, target: str, headers: Iterable[tuple[str, str]], body: bytes | None = None) -> bytes:
    """Return the bytes of a request; headers: fit to be sent (`is_fit_header`)."""
    lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers)]
    if body is not None:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + (body or b"")


def is_fit_header(value: str) -> bool:
    """Return whether a header can have this value: no line break or other control character (RFC 9110 5.5)."""
    return all(char == "\t" or " " <= char != "\x7f" for char in value)


def _read_status(stream: Stream) -> tuple[bytes, int]:
    version, _, rest = stream.read_line().partition(b" ")
    code = rest[:3]
    if version not in {b"HTTP/1.1", b"HTTP/1.0"} or not code.isdigit():
        raise NotHttp("the answer is not HTTP")
    return version, int(code)


def _read_headers(stream: Stream) -> Mapping[str, str]:
    headers: dict[str, str] = {}
    while line := stream.read_line():
        name, colon, value = line.decode("latin-1").partition(":")
        if not colon or len(headers) >= MAX_HEADERS:
            raise NotHttp("the headers of the answer cannot be read")
        headers[name.strip().lower()] = value.strip()
    return headers


def _number(text: str, base: int) -> int:
    try:
        number = int(text.strip(), base)
    except ValueError:
        number = -1
    if number < 0:
        raise NotHttp("the length of the answer cannot be read")
    return number


def _decompress(pieces: Iterator[bytes]) -> Iterator[bytes]:
    inflate = zlib.decompressobj(_GZIP)
    for piece in pieces:
        try:
            data = inflate.decompress(piece)
        except zlib.error:
            raise NotHttp("the answer is not in the encoding that it claims") from None
        if data:
            yield data
    if not inflate.eof:
        raise ConnectionResetError
