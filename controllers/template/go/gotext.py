"""Go's strings in Python: bytes that are usually UTF-8.

A Go string is a `str` here, with bytes that are not UTF-8 kept as lone surrogates (PEP 383), so that `trunc 2 "é…"` can
cut a character in half as Go does and the ordinary case costs nothing. Also: Go's unquoting (`strconv`), and
the character classes the template language uses.
"""

import re

from controllers.template.errors import FunctionFailure

REPLACEMENT = "�"
_SURROGATES = re.compile("[\ud800-\udfff]")
_UNESCAPES = {"a": 7, "b": 8, "f": 12, "n": 10, "r": 13, "t": 9, "v": 11, "\\": 92, "'": 39, '"': 34}
_HEX_DIGITS = {"x": 2, "u": 4, "U": 8}


def encode(text: str) -> bytes:
    """Return the bytes of a Go string."""
    return text.encode("utf-8", "surrogateescape")


def decode(raw: bytes) -> str:
    """Return a Go string of any bytes."""
    return raw.decode("utf-8", "surrogateescape")


def to_valid_utf8(text: str) -> str:
    """Replace each byte that is not UTF-8 by U+FFFD, as Go does when it walks characters."""
    return text if text.isascii() else _SURROGATES.sub(REPLACEMENT, text)


def byte_length(text: str) -> int:
    """Return the length in bytes, as Go's `len` does."""
    return len(text) if text.isascii() else len(encode(text))


def slice_bytes(text: str, start: int, stop: int) -> str:
    """Return Go's `text[start:stop]`, which counts bytes. Raises FunctionFailure with Go's panic when out of range."""
    raw = encode(text)
    if stop < 0 or stop > len(raw):
        note = f" with length {len(raw)}" if stop > 0 else ""
        raise FunctionFailure(f"runtime error: slice bounds out of range [:{stop}]{note}")
    if start < 0 or start > stop:
        end = "" if start < 0 else stop
        raise FunctionFailure(f"runtime error: slice bounds out of range [{start}:{end}]")
    return decode(raw[start:stop])


def is_word(char: str) -> bool:
    """Return True for a character of identifiers of the template language."""
    return char == "_" or char.isalpha() or char.isdecimal()


def is_space(char: str) -> bool:
    """Return True for white space, as Go's `unicode.IsSpace` does."""
    return char in "\t\n\v\f\r \x85\xa0" or (char > "\xff" and char.isspace())


SPACES = "\t\n\v\f\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(map(chr, range(0x2000, 0x200B)))
"""All of Go's white space, for `str.strip`."""


def unquote(literal: str) -> str | None:
    """Return the value of a Go string literal, double-quoted or raw; None when it is malformed."""
    body = literal[1:-1]
    if literal[0] == "`":
        return body.replace("\r", "")
    if "\\" not in body:
        return body
    out = bytearray()
    while body:
        unit = unquote_char(body, '"')
        if unit is None:
            return None
        piece, body = unit
        out += piece
    return decode(bytes(out))


def unquote_char(text: str, delimiter: str) -> tuple[bytes, str] | None:
    """Return the first character of a literal's body as bytes, and the rest; None when malformed."""
    char, rest = text[0], text[1:]
    if char != "\\":
        return None if char == delimiter else (encode(char), rest)
    if not rest:
        return None
    kind, rest = rest[0], rest[1:]
    if kind in _HEX_DIGITS:
        return _numeric_escape(kind, rest)
    if kind in "01234567":
        digits = kind + rest[:2]
        if len(digits) < 3 or not all(digit in "01234567" for digit in digits) or int(digits, 8) > 0xFF:
            return None
        return bytes([int(digits, 8)]), rest[2:]
    if kind in "'\"" and kind != delimiter:
        return None
    return (bytes([_UNESCAPES[kind]]), rest) if kind in _UNESCAPES else None


def _numeric_escape(kind: str, rest: str) -> tuple[bytes, str] | None:
    width = _HEX_DIGITS[kind]
    digits = rest[:width]
    if not re.fullmatch(f"[0-9a-fA-F]{{{width}}}", digits):
        return None
    code = int(digits, 16)
    if kind == "x":
        return bytes([code]), rest[width:]
    if code > 0x10FFFF or 0xD800 <= code <= 0xDFFF:
        return None
    return chr(code).encode(), rest[width:]
