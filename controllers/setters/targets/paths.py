"""Paths to one scalar: JSON Pointers (RFC 6901) and the part of JSONPath (RFC 9535) that can name one value.

Of JSONPath: `$`, `.name`, `['name']`, `[0]`, `[-1]`, `[*]`, `.*`, and filters by equality such as
`[?(@.name=='web')]`. No descendants (`..`), slices and unions, which are for several values. Names without quotes may
have hyphens, as keys of values files do. Filters see what aliases and merge keys stand for; the way to the value does
not lead through them. Pure; knows nodes, not files.
"""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

from controllers.setters.targets.nodes import Node, NodeKind, look_up, resolve

MAX_PATH_CHARS = 512

_FIRST = "A-Za-z_\x80-\ud7ff\ue000-\U0010ffff"
_BARE = rf"[{_FIRST}][{_FIRST}0-9-]*"
_NAME = re.compile(_BARE)
_INDEX = re.compile(r"0|-?[1-9][0-9]{0,8}")
_SINGLE, _DOUBLE = r"'(?:[^'\\]|\\.)*'", r'"(?:[^"\\]|\\.)*"'
_QUOTED = re.compile(f"{_SINGLE}|{_DOUBLE}", re.DOTALL)
_BLANK = re.compile(r"[ \t\n\r]*")
_FILTER = re.compile(
    rf"\?\s*(\()?\s*@(?P<path>(?:\s*\.{_BARE}|\s*\[\s*(?:{_SINGLE}|{_DOUBLE})\s*\])*)\s*==\s*"
    rf"(?P<value>{_SINGLE}|{_DOUBLE}|-?[0-9]+(?:\.[0-9]+)?|true|false)\s*(?(1)\))\s*",
    re.DOTALL,
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
    at = _skip_blanks(text, 1)
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
        if at < len(text) and (behind := _skip_blanks(text, at)) < len(text):
            at = behind  # blanks may stand between steps, and not at the end


def _skip_blanks(text: str, at: int) -> int:
    return _BLANK.match(text, at).end()  # type: ignore[union-attr]  # it matches nothing as well


def _parse_bracket(text: str, at: int) -> tuple[Step, int]:
    """Return the step inside of brackets, and where it goes on behind them."""
    at = _skip_blanks(text, at)
    step: Step
    if found := _QUOTED.match(text, at):
        step = Key(_unquote(text, found[0]))
    elif found := _INDEX.match(text, at):
        step = Index(int(found.group()))
    elif found := _FILTER.match(text, at):
        step = _parse_filter(text, found)
    elif text[at : at + 1] == "*":
        step, at = Every(), at + 1
    else:
        raise _bad(text, at, "a quoted key, a number, * or a filter such as ?(@.name=='web')")
    at = _skip_blanks(text, found.end() if found else at)
    if text[at : at + 1] != "]":
        raise _bad(text, at, "']': one key, number or filter in brackets")
    return step, at + 1


def _parse_filter(text: str, found: re.Match[str]) -> Where:
    keys, at, path = [], 0, found["path"]
    while (at := _skip_blanks(path, at)) < len(path):
        if path[at] == ".":
            name = _NAME.match(path, at + 1)
            assert name is not None
            keys.append(name.group())
            at = name.end()
        else:
            quoted = _QUOTED.search(path, at)
            assert quoted is not None
            keys.append(_unquote(text, quoted[0]))
            at = path.index("]", quoted.end()) + 1
    value = found["value"]
    return Where(tuple(keys), _unquote(text, value) if value[0] in "'\"" else value)


_TO_JSON = re.compile(r"\\(.)|\"", re.DOTALL)


def _unquote(text: str, quoted: str) -> str:
    """Return what stands in quotes: the escapes are those of JSON, and a quotation mark of either kind."""
    inner = _TO_JSON.sub(_escape_for_json, quoted[1:-1])
    try:
        value: str = json.loads(f'"{inner}"', strict=False)
        value.encode()
    except ValueError:
        raise BadPath(
            f"'{text}': {quoted} is no text: in quotes a backslash is written \\\\, "
            "and a character by its number \\u00e9"
        ) from None
    return value


def _escape_for_json(found: re.Match[str]) -> str:
    match found[1]:
        case "'":
            return "'"
        case None | '"':
            return '\\"'
        case _:
            return found[0]


def _bad(text: str, at: int, wanted: str) -> BadPath:
    there = f"at '{text[at : at + 20]}'" if at < len(text) else "at its end"
    return BadPath(f"'{text}' is no path {there}: expected {wanted}")


def format_key(name: str) -> str:
    """Return the step of a JSONPath that leads to a key."""
    return f".{name}" if _NAME.fullmatch(name) else f"[{format_text(name)}]"


def format_text(text: str) -> str:
    """Return a text in the quotes of a JSONPath."""
    return "'" + json.dumps(text, ensure_ascii=False)[1:-1].replace('\\"', '"').replace("'", "\\'") + "'"


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
            inner = [one for one in _take(step, node, obstacles) if not any(one is merged for merged in node.merges)]
            following += inner
            if node.merges and (not inner or isinstance(step, Every | Where)):
                obstacles.append(f"what '<<' at line {node.merges[0].line} brings in")
        nodes = following
    obstacles += filter(None, map(_obstacle, nodes))
    return Found(tuple(nodes), tuple(dict.fromkeys(obstacles)))


def _obstacle(node: Node) -> str:
    """Return why nothing is written at or below a node: the same value would change elsewhere, or stands elsewhere."""
    if node.kind is NodeKind.ALIAS:
        return f"the alias *{node.value} at line {node.line}"
    return f"the anchor &{node.anchor} at line {node.line}" if node.anchor else ""


def _take(step: Step, node: Node, obstacles: list[str]) -> Iterator[Node]:
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
            for _, inner in node.inner:
                answers = _compare(inner, keys, value)
                if True in answers:
                    yield inner
                if len(answers) > 1:
                    obstacles.append(f"what has a key of the filter twice at line {inner.line}")


def _compare(node: Node, keys: Sequence[str], value: str) -> set[bool]:
    """Return whether a scalar with a text is behind some keys: both where a key is repeated, nothing without one."""
    at = [node]
    for key in keys:
        at = [inner for one in at for inner in look_up(one, key)]
    return {one.kind is NodeKind.SCALAR and one.value == value for one in map(resolve, at)}
