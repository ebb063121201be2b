"""The one place that knows the YAML parser: libyaml's event stream with positions, through PyYAML's binding.

Events only: nothing is composed, no tag is resolved to a Python object, no alias is followed. The pure Python parser
would be 30 times slower and is never used instead: a missing C parser is an import error.

(ruamel.yaml's binding would be second choice: its libyaml refuses a colon inside flow collections, as in
`{image: nginx:1.27}`.)
"""

from collections.abc import Callable
from typing import Any

from yaml.error import YAMLError  # type: ignore[import-untyped]
from yaml.events import (  # type: ignore[import-untyped]
    AliasEvent,
    DocumentEndEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
    StreamStartEvent,
)

from controllers.setters.errors import Unparsable

try:
    from yaml._yaml import CParser  # type: ignore[import-untyped]
except ImportError as missing:  # pragma: no cover - a broken installation
    raise ImportError(
        "PyYAML was built without its C parser (yaml._yaml): install a wheel, or libyaml's headers before building it"
    ) from missing

__all__ = [
    "AliasEvent",
    "DocumentEndEvent",
    "DocumentStartEvent",
    "Event",
    "MappingEndEvent",
    "MappingStartEvent",
    "ScalarEvent",
    "SequenceEndEvent",
    "SequenceStartEvent",
    "StreamEndEvent",
    "StreamStartEvent",
    "signature",
    "walk_events",
]

Event = Any
"""`start_mark` and `end_mark` count code points (`index`) and zero-based `line` and `column`."""

MAX_DEPTH = 500
"""Nested collections. libyaml takes quadratic time over deep flow collections, so a hostile file is cut off early."""


def walk_events(text: str, handle: Callable[[Event], None]) -> None:
    """Call `handle` with each event of the stream in turn. Linear in the size of `text`. Raises Unparsable.

    `text` has no byte-order mark in front.
    """
    depth = 0
    try:
        parser = CParser(text)
        while (event := parser.get_event()) is not None:
            kind = type(event)
            if kind is MappingStartEvent or kind is SequenceStartEvent:
                depth += 1
                if depth > MAX_DEPTH:
                    raise Unparsable(f"more than {MAX_DEPTH} collections inside each other", event.start_mark.line + 1)
            elif kind is MappingEndEvent or kind is SequenceEndEvent:
                depth -= 1
            handle(event)
    except YAMLError as error:
        raise to_unparsable(error) from error


def signature(event: Event) -> object:
    """Return what an event says, without position and quoting: streams of equal signatures are equal documents."""
    kind = type(event)
    if kind is ScalarEvent:
        plain = event.tag is None and event.anchor is None
        return event.value if plain else (event.value, event.tag, event.anchor)
    if kind is AliasEvent:
        return (kind, event.anchor)
    if kind is MappingStartEvent or kind is SequenceStartEvent:
        return (kind, event.tag, event.anchor)
    return kind


def to_unparsable(error: Any) -> Unparsable:
    """Return the parser's complaint in one line; places are 1-based."""
    mark = getattr(error, "problem_mark", None)
    text = ", ".join(str(part) for part in (getattr(error, "context", None), getattr(error, "problem", None)) if part)
    text = "it is not valid YAML: " + (text or " ".join(str(error).split()))[:256]
    if mark is None:
        return Unparsable(text)
    return Unparsable(f"{text} (line {mark.line + 1}, column {mark.column + 1})", mark.line + 1)
