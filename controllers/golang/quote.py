"""Text in quotation marks, as Go writes it: Flux's messages are full of it.

A byte that is not UTF-8 is a lone surrogate from U+DC80 to U+DCFF here (PEP 383) and is written as that byte. Other
lone surrogates are no characters to Go, which writes U+FFFD for each.
"""

import re
from typing import Final

_ESCAPES: Final = {
    "\a": r"\a",
    "\b": r"\b",
    "\f": r"\f",
    "\n": r"\n",
    "\r": r"\r",
    "\t": r"\t",
    "\v": r"\v",
    "\\": r"\\",
}
_NO_CHARACTER: Final = re.compile("[\ud800-\udc7f\udd00-\udfff]")


def quote(text: str, *, delimiter: str = '"', ascii_only: bool = False) -> str:
    """Return `text` as a Go literal, as `strconv.Quote` and `%q` do.

    Printable characters beyond ASCII stay as they are, unless `ascii_only` as in `strconv.QuoteToASCII`.
    """
    return delimiter + "".join([_escape(char, delimiter, ascii_only) for char in text]) + delimiter


def _escape(char: str, delimiter: str, ascii_only: bool) -> str:
    if char == delimiter:
        return "\\" + char
    if char in _ESCAPES:
        return _ESCAPES[char]
    code = ord(char)
    if char.isprintable() and (code < 0x80 or not ascii_only):
        return char
    if code < 0x80:
        return f"\\x{code:02x}"
    if 0xDC80 <= code <= 0xDCFF:
        return f"\\x{code - 0xDC00:02x}"
    if 0xD800 <= code <= 0xDFFF:
        return "\\ufffd"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def quote_bytes(text: str) -> str:
    """Return `text` as Go's `time` package quotes it: whatever is not ASCII byte by byte, and no short escapes."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    raw = _NO_CHARACTER.sub("\ufffd", escaped).encode("utf-8", "surrogateescape")
    return '"' + "".join([chr(byte) if 0x20 <= byte < 0x80 else f"\\x{byte:02x}" for byte in raw]) + '"'
