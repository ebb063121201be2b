"""The little of DER (X.690) that it takes to look into keys before a library does. Pure.

Reads definite lengths and low tag numbers, which is all that keys and certificates use; everything else is malformed.
"""

from collections.abc import Iterator

BOOLEAN, INTEGER, BIT_STRING, OCTET_STRING, NULL, OID, SEQUENCE = 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x30
HIGH_TAG_NUMBER = 0x1F
MAX_LENGTH_BYTES = 4


class MalformedDer(ValueError):
    """The bytes are not DER, or not of the shape that was asked for."""


class DerReader:
    """Reads one element after the other from the content of a structure."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    @property
    def is_at_end(self) -> bool:
        return self._at >= len(self._data)

    def peek(self) -> int:
        """Return the tag of the next element, 0 at the end."""
        return 0 if self.is_at_end else self._data[self._at]

    def next(self) -> tuple[int, bytes]:
        """Return tag and content of the next element. Raises MalformedDer."""
        head = self._data[self._at : self._at + 2]
        if len(head) < 2 or head[0] & HIGH_TAG_NUMBER == HIGH_TAG_NUMBER:
            raise MalformedDer("an element is cut short or has a long tag")
        start, length = self._at + 2, head[1]
        if length & 0x80:
            count = length & 0x7F
            octets = self._data[start : start + count]
            if not 0 < count <= MAX_LENGTH_BYTES or len(octets) < count:
                raise MalformedDer("an element has no plain length")
            start, length = start + count, int.from_bytes(octets, "big")
        content = self._data[start : start + length]
        if len(content) < length:
            raise MalformedDer("an element is cut short")
        self._at = start + length
        return head[0], content

    def expect(self, tag: int) -> bytes:
        """Return the content of the next element, which must have this tag. Raises MalformedDer."""
        found, content = self.next()
        if found != tag:
            raise MalformedDer(f"expected tag {tag:#x}, found {found:#x}")
        return content

    def sequence(self) -> "DerReader":
        """Return a reader of the next element, a SEQUENCE. Raises MalformedDer."""
        return DerReader(self.expect(SEQUENCE))

    def small_integer(self, *, max_bytes: int = 8) -> int:
        """Return the next element, an INTEGER of a few bytes. Raises MalformedDer."""
        content = self.expect(INTEGER)
        if not 0 < len(content) <= max_bytes:
            raise MalformedDer("an integer is too long")
        return int.from_bytes(content, "big", signed=True)

    def oid(self) -> str:
        """Return the next element, an OBJECT IDENTIFIER, with dots. Raises MalformedDer."""
        return dotted(self.expect(OID))


def dotted(content: bytes) -> str:
    """Return the content of an OBJECT IDENTIFIER with dots. Raises MalformedDer."""
    if not content or content[-1] & 0x80 or len(content) > 64:
        raise MalformedDer("an object identifier is malformed")
    arcs = list(_arcs(content))
    first = min(arcs[0] // 40, 2)
    return ".".join(str(arc) for arc in (first, arcs[0] - 40 * first, *arcs[1:]))


def _arcs(content: bytes) -> Iterator[int]:
    value = 0
    for byte in content:
        value = value << 7 | byte & 0x7F
        if not byte & 0x80:
            yield value
            value = 0
