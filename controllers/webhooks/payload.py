"""JSON of strangers, bounded, and the way to its fields.

A field that is missing or null reads as empty: senders leave out what they do not know. A field of another type than
its own is a refusal which names it.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from controllers.net.foreign_text import escape
from controllers.webhooks.content import to_utf8
from controllers.webhooks.limits import MAX_CONTAINERS, MAX_DEPTH, MAX_EVENTS, MAX_TEXT
from controllers.webhooks.verdict import malformed, too_large

_TIME: Final = re.compile(
    r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:\.(\d{1,6})\d{0,9})?(Z|[+-]\d\d:?\d\d)?", re.ASCII | re.IGNORECASE
)


def parse(document: bytes) -> Any:
    """Return the value of a JSON text. Raises Refusal: no JSON, or nested too deeply."""
    document = to_utf8(document)
    opened = document.count(b"[") + document.count(b"{")
    if opened > MAX_CONTAINERS:
        raise too_large(f"the JSON has more than {MAX_CONTAINERS} arrays and objects")
    try:
        value = _decode(document)
    except RecursionError:
        raise _too_deep() from None
    except (msgspec.DecodeError, ValueError):
        raise malformed("the body is not JSON") from None
    if opened > MAX_DEPTH:
        _check_depth(value)
    return value


def _decode(document: bytes) -> Any:
    """Return the value of a JSON text. Octets that are no characters, as in somebody's name, become question marks."""
    try:
        return msgspec.json.decode(document)
    except (msgspec.DecodeError, ValueError):
        text = document.decode("utf-8", "replace").encode()
        if text == document:
            raise
        return msgspec.json.decode(text)


def _check_depth(value: Any) -> None:
    level = _containers([value])
    for _ in range(MAX_DEPTH):
        level = [inner for outer in level for inner in _containers(outer)]
        if not level:
            return
    raise _too_deep()


def _containers(values: Iterable[Any]) -> list[Any]:
    inside = values.values() if isinstance(values, dict) else values
    return [value for value in inside if isinstance(value, dict | list)]


def _too_deep() -> Exception:
    return too_large(f"the JSON is nested more than {MAX_DEPTH} levels deep")


def parse_object(document: bytes) -> Mapping[str, Any]:
    """Return the object of a JSON text. Raises Refusal."""
    value = parse(document)
    if not isinstance(value, dict):
        raise malformed("the body is not a JSON object")
    return value


def field(value: Any, *path: str) -> Any:
    """Return what is at a path of names, None where a part of it is missing. Raises Refusal on another type."""
    for depth, name in enumerate(path):
        if value is None:
            return None
        if not isinstance(value, dict):
            raise _wrong_type(path[:depth], "an object")
        value = value.get(name)
    return value


def text(value: Any, *path: str) -> str:
    """Return the text at a path, empty where it is missing. Raises Refusal: another type, or too long."""
    found = field(value, *path)
    if found is None:
        return ""
    if not isinstance(found, str):
        raise _wrong_type(path, "text")
    if len(found) > MAX_TEXT:
        raise too_large(f"the field `{_dotted(path)}` is longer than {MAX_TEXT} characters")
    return found.strip()


def identifier(value: Any, *path: str) -> str:
    """Return what tells one delivery from another, empty where it is missing or of no use: that refuses nothing."""
    *above, name = path
    found = field(value, *above)
    known = found.get(name) if isinstance(found, dict) else None
    shown = str(known) if isinstance(known, int | str) else ""
    return shown if len(shown) <= MAX_TEXT else ""


def child(value: Any, *path: str) -> Mapping[str, Any]:
    """Return the object at a path, an empty one where it is missing. Raises Refusal on another type."""
    found = field(value, *path)
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise _wrong_type(path, "an object")
    return found


def items(value: Any, *path: str) -> list[Any]:
    """Return the array at a path, an empty one where it is missing. Raises Refusal: another type, or too many."""
    found = field(value, *path)
    if found is None:
        return []
    if not isinstance(found, list):
        raise _wrong_type(path, "an array")
    if len(found) > MAX_EVENTS:
        raise too_large(f"the field `{_dotted(path)}` has more than {MAX_EVENTS} items")
    return found


def texts(value: Any, *path: str) -> Iterator[str]:
    """Yield the texts of an array, and the names of an object. Raises Refusal."""
    found = field(value, *path)
    for item in found if isinstance(found, dict) else items(value, *path):
        yield text({"item": item}, "item")


def moment(value: Any, *path: str) -> datetime | None:
    """Return the time at a path: RFC 3339 or a near relative of it, or seconds since 1970. None where it is neither."""
    found = field(value, *path)
    if isinstance(found, int | float) and not isinstance(found, bool):
        return _from_seconds(found)
    match = _TIME.fullmatch(found.strip()) if isinstance(found, str) and len(found) <= MAX_TEXT else None
    if match is None:
        return None
    day, clock, fraction, zone = match.groups()
    zone = "+00:00" if zone is None or zone in "Zz" else zone
    try:
        return datetime.fromisoformat(f"{day}T{clock}.{(fraction or '0'):0<6}{zone}").astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _from_seconds(seconds: float) -> datetime | None:
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _wrong_type(path: tuple[str, ...], kind: str) -> Exception:
    return malformed(f"the field `{_dotted(path)}` is not {kind}" if path else f"the payload is not {kind}")


def _dotted(path: tuple[str, ...]) -> str:
    return escape(".".join(path))
