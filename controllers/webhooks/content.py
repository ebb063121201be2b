"""From the octets of a body to JSON in UTF-8: content codings, characters, forms.

JSON is UTF-8 (RFC 8259, section 8.1), and senders that write something else are understood where that is clear: by a
byte order mark, by the charset of the content type, or by the zeros of UTF-16 and UTF-32.
"""

import codecs
import re
import zlib
from typing import Final

from controllers.webhooks import forms
from controllers.webhooks.limits import MAX_BODY_BYTES
from controllers.webhooks.verdict import UNSUPPORTED, Refusal, malformed, too_large

FORM: Final = "application/x-www-form-urlencoded"
_FIELD: Final = b"payload"
_CHARSET: Final = re.compile(r""";\s*charset\s*=\s*["']?([\w.:-]+)""", re.IGNORECASE)
_MARKS: Final = (  # of UTF-32 first, whose mark begins with that of UTF-16
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_ZEROS: Final = {
    (False, True, True, True): "utf-32-le",
    (True, True, True, False): "utf-32-be",
    (False, True, False, True): "utf-16-le",
    (True, False, True, False): "utf-16-be",
}
"""Which of the first four octets are zero: JSON begins with two characters of ASCII."""
_UNMARKED: Final = {"utf-16": "utf-16-be", "utf-32": "utf-32-be"}
"""What a charset that leaves the order open means without a mark (RFC 2781, section 4.3)."""
_KNOWN: Final = frozenset(
    ("utf-8", "utf8", "us-ascii", "ascii", "utf-16", "utf-16le", "utf-16be", "utf-32", "utf-32le", "utf-32be",
     "iso-8859-1", "latin1", "iso-8859-15", "windows-1252", "cp1252")
)  # fmt: skip


def expand(body: bytes, coding: str) -> bytes:
    """Return a body without its content coding (RFC 9110, section 8.4.1). Raises Refusal: unknown, or too large."""
    codings = [word.strip().lower() for word in coding.split(",") if word.strip().lower() not in ("", "identity")]
    if not codings:
        return body
    if len(codings) > 1 or codings[0] not in ("gzip", "x-gzip", "deflate"):
        raise Refusal("UnsupportedEncoding", "the body may be compressed by gzip or deflate, and once", UNSUPPORTED)
    # Some write deflate without the header of zlib.
    windows = (zlib.MAX_WBITS | 16,) if "gzip" in codings[0] else (zlib.MAX_WBITS, -zlib.MAX_WBITS)
    for window in windows:
        found = _inflate(body, window)
        if found is not None:
            return found
    raise malformed("the body is not what its Content-Encoding says")


def _inflate(body: bytes, window: int) -> bytes | None:
    """Return what was compressed, None for what was not compressed in this way. Raises Refusal for too much."""
    inflater = zlib.decompressobj(window)
    try:
        found = inflater.decompress(body, MAX_BODY_BYTES + 1)
    except zlib.error:
        return None
    if len(found) > MAX_BODY_BYTES:
        raise too_large(f"the body is larger than {MAX_BODY_BYTES // 1024} KiB when it is expanded")
    return found if inflater.eof else None


def document(body: bytes, content_type: str) -> bytes:
    """Return the JSON of a body, in UTF-8: the body, or the field `payload` of a form. Raises Refusal.

    A content type may be wrong: command lines call everything a form, and proxies lose it.
    """
    text = to_utf8(body, content_type)
    start = text[:64].lstrip()
    is_json = start[:1] in (b"{", b"[")
    is_form = content_type.partition(";")[0].strip().lower() == FORM
    if is_json or not (is_form or start.startswith(_FIELD + b"=")):
        return text
    payload = forms.first_field(text, _FIELD.decode())
    if payload is None:
        raise malformed("the form has no field `payload`; let the sender use the content type application/json")
    return payload


def to_utf8(text: bytes, content_type: str = "") -> bytes:
    """Return text in UTF-8 and without a mark. What cannot be read stays as it is: it is no JSON."""
    for mark, encoding in _MARKS:
        if text.startswith(mark):
            return _recode(text.removeprefix(mark), encoding)
    by_zeros = _ZEROS.get(tuple(octet == 0 for octet in text[:4]))  # type: ignore[arg-type]
    if by_zeros:
        return _recode(text, by_zeros)
    match = _CHARSET.search(content_type)
    charset = match[1].lower() if match else ""
    return _recode(text, _UNMARKED.get(charset, charset)) if charset in _KNOWN else text


def _recode(text: bytes, encoding: str) -> bytes:
    if encoding.startswith(("utf-8", "utf8")):
        return text
    try:
        return text.decode(encoding).encode()
    except ValueError:
        return text
