"""PEM (RFC 7468): the blocks of a text, and texts written anew from them. Pure.

A library is given only blocks that were read here, written anew: where two readers disagree about a text, what was
checked would not be what is loaded.
"""

import base64
import binascii
import re
from collections.abc import Iterable
from dataclasses import dataclass

BLOCK = re.compile(rb"-----BEGIN ([A-Z0-9 ]{1,64})-----([^-]*(?:-(?!----END )[^-]*)*)-----END \1-----")
HEADER = re.compile(rb"[ \t]*[A-Za-z-]{1,64}:[^\n]*")
COLUMNS = 64


class MalformedPem(ValueError):
    """A block is not Base64."""


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
    """Return the blocks of a text, in order; what stands between them is ignored. Raises MalformedPem."""
    return [_block(match[1].decode(), match[2]) for match in BLOCK.finditer(text)]


def _block(label: str, body: bytes) -> Block:
    lines = body.strip().splitlines()
    headers = []
    while lines and HEADER.fullmatch(lines[0].strip()):
        headers.append(lines.pop(0).strip())
        while lines and lines[0][:1] in b" \t" and lines[0].strip():
            headers[-1] += b" " + lines.pop(0).strip()
    try:
        data = base64.b64decode(b"".join(b"".join(lines).split()), validate=True)
    except binascii.Error:
        raise MalformedPem(f"the block '{label}' is not Base64") from None
    return Block(label, data, tuple(headers))


def write_blocks(blocks: Iterable[Block]) -> bytes:
    """Return a text with these blocks."""
    return b"".join(map(_text, blocks))


def _text(block: Block) -> bytes:
    label, body = block.label.encode(), base64.b64encode(block.data)
    lines = [body[at : at + COLUMNS] for at in range(0, len(body), COLUMNS)]
    head = [*block.headers, b""] if block.headers else []
    return b"\n".join([b"-----BEGIN " + label + b"-----", *head, *lines, b"-----END " + label + b"-----", b""])
