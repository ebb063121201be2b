"""Sprig's regular expressions, run by RE2: linear in the text, whatever the pattern.

Reference: https://masterminds.github.io/sprig/strings.html (regexMatch ff.). Patterns and their error texts are
those of `controllers.golang.regexp`. Matching is on UTF-8; bytes that are not UTF-8 are replaced first.
"""

import re
from collections.abc import Iterator
from typing import Protocol, cast

from controllers.golang import regexp
from controllers.golang.quote import quote
from controllers.template.errors import FunctionFailure
from controllers.template.eval.render_context import Library, RenderContext
from controllers.template.go import gotext
from controllers.template.go.types import INT, STRING
from controllers.template.go.values import Slice, string_slice

LIBRARY = Library()
MAX_TEXT_BYTES = 64 * 1024
MAX_PATTERN_BYTES = 1024
_META = frozenset(r"\.+*?()|[]{}^$")
_REFERENCE = re.compile(r"\$(?:\$|\{(\w+)\}|(\w+))")


class Match(Protocol):
    """The part of RE2's match that is used; spans count bytes."""

    def span(self, group: int = 0) -> tuple[int, int]: ...


class _Search(Protocol):
    def search(self, text: bytes, pos: int) -> Match | None: ...


class _Regex:
    """A compiled pattern on one text, paying for each search."""

    def __init__(self, run: RenderContext, pattern: str, text: str) -> None:
        if len(pattern) > MAX_PATTERN_BYTES:
            raise FunctionFailure(f"pattern is longer than {MAX_PATTERN_BYTES} characters")
        self._run = run
        self.text = gotext.to_valid_utf8(text).encode()
        if len(self.text) > MAX_TEXT_BYTES:
            raise FunctionFailure(f"text to match is larger than {MAX_TEXT_BYTES} bytes")
        run.budget.spend(20 + 4 * len(pattern))
        compiled = regexp.compile(gotext.to_valid_utf8(pattern))
        self.names = compiled.group_names
        self._share = max(1, compiled.regexp.cost // regexp.CHEAP_COST)
        self._search = cast(_Search, compiled.regexp)

    def find(self, start: int = 0) -> Match | None:
        """Return the leftmost match at or after `start`."""
        self._run.budget.spend(4 + self._share * (len(self.text) - start) // 16)
        return self._search.search(self.text, start)

    def matches(self) -> Iterator[Match]:
        """Return all matches that do not overlap; an empty one directly behind another does not count."""
        at, last_end = 0, -1
        while at <= len(self.text):
            match = self.find(at)
            if match is None:
                return
            start, end = match.span()
            if end > start or start != last_end:
                yield match
            last_end = end
            at = end if end > at else _next_char(self.text, at)


def _next_char(text: bytes, at: int) -> int:
    at += 1
    while at < len(text) and 0x80 <= text[at] < 0xC0:
        at += 1
    return at


def _compile(run: RenderContext, pattern: str, text: str) -> _Regex:
    """Compile a pattern; a bad one is an error in the words of `regexp.Compile`."""
    try:
        return _Regex(run, pattern, text)
    except regexp.BadPattern as error:
        raise FunctionFailure(str(error)) from None


def _must_compile(run: RenderContext, pattern: str, text: str) -> _Regex:
    """Compile a pattern; a bad one is an error in the words of `regexp.MustCompile`."""
    try:
        return _Regex(run, pattern, text)
    except regexp.BadPattern as error:
        quoted = f"`{pattern}`" if _is_plain(pattern) else quote(pattern)
        raise FunctionFailure(f"regexp: Compile({quoted}): {error}") from None


def _is_plain(pattern: str) -> bool:
    """Return True for what Go may quote with backquotes."""
    return not any(char in "`\x7f\ufeff" or (char < " " and char != "\t") for char in pattern)


@LIBRARY.add("regexMatch", STRING, STRING)
def _match(run: RenderContext, pattern: str, text: str) -> bool:
    try:
        return _Regex(run, pattern, text).find() is not None
    except regexp.BadPattern:
        return False


@LIBRARY.add("mustRegexMatch", STRING, STRING)
def _must_match(run: RenderContext, pattern: str, text: str) -> bool:
    return _compile(run, pattern, text).find() is not None


def _found(regex: _Regex) -> str:
    match = regex.find()
    return "" if match is None else _piece(regex, *match.span())


def _piece(regex: _Regex, start: int, end: int) -> str:
    return regex.text[start:end].decode()


@LIBRARY.add("regexFind", STRING, STRING)
def _find(run: RenderContext, pattern: str, text: str) -> str:
    return _found(_must_compile(run, pattern, text))


@LIBRARY.add("mustRegexFind", STRING, STRING)
def _must_find(run: RenderContext, pattern: str, text: str) -> str:
    return _found(_compile(run, pattern, text))


def _all(regex: _Regex, limit: int) -> Slice:
    found: list[str] = []
    for match in regex.matches():
        if 0 <= limit <= len(found):
            break
        found.append(_piece(regex, *match.span()))
    result = string_slice(found)
    result.is_nil = not found
    return result


@LIBRARY.add("regexFindAll", STRING, STRING, INT)
def _find_all(run: RenderContext, pattern: str, text: str, limit: int) -> Slice:
    return _all(_must_compile(run, pattern, text), limit)


@LIBRARY.add("mustRegexFindAll", STRING, STRING, INT)
def _must_find_all(run: RenderContext, pattern: str, text: str, limit: int) -> Slice:
    return _all(_compile(run, pattern, text), limit)


def _split(regex: _Regex, pattern: str, limit: int) -> Slice:
    if limit == 0:
        result = string_slice([])
        result.is_nil = True
        return result
    if pattern and not regex.text:
        return string_slice([""])
    parts: list[str] = []
    start = end = 0
    for match in regex.matches():
        if 0 < limit <= len(parts) + 1:
            break
        end = match.span()[0]
        if match.span()[1]:
            parts.append(_piece(regex, start, end))
        start = match.span()[1]
    if end != len(regex.text):
        parts.append(_piece(regex, start, len(regex.text)))
    return string_slice(parts)


@LIBRARY.add("regexSplit", STRING, STRING, INT)
def _regex_split(run: RenderContext, pattern: str, text: str, limit: int) -> Slice:
    return _split(_must_compile(run, pattern, text), pattern, limit)


@LIBRARY.add("mustRegexSplit", STRING, STRING, INT)
def _must_split(run: RenderContext, pattern: str, text: str, limit: int) -> Slice:
    return _split(_compile(run, pattern, text), pattern, limit)


def _replaced(run: RenderContext, regex: _Regex, replacement: str, *, literal: bool) -> str:
    template = _literal(replacement) if literal else _template(replacement, regex.names)
    out: list[bytes] = []
    at = 0
    for match in regex.matches():
        start, end = match.span()
        parts = [regex.text[at:start], *(_expanded(regex, match, part) for part in template)]
        run.budget.grow(sum(map(len, parts)))
        out += parts
        at = end
    out.append(regex.text[at:])
    return b"".join(out).decode("utf-8", "surrogateescape")


def _literal(replacement: str) -> list[bytes | int]:
    return [gotext.encode(replacement)]


def _template(replacement: str, names: tuple[str, ...]) -> list[bytes | int]:
    """Return text and group numbers of a replacement such as `$1-${name}`; unknown groups are dropped."""
    parts: list[bytes | int] = []
    at = 0
    for match in _REFERENCE.finditer(replacement):
        parts.append(gotext.encode(replacement[at : match.start()]))
        at = match.end()
        name = match[1] or match[2]
        if name is None:
            parts.append(b"$")
        elif name.isascii() and name.isdecimal() and len(name) < 9:
            parts += [int(name)] if int(name) < len(names) else []
        elif name in names:
            parts.append(names.index(name))
    return [*parts, gotext.encode(replacement[at:])]


def _expanded(regex: _Regex, match: Match, part: bytes | int) -> bytes:
    if isinstance(part, bytes):
        return part
    start, end = match.span(part)
    return b"" if start < 0 else regex.text[start:end]


@LIBRARY.add("regexReplaceAll", STRING, STRING, STRING)
def _replace_all(run: RenderContext, pattern: str, text: str, replacement: str) -> str:
    return _replaced(run, _must_compile(run, pattern, text), replacement, literal=False)


@LIBRARY.add("mustRegexReplaceAll", STRING, STRING, STRING)
def _must_replace_all(run: RenderContext, pattern: str, text: str, replacement: str) -> str:
    return _replaced(run, _compile(run, pattern, text), replacement, literal=False)


@LIBRARY.add("regexReplaceAllLiteral", STRING, STRING, STRING)
def _replace_all_literal(run: RenderContext, pattern: str, text: str, replacement: str) -> str:
    return _replaced(run, _must_compile(run, pattern, text), replacement, literal=True)


@LIBRARY.add("mustRegexReplaceAllLiteral", STRING, STRING, STRING)
def _must_replace_all_literal(run: RenderContext, pattern: str, text: str, replacement: str) -> str:
    return _replaced(run, _compile(run, pattern, text), replacement, literal=True)


@LIBRARY.add("regexQuoteMeta", STRING)
def _quote_meta(run: RenderContext, text: str) -> str:
    run.budget.spend(len(text) // 4)
    return "".join("\\" + char if char in _META else char for char in text)
