"""Answers byte by byte: what is an answer, where it ends, and when it comes too late."""

import zlib
from collections.abc import Iterable

import pytest

from cli.kube.deadline import Deadline
from cli.kube.http1 import NotHttp, Response, Stream, is_fit_header


class Pieces:
    """A socket that gives pieces; each takes a second of a clock of its own."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self.pieces = list(pieces)
        self.now = 0.0

    def sendall(self, data: bytes, /) -> None:
        pass

    def recv(self, size: int, /) -> bytes:
        self.now += 1
        if not self.pieces:
            return b""
        piece = self.pieces.pop(0)
        if len(piece) > size:
            self.pieces.insert(0, piece[size:])
        return piece[:size]

    def settimeout(self, seconds: float | None, /) -> None:
        pass

    def close(self) -> None:
        pass


def stream(*pieces: bytes, seconds: float | None = None) -> Stream:
    socket = Pieces(pieces)
    asked = Stream(socket, Deadline(seconds, monotonic=lambda: socket.now))
    asked.send("GET", "/", [("Host", "x")])
    return asked


def bytewise(data: bytes) -> list[bytes]:
    return [data[index : index + 1] for index in range(len(data))]


ANSWERS = {
    "length": (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", b"hello", True),
    "chunks": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nhel\r\n2\r\nlo\r\n0\r\nT: 1\r\n\r\n",
        b"hello",
        True,
    ),
    "until-close": (b"HTTP/1.1 200 OK\r\n\r\nhello", b"hello", False),
    "close": (b"HTTP/1.1 200 OK\r\nConnection: Close\r\nContent-Length: 5\r\n\r\nhello", b"hello", False),
    "old": (b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello", b"hello", False),
    "nothing": (b"HTTP/1.1 204 No Content\r\n\r\n", b"", True),
    "interim": (b"HTTP/1.1 103 Early\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", b"", True),
    "bare-line-ends": (b"HTTP/1.1 200\nContent-Length: 5\n\nhello", b"hello", True),
}


@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize(("data", "body", "reusable"), ANSWERS.values(), ids=ANSWERS)
def test_answers(data: bytes, body: bytes, *, reusable: bool, whole: bool) -> None:
    response = Response(stream(*([data] if whole else bytewise(data))))
    assert b"".join(response.pieces()) == body
    assert response.is_reusable is reusable


def test_an_answer_is_not_reusable_before_it_has_been_read() -> None:
    response = Response(stream(ANSWERS["length"][0]))
    assert not response.is_reusable


@pytest.mark.parametrize(
    "data",
    [
        b"SSH-2.0-OpenSSH\r\n\r\n",
        b"HTTP/1.1 abc\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"A" * 200_000,
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhello\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 5\r\n\r\nhello",
    ],
)
def test_what_is_not_http(data: bytes) -> None:
    with pytest.raises(NotHttp):
        list(Response(stream(data)).pieces())


@pytest.mark.parametrize("data", [ANSWERS["length"][0], ANSWERS["chunks"][0]])
def test_an_answer_that_ends_too_early(data: bytes) -> None:
    for length in range(len(data)):
        with pytest.raises(ConnectionError):
            list(Response(stream(data[:length])).pieces())


def test_a_compressed_answer_that_ends_too_early() -> None:
    body = zlib.compress(b"hello", wbits=31)[:-4]
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {len(body)}\r\n\r\n"
    with pytest.raises(ConnectionError):
        list(Response(stream(head.encode() + body)).pieces())


def test_a_dripping_answer_ends_at_the_deadline() -> None:
    """Each byte comes in time, and all together do not."""
    data = ANSWERS["length"][0]
    with pytest.raises(TimeoutError):
        list(Response(stream(*bytewise(data), seconds=len(data) - 2)).pieces())
    assert b"".join(Response(stream(*bytewise(data), seconds=len(data) + 1)).pieces()) == b"hello"


@pytest.mark.parametrize(
    ("value", "fit"),
    [("a b\té", True), ("a\r\nb", False), ("a\0", False), ("\x7f", False), (" a", False), ("a\t", False)],
)
def test_header_values(value: str, *, fit: bool) -> None:
    assert is_fit_header(value) is fit
