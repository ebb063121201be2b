"""Percent-encoded text: queries, and forms as HTML sends them (WHATWG URL, application/x-www-form-urlencoded)."""

import re
from collections.abc import Iterator
from typing import Final

_ESCAPE: Final = re.compile(rb"%([0-9A-Fa-f]{2})")
_MAX_FIELDS: Final = 100


def decode(text: bytes) -> bytes:
    """Return text without percent escapes; what is no escape stays."""
    return _ESCAPE.sub(lambda match: bytes([int(match[1], 16)]), text)


def fields(form: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield the names and values of a form or query, at most a hundred."""
    for pair in form.split(b"&", _MAX_FIELDS)[:_MAX_FIELDS]:
        name, _, value = pair.replace(b"+", b" ").partition(b"=")
        yield decode(name).decode("utf-8", "replace"), decode(value)


def first_field(form: bytes, name: str) -> bytes | None:
    """Return the first value of that name, None where there is none."""
    return next((value for key, value in fields(form) if key == name), None)
