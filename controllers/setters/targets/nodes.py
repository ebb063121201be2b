"""Documents as trees whose scalars know where they stand: YAML through the one parser, JSON by a scanner of its own.

JSON is not read as YAML: libyaml refuses surrogate pairs in escapes and long keys. `json` says whether a file is JSON
at all (RFC 8259), so that the scanner, which knows positions, need not. Positions are offsets in code points of the
text without its byte-order mark.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from controllers.setters.errors import Unparsable
from controllers.setters.parser import (
    MAX_DEPTH,
    AliasEvent,
    DocumentEndEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    signature,
    walk_events,
)
from controllers.setters.scalars import DOUBLE, PLAIN, STYLES

_TOKEN = re.compile(r'[ \t\n\r]*(?:(?P<mark>[{}\[\],:])|(?P<text>"(?:[^"\\]|\\.)*")|(?P<other>[^\s,\]}]+))')


class NodeKind(Enum):
    """What a node is."""

    SCALAR = "one value"
    MAP = "a map"
    LIST = "a list"
    ALIAS = "an alias"


@dataclass(slots=True)
class Node:
    """A value and where it stands."""

    kind: NodeKind
    start: int
    end: int
    line: int
    value: str = ""
    """The text of a scalar, whatever its type; the name of an alias."""
    style: str = PLAIN
    tag: str | None = None
    anchor: str | None = None
    ordinal: int = -1
    """Index of the scalar among the events of its file; of a scalar in JSON among its scalars."""
    inner: "list[tuple[str | None, Node]]" = field(default_factory=list)
    """Keys and values of a map, None for keys that are no scalars; items of a list behind None."""
    merges: "list[Node]" = field(default_factory=list)
    """What a map of YAML says to be merged into it (`<<`)."""
    target: "Node | None" = None
    """Of an alias: the node that it stands for."""
    _by_key: "dict[str | None, list[Node]]" = field(default_factory=dict)

    def values(self, name: str) -> "Iterator[Node]":
        """Yield the values of a key: none, one, or several where it is repeated."""
        if self.kind is NodeKind.MAP:
            if not self._by_key:  # a map may be looked into once for each item that it is merged into
                for key, inner in self.inner:
                    self._by_key.setdefault(key, []).append(inner)
            yield from self._by_key.get(name, ())

    def item(self, number: int) -> "Iterator[Node]":
        """Yield an item of a list, if there is one of that number."""
        if self.kind is NodeKind.LIST and -len(self.inner) <= number < len(self.inner):
            yield self.inner[number][1]

    @property
    def is_missing(self) -> bool:
        """A scalar of no characters, as behind `tag:`."""
        return self.kind is NodeKind.SCALAR and self.start == self.end


MAX_MERGES = 50
"""Maps that one lookup goes through: merge keys may lead in circles."""


def resolve(node: Node) -> Node:
    """Return what an alias stands for, any other node as it is."""
    return node.target if node.target is not None else node


def look_up(node: Node, name: str) -> Iterator[Node]:
    """Yield the values of a key as readers of YAML see them: through aliases, and from merged maps if it has no own."""
    waiting, left = [node], MAX_MERGES
    while waiting and left:
        left -= 1
        one = resolve(waiting.pop())
        if one.kind is NodeKind.LIST and one is not resolve(node):  # of maps to be merged
            waiting += [item for _, item in reversed(one.inner)]
        elif own := list(one.values(name)):
            yield from own
            return
        else:
            waiting += reversed(one.merges)


@dataclass(frozen=True, slots=True)
class Tree:
    """The documents of a file. signatures: of all events of YAML."""

    roots: tuple[Node, ...]
    signatures: list[object]


def read_yaml(text: str) -> Tree:
    """Return the documents of a YAML stream. Raises Unparsable."""
    builder = _YamlBuilder()
    walk_events(text, builder.handle)
    return Tree(tuple(builder.roots), builder.signatures)


class _YamlBuilder:
    def __init__(self) -> None:
        self.roots: list[Node] = []
        self.signatures: list[object] = []
        self._stack: list[Node] = []
        self._keys: list[Node | None] = []
        self._anchors: dict[str, Node] = {}

    def handle(self, event: Any) -> None:
        kind = type(event)
        self.signatures.append(signature(event))
        if kind is ScalarEvent:
            self._add(self._node(event, NodeKind.SCALAR, event.value))
        elif kind is MappingStartEvent or kind is SequenceStartEvent:
            node = self._node(event, NodeKind.MAP if kind is MappingStartEvent else NodeKind.LIST, "")
            self._add(node)
            self._stack.append(node)
            self._keys.append(None)
        elif kind is MappingEndEvent or kind is SequenceEndEvent:
            self._stack.pop()
            self._keys.pop()
        elif kind is AliasEvent:
            start, name = event.start_mark, event.anchor
            end = event.end_mark.index
            target = self._anchors.get(name)
            self._add(Node(NodeKind.ALIAS, start.index, end, start.line + 1, name, target=target))
        elif kind is DocumentStartEvent or kind is DocumentEndEvent:
            self._stack.clear()
            self._keys.clear()
            self._anchors.clear()

    def _node(self, event: Any, kind: NodeKind, value: str) -> Node:
        start, end = event.start_mark, event.end_mark
        node = Node(kind, start.index, end.index, start.line + 1, value, tag=event.tag, anchor=event.anchor)
        if kind is NodeKind.SCALAR:
            node.style, node.ordinal = STYLES[event.style], len(self.signatures) - 1
        if event.anchor is not None:
            self._anchors[event.anchor] = node
        return node

    def _add(self, node: Node) -> None:
        if not self._stack:
            self.roots.append(node)
            return
        parent = self._stack[-1]
        if parent.kind is NodeKind.LIST:
            parent.inner.append((None, node))
        elif (key := self._keys[-1]) is None:
            self._keys[-1] = node
        else:
            parent.inner.append((key.value if key.kind is NodeKind.SCALAR else None, node))
            if key.value == "<<" and key.style == PLAIN:
                parent.merges.append(node)
            self._keys[-1] = None


def read_json(text: str) -> Tree:
    """Return the value of a JSON text. Raises Unparsable."""
    _require_json(text)
    builder = _JsonBuilder(text)
    for token in _TOKEN.finditer(text):
        builder.take(token)
    return Tree((builder.root,), [])


def _require_json(text: str) -> None:
    def refuse(name: str) -> None:
        raise Unparsable(f"it is not valid JSON: {name} is no value of JSON")

    try:
        json.loads(text, parse_int=str, parse_float=str, parse_constant=refuse)
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise Unparsable(f"it is not valid JSON: {error.msg} ({place})", error.lineno) from error
    except RecursionError:
        raise Unparsable(f"more than {MAX_DEPTH} collections inside each other") from None


class _JsonBuilder:
    """Makes nodes of the tokens of a text that is JSON."""

    root: Node

    def __init__(self, text: str) -> None:
        self._text = text
        self._stack: list[Node] = []
        self._key: str | None = None
        self._is_key = False
        self._line, self._at = 1, 0
        self._scalars = 0

    def take(self, token: re.Match[str]) -> None:
        mark = token["mark"]
        if mark in ("{", "["):
            self._open(token, NodeKind.MAP if mark == "{" else NodeKind.LIST)
        elif mark in ("}", "]"):
            node = self._stack.pop()
            node.end = token.end()
            self._is_key = False
        elif mark == ",":
            self._is_key = self._stack[-1].kind is NodeKind.MAP
        elif mark != ":":
            self._scalar(token)

    def _open(self, token: re.Match[str], kind: NodeKind) -> None:
        node = Node(kind, token.start("mark"), token.end(), self._line_of(token.start("mark")))
        self._add(node)
        self._stack.append(node)
        if len(self._stack) > MAX_DEPTH:
            raise Unparsable(f"more than {MAX_DEPTH} collections inside each other", node.line)
        self._is_key = kind is NodeKind.MAP

    def _scalar(self, token: re.Match[str]) -> None:
        text = token["text"]
        value = _decode_string(text) if text is not None else token["other"]
        if self._is_key:
            self._key, self._is_key = value, False
            return
        start, end = token.span("text" if text is not None else "other")
        style = DOUBLE if text is not None else PLAIN
        node = Node(NodeKind.SCALAR, start, end, self._line_of(start), value, style, ordinal=self._scalars)
        self._scalars += 1
        self._add(node)

    def _add(self, node: Node) -> None:
        if not self._stack:
            self.root = node
            return
        parent = self._stack[-1]
        parent.inner.append((self._key if parent.kind is NodeKind.MAP else None, node))

    def _line_of(self, index: int) -> int:
        self._line += self._text.count("\n", self._at, index)
        self._at = index
        return self._line


def _decode_string(token: str) -> str:
    """Return the text of a JSON string; a surrogate without its other half is replaced, since no text may have it."""
    value: str = json.loads(token)
    return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
