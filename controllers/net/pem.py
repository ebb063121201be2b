"""PEM (RFC 7468): the blocks of a text, and texts written anew from them. Pure.

A library is given only blocks that were read here, written anew: where two readers disagree about a text, what was
checked would not be what is loaded.
"""

import base64
import binascii
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

BEGIN = re.compile(rb"-----BEGIN ([A-Z0-9 ]{1,64})-----")
END = b"-----END "
HEADER = re.compile(rb"[ \t]*[A-Za-z-]{1,64}:[^\n]*")
MAX_HEADER_LINES = 16
"""Of a block. Encrypted keys have two headers; folded, some lines more."""
COLUMNS = 64


class MalformedPem(ValueError):
    """A block is not Base64, or has too many headers."""


@dataclass(frozen=True, slots=True)
class Block:
    """A block: what it holds, its headers (RFC 1421, only encrypted keys of old have some), and its content."""

    label: str
    data: bytes
    headers: tuple[bytes, ...] = ()

    @property
    def is_private_key(self) -> bool:
        return self.label.endswith("PRIVATE KEY")

    @property
    def is_encrypted(self) -> bool:
        """Return True for both ways in which PEM says it; OpenSSH's own format says it inside."""
        return self.label == "ENCRYPTED PRIVATE KEY" or any(b"ENCRYPTED" in header for header in self.headers)


def read_blocks(text: bytes) -> list[Block]:
    """Return the blocks of a text, in order; what stands between them is ignored. Raises MalformedPem.

    Takes time in proportion to the text, whatever it holds.
    """
    return [_block(label.decode(), body) for label, body in _find_blocks(text)]


def _find_blocks(text: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield label and body of each beginning that the next end belongs to."""
    start, end = 0, -1
    while begin := BEGIN.search(text, start):
        if end < begin.end():
            end = text.find(END, begin.end())
        if end < 0:
            return
        last = END + begin[1] + b"-----"
        if text.startswith(last, end):
            yield begin[1], text[begin.end() : end]
            start = end + len(last)
        else:
            start = begin.start() + 1


def _block(label: str, body: bytes) -> Block:
    lines = body.strip().splitlines()
    count = _count_header_lines(lines)
    if count > MAX_HEADER_LINES:
        raise MalformedPem(f"the block '{label}' has more than {MAX_HEADER_LINES} lines of headers")
    headers: list[bytes] = []
    for line in lines[:count]:
        if headers and _goes_on(line):
            headers[-1] += b" " + line.strip()
        else:
            headers.append(line.strip())
    try:
        data = base64.b64decode(b"".join(b"".join(lines[count:]).split()), validate=True)
    except binascii.Error:
        raise MalformedPem(f"the block '{label}' is not Base64") from None
    return Block(label, data, tuple(headers))


def _count_header_lines(lines: list[bytes]) -> int:
    """Return how many lines from the first are headers, or go on with one."""
    for number, line in enumerate(lines):
        if not (number and _goes_on(line)) and not HEADER.fullmatch(line.strip()):
            return number
    return len(lines)


def _goes_on(line: bytes) -> bool:
    """Return whether a line continues the header above it."""
    return line.startswith((b" ", b"\t")) and not line.isspace()


def write_blocks(blocks: Iterable[Block]) -> bytes:
    """Return a text with these blocks."""
    return b"".join(map(_text, blocks))


def _text(block: Block) -> bytes:
    label, body = block.label.encode(), base64.b64encode(block.data)
    lines = [body[at : at + COLUMNS] for at in range(0, len(body), COLUMNS)]
    head = [*block.headers, b""] if block.headers else []
    return b"\n".join([b"-----BEGIN " + label + b"-----", *head, *lines, b"-----END " + label + b"-----", b""])
