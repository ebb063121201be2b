"""The nodes of a document, and how they are read from a file.

Positions are offsets in code points of the file's text without its byte-order mark, as the parser counts them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from controllers.setters.errors import Unparsable
from controllers.setters.markers import decode
from controllers.setters.parser import (
    AliasEvent,
    DocumentEndEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    walk_events,
)

BLOCK_STYLES = ("|", ">")
NULLS = frozenset({"", "~", "null", "Null", "NULL"})
TRUE = frozenset({"true", "True", "TRUE"})
FALSE = frozenset({"false", "False", "FALSE"})


class Scalar:
    """A text, a number or nothing; keys are scalars, too. Where it stands is computed when asked, which is seldom."""

    __slots__ = ("_event", "in_flow", "style", "value")

    def __init__(self, event: Any, *, in_flow: bool) -> None:
        self._event = event
        self.value: str = event.value
        self.style: str = event.style or ""
        """"", "'", '"', "|" or ">"."""
        self.in_flow = in_flow
        """Inside brackets or braces."""

    @property
    def start(self) -> int:
        """The offset of the first character, or of its anchor or tag."""
        index: int = self._event.start_mark.index
        return index

    @property
    def end(self) -> int:
        """The offset behind its last character; for block scalars the start of a line below."""
        index: int = self._event.end_mark.index
        return index

    @property
    def line(self) -> int:
        """The line of `start`, 1-based."""
        line: int = self._event.start_mark.line + 1
        return line

    @property
    def column(self) -> int:
        """The column of `start`, 1-based."""
        column: int = self._event.start_mark.column + 1
        return column

    @property
    def end_line(self) -> int:
        """The line of `end`, 1-based."""
        line: int = self._event.end_mark.line + 1
        return line

    @property
    def tag(self) -> str | None:
        """The tag, as the parser resolved it."""
        tag: str | None = self._event.tag
        return tag

    @property
    def is_null(self) -> bool:
        """Whether it says nothing."""
        return not self.style and self.value in NULLS and self.tag is None

    @property
    def is_block(self) -> bool:
        """Whether its text is on the lines below its header."""
        return self.style in BLOCK_STYLES


@dataclass(slots=True)
class Alias:
    """A reference to a node above; `target` is the last node of that anchor, None where there is none."""

    anchor: str
    line: int
    column: int
    target: Node | None = None


@dataclass(slots=True)
class Mapping:
    """Pairs in the order of the file; keys may repeat."""

    line: int
    column: int
    items: list[tuple[Node, Node]] = field(default_factory=list)

    def get(self, name: str) -> Node | None:
        """Return the first value of a key, None where it is missing. Merge keys (`<<`) are not followed."""
        for key, value in self.items:
            if type(key) is Scalar and key.value == name:
                return value
        return None

    def text(self, name: str) -> str:
        """Return the text of a scalar value, also through an alias; "" for anything else."""
        value = resolve_alias(self.get(name))
        return value.value if isinstance(value, Scalar) and not value.is_null else ""


@dataclass(slots=True)
class Sequence:
    """Items in the order of the file."""

    line: int
    column: int
    items: list[Node] = field(default_factory=list)


Node: TypeAlias = Scalar | Alias | Mapping | Sequence


def load(data: bytes) -> list[Node]:
    """Return the root of each document that has one. Linear in the size of the file. Raises Unparsable."""
    return load_text(decode(data))


def load_text(text: str) -> list[Node]:
    """Return the root of each document of a text without a byte-order mark. Raises Unparsable."""
    builder = _Builder()
    walk_events(text, builder.handle)
    return [root for root in builder.roots if not (isinstance(root, Scalar) and root.is_null)]


def resolve_alias(node: Node | None) -> Node | None:
    """Return what an alias stands for, any other node as it is."""
    return node.target if isinstance(node, Alias) else node


def pairs(node: Node | None) -> Iterator[tuple[Scalar, Node]]:
    """Yield the pairs of a mapping whose keys are scalars; none for any other node."""
    if isinstance(node, Mapping):
        for key, value in node.items:
            if isinstance(key, Scalar):
                yield key, value


def items(node: Node | None) -> Iterator[Node]:
    """Yield the items of a sequence; none for any other node."""
    if isinstance(node, Sequence):
        yield from node.items


def mappings(node: Node | None) -> Iterator[Mapping]:
    """Yield the items of a sequence that are mappings."""
    for item in items(node):
        if isinstance(item, Mapping):
            yield item


def to_value(node: Node | None) -> Any:
    """Return plain Python values: dicts, lists, strings, and of the other types only booleans, integers and None.

    An alias to a collection is None: a few of them can stand for more than memory holds.
    """
    match node:
        case Mapping():
            return {key.value: to_value(value) for key, value in pairs(node)}
        case Sequence():
            return [to_value(item) for item in node.items]
        case Alias():
            return to_value(node.target) if isinstance(node.target, Scalar) else None
        case Scalar():
            return _scalar_value(node)
    return None


def _scalar_value(scalar: Scalar) -> str | int | bool | None:
    text = scalar.value
    if scalar.style or scalar.tag is not None:
        return text
    if text in NULLS:
        return None
    if text in TRUE or text in FALSE:
        return text in TRUE
    return int(text) if text.isdecimal() and text.isascii() and len(text) < 19 else text


class _Builder:
    """Makes nodes of the parser's events."""

    def __init__(self) -> None:
        self.roots: list[Node] = []
        self._stack: list[Mapping | Sequence] = []
        self._keys: list[Node | None] = []
        self._flow = 0
        self._anchors: dict[str, Node] = {}

    def handle(self, event: Any) -> None:
        kind = type(event)
        if kind is ScalarEvent:
            self._scalar(event)
        elif kind is MappingStartEvent or kind is SequenceStartEvent:
            self._open(event, Mapping if kind is MappingStartEvent else Sequence)
        elif kind is MappingEndEvent or kind is SequenceEndEvent:
            self._stack.pop()
            self._keys.pop()
            self._flow = max(0, self._flow - 1)
        elif kind is AliasEvent:
            mark = event.start_mark
            self._add(Alias(event.anchor, mark.line + 1, mark.column + 1, self._anchors.get(event.anchor)))
        elif kind is DocumentStartEvent or kind is DocumentEndEvent:
            self._anchors.clear()

    def _scalar(self, event: Any) -> None:
        node = Scalar(event, in_flow=self._flow > 0)
        if event.anchor is not None:
            self._anchors[event.anchor] = node
        self._add(node)

    def _open(self, event: Any, kind: type[Mapping] | type[Sequence]) -> None:
        mark = event.start_mark
        node = kind(mark.line + 1, mark.column + 1)
        if event.anchor is not None:
            self._anchors[event.anchor] = node
        self._add(node)
        self._stack.append(node)
        self._keys.append(None)
        if event.flow_style or self._flow:
            self._flow += 1

    def _add(self, node: Node) -> None:
        if not self._stack:
            self.roots.append(node)
            return
        parent = self._stack[-1]
        if isinstance(parent, Sequence):
            parent.items.append(node)
        elif (key := self._keys[-1]) is None:
            self._keys[-1] = node
        else:
            parent.items.append((key, node))
            self._keys[-1] = None


__all__ = [
    "Alias",
    "Mapping",
    "Node",
    "Scalar",
    "Sequence",
    "Unparsable",
    "items",
    "load",
    "load_text",
    "mappings",
    "pairs",
    "resolve_alias",
    "to_value",
]
