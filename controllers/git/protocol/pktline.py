"""Git's pkt-line framing and side bands, over anything that yields bytes.

Pure but for the `receive` it is given. Follows Git's protocol-common and pack-protocol documents. Kept here rather than
taken from the Git library because every length that the remote names has to be bounded, and every short read has to
become an error of ours.
"""

from collections.abc import Callable, Iterable, Iterator
from enum import Enum

from controllers.git.errors import ProtocolError
from controllers.net.foreign_text import sanitize

MAX_PACKET = 65520


class SpecialPacket(Enum):
    """Packets without content."""

    FLUSH = 0
    DELIMITER = 1
    RESPONSE_END = 2


HEX_DIGITS = b"0123456789abcdefABCDEF"
FLUSH = b"0000"
DELIMITER = b"0001"


def packet(data: bytes) -> bytes:
    """The data with its length before it."""
    return b"%04x" % (len(data) + 4) + data


def packets(*lines: bytes) -> bytes:
    return b"".join(map(packet, lines))


class Stream:
    """Exact reads over a source of chunks. `receive` returns the next chunk, empty at the end."""

    def __init__(self, receive: Callable[[], bytes]) -> None:
        self._receive = receive
        self._rest = b""
        self._at = 0

    def read(self, size: int) -> bytes:
        """Exactly `size` bytes; raises ProtocolError when the answer ends before."""
        end = self._at + size
        if end > len(self._rest):
            self._fill(size)
            end = size
        data = self._rest[self._at : end]
        self._at = end
        return data

    def unread(self, data: bytes) -> None:
        """Puts bytes back before what comes next."""
        self._rest, self._at = data + self._rest[self._at :], 0

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
        """The next packet's content without its length, or a mark. Raises ProtocolError, also for the remote's ERR."""
        head = self.read(4)
        if head.strip(HEX_DIGITS):
            raise ProtocolError(f"not a Git packet: {sanitize(head)!r}")
        length = int(head, 16)
        if length <= 2:
            return SpecialPacket(length)
        if length == 3 or length > MAX_PACKET:
            raise ProtocolError(f"a Git packet cannot have length {length}")
        data = self.read(length - 4)
        if data.startswith(b"ERR "):
            raise ProtocolError(f"remote error: {sanitize(data[4:])}")
        return data

    def lines(self) -> Iterator[bytes]:
        """Packets up to the next mark, without their line ends."""
        while not isinstance(line := self.packet(), SpecialPacket):
            yield line.rstrip(b"\n")


def read_side_band(stream: Stream, on_progress: Callable[[bytes], None]) -> Iterator[bytes]:
    """Content of band 1 up to the flush; `on_progress` gets what the remote tells people on band 2."""
    while not isinstance(data := stream.packet(), SpecialPacket):
        match data[:1]:
            case b"\x01":
                yield data[1:]
            case b"\x02":
                on_progress(data[1:])
            case b"\x03":
                raise ProtocolError(f"remote error: {sanitize(data[1:])}")
            case band:
                raise ProtocolError(f"unknown side band {band!r}")


def from_chunks(chunks: Iterable[bytes]) -> Stream:
    """A stream over chunks, empty ones passed over."""
    full = (c for c in chunks if c)
    return Stream(lambda: next(full, b""))
