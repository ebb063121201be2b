"""Take credentials out of a text: servers repeat what they were sent, in error bodies above all.

Exact values only, in the forms that protocols give them: as they are, in Base64, escaped for URLs and for JSON. What
looks like a secret and is none of ours stays.
"""

import base64
import json
from collections.abc import Iterable
from typing import Final
from urllib.parse import quote, quote_plus

REDACTED: Final = "REDACTED"
MIN_CHARS: Final = 4
"""Shorter ones are parts of ordinary words."""
_MIN_CUT_CHARS: Final = 6
"""Of the beginning of a secret, where a text was cut in the middle of one."""
_MAX_CUT_CHARS: Final = 512


def redact(text: str, secrets: Iterable[str]) -> str:
    """Return `text` without any of `secrets`, and without the beginning of one where the text was cut."""
    forms = sorted({form for secret in secrets for form in _forms(secret)}, key=len, reverse=True)
    for form in forms:
        text = text.replace(form, REDACTED)
    return "".join(_without_beginnings(text, forms))


def login_secrets(username: str, password: str) -> tuple[str, ...]:
    """Return what is secret of a login: the password, and both as Basic authentication joins them.

    A user name without a password is a token, as in `https://TOKEN@host/`.
    """
    pair = f"{username}:{password}"
    return (password, pair) if password else (username, pair)


def _forms(secret: str) -> set[str]:
    if len(secret) < MIN_CHARS:
        return set()
    data = secret.encode("utf-8", "surrogateescape")
    encoded = base64.b64encode(data).decode()
    forms = {
        secret,
        " ".join(secret.split()),  # as `foreign_text.sanitize` leaves it
        quote(data, safe=""),
        quote_plus(data),
        json.dumps(secret)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
        encoded,
        encoded.rstrip("="),
        base64.urlsafe_b64encode(data).decode().rstrip("="),
    }
    return {form for form in forms if len(form) >= MIN_CHARS}


def _without_beginnings(text: str, forms: Iterable[str]) -> Iterable[str]:
    """Yield the pieces of a text between its cuts, the cuts included, each without the beginning of a secret."""
    pieces = text.split("…")
    for number, piece in enumerate(pieces):
        if number:
            yield "…"
        lengths = (
            length
            for form in forms
            for length in range(min(len(form) - 1, len(piece), _MAX_CUT_CHARS), _MIN_CUT_CHARS - 1, -1)
            if piece.endswith(form[:length])
        )
        length = max(lengths, default=0)
        yield piece[: len(piece) - length] + REDACTED if length else piece
