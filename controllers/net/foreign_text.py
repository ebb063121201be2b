"""Text of somebody else in our own messages: a server's answer, a proxy's refusal, the name of a file or reference.

`sanitize` makes one short line of prose. `escape` keeps a name whole and recognisable. `escape_lines` is what every
output does to a whole message: conditions, events, status fields, log lines and the command line. Nobody else's bytes
can therefore move a terminal's cursor, forge a line, or make a text that JSON and the API server refuse.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

MAX_CHARS: Final = 256

_MARKS: Final = "\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff"
"""Directions of writing, and separators that some programs take for line ends."""
_LONE_SURROGATES: Final = "\ud800-\udfff"
_NOT_IN_LINES: Final = re.compile(f"[\0-\x08\x0b-\x1f\x7f-\x9f{_MARKS}{_LONE_SURROGATES}]")
_NOT_IN_NAMES: Final = re.compile(f"[\0-\x1f\x7f-\x9f{_MARKS}{_LONE_SURROGATES}]")
_SHORT_ESCAPES: Final = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def sanitize(text: str | bytes) -> str:
    """Return `text` as one printable line of at most 256 characters; what is cut ends in `…`.

    White space becomes one blank, and so does each character that cannot be printed. Bytes are read as UTF-8, faulty
    ones replaced. Of a long text only the beginning is read.
    """
    start = text[: 8 * MAX_CHARS]
    if isinstance(start, bytes):
        start = start.decode("utf-8", "replace")
    line = "".join([char if char.isprintable() else " " for char in " ".join(start.split())]).strip()
    return line if len(line) <= MAX_CHARS else line[: MAX_CHARS - 1] + "…"


def escape(name: str) -> str:
    r"""Return a name (of a file, reference, tag, host) on one line, in full; what cannot be shown is `\n`, `\x1b`.

    Bytes that are not UTF-8, kept by Python's `surrogateescape`, are shown as `\xff`.
    """
    return name if name.isprintable() else _NOT_IN_NAMES.sub(_escaped, name)


def escape_lines(text: str) -> str:
    """Return a message as it may be shown: like `escape`, but line ends and tabs stay."""
    return text if text.isprintable() else _NOT_IN_LINES.sub(_escaped, text.replace("\r\n", "\n"))


def escape_all(value: Any) -> Any:
    """Return a value made for JSON with `escape_lines` done to all strings in it but the keys of objects."""
    match value:
        case str():
            return escape_lines(value)
        case Mapping():
            return {key: escape_all(item) for key, item in value.items()}
        case list():
            return [escape_all(item) for item in value]
        case tuple():
            return tuple(escape_all(item) for item in value)
        case _:
            return value


def _escaped(match: re.Match[str]) -> str:
    char = match[0]
    number = ord(char)
    if 0xDC80 <= number <= 0xDCFF:  # a byte that is not UTF-8
        number -= 0xDC00
    return _SHORT_ESCAPES.get(char) or (f"\\x{number:02x}" if number <= 0xFF else f"\\u{number:04x}")
