"""Git's pkt-line framing and side bands, over anything that yields bytes.

Pure but for the `receive` that a stream is given. Follows Git's protocol-common and pack-protocol documents. Written
here rather than taken from the Git library because every length that the remote names has to be bounded, and every
short read has to become one of our errors.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from enum import Enum

from controllers.git.errors import ProtocolError, PushFailed, RepositoryTooLarge
from controllers.net.foreign_text import sanitize

MAX_PACKET = 65520
MAX_WORDS_BYTES = 4096
NOT_QUOTED = "(another host's words are not shown)"
REMOTE_ERROR = "remote error: "
"""How the reason begins where the remote refuses in words of its own."""


class SpecialPacket(Enum):
    """Packets without content."""

    FLUSH = 0
    DELIMITER = 1
    RESPONSE_END = 2


HEX_DIGITS = b"0123456789abcdefABCDEF"
FLUSH = b"0000"
DELIMITER = b"0001"


def packet(data: bytes) -> bytes:
    """Return the data with its length in front."""
    return b"%04x" % (len(data) + 4) + data


def packets(*lines: bytes) -> bytes:
    """Return several packets in a row."""
    return b"".join(map(packet, lines))


class Stream:
    """Exact reads over a source of chunks. `receive` returns the next chunk, empty at the end.

    may_be_quoted: whether messages may repeat what is in it. Not where it comes from another host than the user's URL
    names: that may be one which the user cannot ask.
    """

    def __init__(self, receive: Callable[[], bytes], *, may_be_quoted: bool = True) -> None:
        self._receive = receive
        self.may_be_quoted = may_be_quoted
        self._rest = b""
        self._at = 0

    def read(self, size: int) -> bytes:
        """Return exactly `size` bytes. Raises ProtocolError when the answer ends before."""
        end = self._at + size
        if end > len(self._rest):
            self._fill(size)
            end = size
        data = self._rest[self._at : end]
        self._at = end
        return data

    def unread(self, data: bytes) -> None:
        """Put bytes back in front of what comes next."""
        self._rest, self._at = data + self._rest[self._at :], 0

    def quote(self, data: bytes) -> str:
        """Return bytes of the stream as a message shows them."""
        return sanitize(data) if self.may_be_quoted else NOT_QUOTED

    def _fill(self, size: int) -> None:
        parts = [self._rest[self._at :]]
        have = len(parts[0])
        while have < size:
            chunk = self._receive()
            if not chunk:
                raise ProtocolError("the answer was cut short")
            parts.append(chunk)
            have += len(chunk)
        self._rest, self._at = b"".join(parts), 0

    def packet(self) -> bytes | SpecialPacket:
        """Return the next packet's content, or a special packet. Raises ProtocolError, also for the remote's ERR."""
        head = self.read(4)
        if head.strip(HEX_DIGITS):
            raise ProtocolError(f"not a Git packet: {self.quote(head)!r}")
        length = int(head, 16)
        if length <= 2:
            return SpecialPacket(length)
        if length == 3 or length > MAX_PACKET:
            raise ProtocolError(f"a Git packet cannot have length {length}")
        data = self.read(length - 4)
        if data.startswith(b"ERR "):
            raise ProtocolError(f"{REMOTE_ERROR}{self.quote(data[4:])}")
        return data

    def lines(self) -> Iterator[bytes]:
        """Yield packets up to the next special one, without their line ends."""
        while not isinstance(line := self.packet(), SpecialPacket):
            yield line.rstrip(b"\n")


def read_side_band(stream: Stream, on_progress: Callable[[bytes], None]) -> Iterator[bytes]:
    """Yield the content of band 1 up to the flush; `on_progress` gets band 2, which is meant for people."""
    while not isinstance(data := stream.packet(), SpecialPacket):
        match data[:1]:
            case b"\x01":
                yield data[1:]
            case b"\x02":
                if stream.may_be_quoted:
                    on_progress(data[1:])
            case b"\x03":
                raise ProtocolError(f"{REMOTE_ERROR}{stream.quote(data[1:])}")
            case band:
                raise ProtocolError(f"unknown side band {int.from_bytes(band, 'big')}")


class RemoteWords:
    """What a remote says to people while it answers, as far as it is worth keeping."""

    def __init__(self) -> None:
        self._text = bytearray()

    def add(self, text: bytes) -> None:
        """Add a piece of band 2."""
        self._text += text[: MAX_WORDS_BYTES - len(self._text)]

    def __str__(self) -> str:
        """Return the words on one line, cut."""
        return sanitize(bytes(self._text))

    @contextmanager
    def explaining(self) -> Iterator[None]:
        """Add the words to the reason of an error that leaves the block: often only they say what is wrong."""
        try:
            yield
        except (ProtocolError, PushFailed) as e:
            if (words := str(self)) and words not in e.reason:
                e.reason = f"{e.reason}: {words}"
            raise


def from_chunks(chunks: Iterable[bytes], *, may_be_quoted: bool = True) -> Stream:
    """Return a stream over chunks; empty ones are skipped."""
    full = (c for c in chunks if c)
    return Stream(lambda: next(full, b""), may_be_quoted=may_be_quoted)


def bounded_stream(receive: Callable[[], bytes], *, max_bytes: int, may_be_quoted: bool = True) -> Stream:
    """Return a stream that raises RepositoryTooLarge as soon as more than `max_bytes` arrive."""
    received = 0

    def receive_bounded() -> bytes:
        nonlocal received
        chunk = receive()
        received += len(chunk)
        if received > max_bytes:
            raise RepositoryTooLarge(f"the answer is larger than {max_bytes >> 20} MiB")
        return chunk

    return Stream(receive_bounded, may_be_quoted=may_be_quoted)
