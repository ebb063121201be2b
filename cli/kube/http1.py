"""HTTP/1.1 as a client of one API server needs it: h11 reads and writes it, a socket carries it until a deadline.

`http.client` limits each read of the socket, whereas here all reads of an answer together end at one deadline. Bytes of
a body come as they arrive, so a watch needs nothing else. What is not HTTP raises NotHttp; what ends too early raises
ConnectionError.
"""

import zlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Final, Protocol

import h11

from cli.kube.deadline import Deadline

RECEIVE_BYTES: Final = 64 << 10
MAX_HEAD_BYTES: Final = 64 << 10
_BEGIN: Final = b"HTTP/"
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
    """Requests and answers on a socket, one after the other; every wait ends at the deadline with TimeoutError."""

    def __init__(self, socket: Socket, deadline: Deadline) -> None:
        self.deadline = deadline
        self.received = False
        """Whether any byte has come since the last request."""
        self._socket = socket
        self._http = h11.Connection(h11.CLIENT, max_incomplete_event_size=MAX_HEAD_BYTES)
        self._begin = b""
        """Of the answer."""
        self._has_ended = False

    def send(self, method: str, target: str, headers: Iterable[tuple[str, str]], body: bytes | None = None) -> None:
        """Send a request; headers: fit to be sent (`is_fit_header`), with Host."""
        if self._http.our_state is h11.DONE:
            self._http.start_next_cycle()
        # In UTF-8, as clients in Go send it: names of people, whom a flag says to act as, are not all in ASCII.
        fields = [(name.encode(), value.encode()) for name, value in headers]
        if body is not None:
            fields.append((b"Content-Length", b"%d" % len(body)))
        request = h11.Request(method=method, target=target, headers=fields)
        data = self._http.send(request)
        if body:
            data += self._http.send(h11.Data(data=body))
        self.received, self._begin = False, b""
        self._limit()
        self._socket.sendall(data + self._http.send(h11.EndOfMessage()))

    def next_event(self) -> h11.Event:
        """Return what comes next of the answer. Raises NotHttp, ConnectionError, TimeoutError."""
        while True:
            try:
                event = self._http.next_event()
            except h11.RemoteProtocolError as error:
                raise ConnectionResetError if self._has_ended else NotHttp("the answer is not HTTP") from error
            if event is h11.NEED_DATA:
                self._receive()
            elif isinstance(event, h11.Event) and not isinstance(event, h11.ConnectionClosed):
                return event
            else:
                raise ConnectionResetError

    def _receive(self) -> None:
        self._limit()
        data = self._socket.recv(RECEIVE_BYTES)
        self.received = self.received or bool(data)
        self._has_ended = not data
        self._begin += data[: len(_BEGIN) - len(self._begin)]
        if not _BEGIN.startswith(self._begin):  # rather than wait for the end of a line that is none
            raise NotHttp("the answer is not HTTP")
        self._http.receive_data(data)

    @property
    def is_reusable(self) -> bool:
        """Whether another request may be sent behind an answer that has been read."""
        return not self._has_ended and self._http.our_state is h11.DONE and self._http.their_state is h11.DONE

    def is_alive(self) -> bool:
        """Return whether an idle connection is still open. What a server says unasked ends it, too."""
        if self._http.trailing_data[0]:
            return False
        self._socket.settimeout(0)
        try:
            self._socket.recv(1)
        except OSError as error:
            # No answer is there, as it should be; TLS has two more names for it.
            return isinstance(error, BlockingIOError) or type(error).__name__ in {"SSLWantReadError"}
        return False

    def close(self) -> None:
        self._socket.close()

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
        head = stream.next_event()
        while isinstance(head, h11.InformationalResponse):
            head = stream.next_event()
        if not isinstance(head, h11.Response):
            raise NotHttp("the answer is not HTTP")
        self.status = head.status_code
        self.headers: Mapping[str, str] = {
            name.decode("latin-1").lower(): value.decode("latin-1") for name, value in head.headers
        }
        self._complete = False

    @property
    def is_reusable(self) -> bool:
        """Whether another request may be sent behind this one; known when the body has been read."""
        return self._complete and self._stream.is_reusable

    def pieces(self) -> Iterator[bytes]:
        """Yield the body as it arrives, decompressed."""
        pieces = self._raw_pieces()
        if self.headers.get("content-encoding", "").strip().lower() == "gzip":
            pieces = _decompress(pieces)
        yield from pieces

    def _raw_pieces(self) -> Iterator[bytes]:
        while not isinstance(event := self._stream.next_event(), h11.EndOfMessage):
            assert isinstance(event, h11.Data)
            yield bytes(event.data)
        self._complete = True


def is_fit_header(value: str) -> bool:
    """Return whether a header can have this value (RFC 9110 5.5): no control characters, no blanks around it."""
    return value == value.strip(" \t") and all(char == "\t" or " " <= char != "\x7f" for char in value)


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
