"""What an answer without success means, and in which words. Decisions only.

Texts are those of go-containerregistry (pkg/v1/remote/transport/error.go), which Flux writes into conditions:
`GET https://ghcr.io/v2/a/b/tags/list?n=1000: NAME_UNKNOWN: repository name not known to registry`.
"""

from http import HTTPStatus
from typing import Any

import msgspec

from controllers.net.foreign_text import sanitize
from controllers.net.url import redact_text
from controllers.registry.errors import (
    BadResponse,
    Denied,
    ImageNotFound,
    RegistryError,
    Throttled,
    Unavailable,
)
from controllers.registry.retry import RateHint

MAX_DETAIL_DEPTH = 8
MAX_QUOTED_BYTES = 4096
"""Of a body that is not in the form of the specification; sanitize keeps less."""


class Diagnostic(msgspec.Struct):
    code: str = ""
    message: str = ""
    detail: Any = None


class Diagnostics(msgspec.Struct):
    errors: list[Diagnostic] = []


def status_error(
    method: str, url: str, status: int, body: bytes, rate_hint: RateHint, *, unquoted: str = ""
) -> RegistryError:
    """Return the error for an answer whose status is not a success.

    unquoted: the host that answered, where it is not one whose words are shown.
    """
    reason = f"{sanitize(unquoted)} answered: {_status(status)}" if unquoted else _reason(method, status, body)
    text = f"{method} {redact_text(url)}: {reason}"
    match status:
        case 401 | 403:
            return Denied(text)
        case 404:
            return ImageNotFound(text)
        case 429:
            return Throttled(text, rate_hint.retry_after or rate_hint.exhausted_for)
        case 503 if rate_hint.retry_after:
            return Throttled(text, rate_hint.retry_after, is_outage=True)
        case 408 | 499:
            return Unavailable(text)
        case _ if status >= 500:
            return Unavailable(text)
        case _:
            return BadResponse(text)


def _reason(method: str, status: int, body: bytes) -> str:
    try:
        errors = msgspec.json.decode(body, type=Diagnostics).errors
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        errors = []
    if errors:
        text = "; ".join(map(_format_diagnostic, errors[:5]))
        return sanitize(redact_text(text if len(errors) == 1 else f"multiple errors returned: {text}"))
    name = _status(status)
    if method == "HEAD":
        return f"unexpected status code {name} (HEAD responses have no body, use GET for details)"
    text = sanitize(redact_text(body[:MAX_QUOTED_BYTES].decode("utf-8", "replace")))
    return f"unexpected status code {name}{': ' if text else ''}{text}"


def _status(status: int) -> str:
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)


def _format_diagnostic(diagnostic: Diagnostic) -> str:
    text = f"{diagnostic.code}: {diagnostic.message}"
    return text if diagnostic.detail is None else f"{text}; {_format_go_value(diagnostic.detail, MAX_DETAIL_DEPTH)}"


def _format_go_value(value: Any, depth: int) -> str:
    """Return a JSON value in the form of Go's `%v`."""
    match value:
        case _ if depth == 0:
            return "..."
        case None:
            return "<nil>"
        case bool():
            return "true" if value else "false"
        case int() | float():
            return _format_number(value)
        case str():
            return value
        case list():
            return f"[{' '.join(_format_go_value(item, depth - 1) for item in value)}]"
        case _:
            pairs = (f"{key}:{_format_go_value(item, depth - 1)}" for key, item in sorted(value.items()))
            return f"map[{' '.join(pairs)}]"


def _format_number(value: int | float) -> str:
    try:
        return str(value) if isinstance(value, int) and abs(value) < 10**21 else f"{value:g}"
    except OverflowError:  # beyond what Go decodes, too
        return "..."
