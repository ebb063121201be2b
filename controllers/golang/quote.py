"""Text in quotation marks as Go's `%q` writes it; Flux's messages are full of it."""

SHORT = {
    "\a": "\\a",
    "\b": "\\b",
    "\f": "\\f",
    "\n": "\\n",
    "\r": "\\r",
    "\t": "\\t",
    "\v": "\\v",
    "\\": "\\\\",
    '"': '\\"',
}


def quote(text: str) -> str:
    """`text` between double quotes, with what is not printable escaped."""
    return f'"{"".join(_escape(char) for char in text)}"'


def _escape(char: str) -> str:
    point = ord(char)
    if char in SHORT:
        return SHORT[char]
    if char.isprintable():
        return char
    if point < 0x80:
        return f"\\x{point:02x}"
    if 0xD800 <= point <= 0xDFFF:
        return "\\ufffd"
    return f"\\u{point:04x}" if point < 0x10000 else f"\\U{point:08x}"
