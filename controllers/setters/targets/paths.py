"""Paths to one scalar: JSON Pointers (RFC 6901) and the part of JSONPath (RFC 9535) that can name one value.

Of JSONPath: `$`, `.name`, `['name']`, `[0]`, `[-1]`, `[*]`, `.*`, and filters by equality such as
`[?(@.name=='web')]`. No descendants (`..`), slices and unions, which are for several values. Names without quotes may
have hyphens, as keys of values files do. Pure; knows nodes, not files.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

from controllers.setters.targets.nodes import Node, NodeKind

MAX_PATH_CHARS = 512
MAX_CANDIDATES = 10_000
"""Values that a path with wildcards may lead over; more are no single value."""

_NAME = re.compile(r"[^\W\d][\w-]*")
_INDEX = re.compile(r"-?(?:0|[1-9][0-9]{0,8})")
_QUOTED = re.compile(r"'((?:[^'\\]|\\.)*)'|\"((?:[^\"\\]|\\.)*)\"")
_FILTER = re.compile(
    r"\?\s*(\()?\s*@(?P<path>(?:\.[^\W\d][\w-]*|\[\s*(?:'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\")\s*\])*)\s*==\s*"
    r"(?P<value>'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"|-?[0-9]+(?:\.[0-9]+)?|true|false)\s*(?(1)\))\s*"
)
_TILDE = re.compile(r"~(?![01])")


class BadPath(Exception):
    """A path that cannot be read; the text says where and what to write."""


@dataclass(frozen=True, slots=True)
class Key:
    """The values of a key."""

    name: str


@dataclass(frozen=True, slots=True)
class Index:
    """An item of a list, from its end where negative."""

    number: int


@dataclass(frozen=True, slots=True)
class Token:
    """A key of a map, or the number of an item: a pointer does not say which."""

    text: str


@dataclass(frozen=True, slots=True)
class Every:
    """All values of a map, all items of a list."""


@dataclass(frozen=True, slots=True)
class Where:
    """Those of them that have a scalar with this text behind these keys."""

    keys: tuple[str, ...]
    value: str


Step: TypeAlias = Key | Index | Token | Every | Where


@dataclass(frozen=True, slots=True)
class Found:
    """What a path leads to. obstacles: why it may lead further than it was followed, one a place."""

    nodes: tuple[Node, ...]
    obstacles: tuple[str, ...]


@lru_cache(maxsize=1024)
def parse_path(text: str) -> tuple[Step, ...]:
    """Return the steps of a path. Raises BadPath."""
    if len(text) > MAX_PATH_CHARS:
        raise BadPath(f"the path has more than {MAX_PATH_CHARS} characters")
    if text.startswith("/"):
        return tuple(_parse_pointer(text))
    if text.startswith("$"):
        return tuple(_parse_jsonpath(text))
    raise BadPath(f"'{text}' is no path: write a JSONPath such as $.image.tag, or a JSON Pointer such as /image/tag")


def _parse_pointer(text: str) -> Iterator[Step]:
    for part in text.split("/")[1:]:
        if _TILDE.search(part):
            raise BadPath(f"'{text}': in a JSON Pointer a ~ is written ~0, and a / in a key ~1")
        yield Token(part.replace("~1", "/").replace("~0", "~"))


def _parse_jsonpath(text: str) -> Iterator[Step]:
    at = 1
    while at < len(text):
        if text.startswith("..", at):
            raise BadPath(f"'{text}': '..' leads to any number of values; name the way to one")
        if text.startswith(".*", at):
            yield Every()
            at += 2
        elif text[at] == ".":
            name = _NAME.match(text, at + 1)
            if name is None:
                raise _bad(text, at + 1, "a name; a key with other characters is written ['so']")
            yield Key(name.group())
            at = name.end()
        elif text[at] == "[":
            step, at = _parse_bracket(text, at + 1)
            yield step
        else:
            raise _bad(text, at, "'.' or '['")


def _parse_bracket(text: str, at: int) -> tuple[Step, int]:
    """Return the step inside of brackets, and where it goes on behind them."""
    while text[at : at + 1] == " ":
        at += 1
    step: Step
    if found := _QUOTED.match(text, at):
        step = Key(_unquote(found))
    elif found := _INDEX.match(text, at):
        step = Index(int(found.group()))
    elif found := _FILTER.match(text, at):
        step = _parse_filter(found)
    elif text[at : at + 1] == "*":
        step, at = Every(), at + 1
    else:
        raise _bad(text, at, "a quoted key, a number, * or a filter such as ?(@.name=='web')")
    at = found.end() if found else at
    while text[at : at + 1] == " ":
        at += 1
    if text[at : at + 1] != "]":
        raise _bad(text, at, "']': one key, number or filter in brackets")
    return step, at + 1


def _parse_filter(found: re.Match[str]) -> Where:
    keys, at, path = [], 0, found["path"]
    while at < len(path):
        if path[at] == ".":
            name = _NAME.match(path, at + 1)
            assert name is not None
            keys.append(name.group())
            at = name.end()
        else:
            quoted = _QUOTED.search(path, at)
            assert quoted is not None
            keys.append(_unquote(quoted))
            at = path.index("]", quoted.end()) + 1
    value = _QUOTED.fullmatch(found["value"])
    return Where(tuple(keys), _unquote(value) if value else found["value"])


def _unquote(found: re.Match[str]) -> str:
    inner = found[1] if found[1] is not None else found[2]
    return re.sub(r"\\(.)", r"\1", inner)


def _bad(text: str, at: int, wanted: str) -> BadPath:
    there = f"at '{text[at : at + 20]}'" if at < len(text) else "at its end"
    return BadPath(f"'{text}' is no path {there}: expected {wanted}")


def follow(steps: Sequence[Step], roots: Sequence[Node]) -> Found:
    """Return what a path leads to in the documents of a file."""
    nodes = list(roots)
    obstacles: list[str] = []
    for step in steps:
        following: list[Node] = []
        for node in nodes:
            if reason := _obstacle(node):
                obstacles.append(reason)
                continue
            inner = list(_take(step, node))
            following += inner
            if not inner and node.merge and isinstance(step, Key | Token):
                obstacles.append(f"what '<<' at line {node.merge.line} brings in")
        nodes = following[:MAX_CANDIDATES]
    obstacles += filter(None, map(_obstacle, nodes))
    return Found(tuple(nodes), tuple(dict.fromkeys(obstacles)))


def _obstacle(node: Node) -> str:
    """Return why nothing is written at or below a node: the same value would change elsewhere, or stands elsewhere."""
    if node.kind is NodeKind.ALIAS:
        return f"the alias *{node.value} at line {node.line}"
    return f"the anchor &{node.anchor} at line {node.line}" if node.anchor else ""


def _take(step: Step, node: Node) -> Iterator[Node]:
    match step:
        case Key(name):
            yield from node.values(name)
        case Index(number):
            yield from node.item(number)
        case Token(text) if node.kind is NodeKind.LIST:
            if _INDEX.fullmatch(text) and not text.startswith("-"):
                yield from node.item(int(text))
        case Token(text):
            yield from node.values(text)
        case Every():
            yield from (inner for _, inner in node.inner)
        case Where(keys, value):
            yield from (inner for _, inner in node.inner if _has(inner, keys, value))


def _has(node: Node, keys: Sequence[str], value: str) -> bool:
    at = [node]
    for key in keys:
        at = [inner for one in at for inner in one.values(key)]
    return any(one.kind is NodeKind.SCALAR and one.value == value for one in at)
