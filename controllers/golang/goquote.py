"""Go's `%q`, for error texts that must read as the reference writes them."""

from __future__ import annotations

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
    '"': r"\"",
}


def quote(text: str) -> str:
    """`text` as a double-quoted Go literal; printable characters beyond ASCII stay as they are."""
    return f'"{"".join([_ESCAPES.get(char) or _printable(char) for char in text])}"'


def _printable(char: str) -> str:
    if char.isprintable():
        return char
    code = ord(char)
    if code < 0x80:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
