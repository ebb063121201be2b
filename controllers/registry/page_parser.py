"""A page of tags that is too long to be kept: its tags as they come, and nothing else. Pure.

Some registries write a page of 300 bytes for each image (`manifest` of Google's registries) and all of them into one
page. Only `tags` is decoded; whatever else a page has is skipped without being kept, and checked only for its brackets
and quotes. What is held at a time is one name or tag at most.
"""

import re
from collections.abc import Callable
from enum import Enum, auto
from typing import Final, TypeVar

import msgspec

T = TypeVar("T")

MAX_TOKEN_BYTES: Final = 8 << 10
"""Of a name or a tag as written; a tag may have 512 characters, each of which can be six bytes of JSON."""
MAX_DEPTH: Final = 100
FREE_BRACKETS: Final = 1_000
BYTES_PER_BRACKET: Final = 16
"""What is skipped has fewer brackets than one in so many bytes, besides the free ones: each is a step of its own."""
BRACKETS: Final = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}
QUOTE, COMMA, BRACE, CLOSING_BRACE, BRACKET, CLOSING_BRACKET = b'",{}[]'

# Possessive throughout: bytes of somebody else must not make an expression try things twice.
_BLANK = re.compile(rb"[ \t\r\n]*+")
_NAME = re.compile(rb'"((?:[^"\\]++|\\.)*+)"[ \t\r\n]*+:', re.DOTALL)
_TAGS = re.compile(rb'(?:"(?:[^"\\]++|\\.)*+"[ \t\r\n]*+,[ \t\r\n]*+)++', re.DOTALL)
_LAST_TAG = re.compile(rb'("(?:[^"\\]++|\\.)*+")[ \t\r\n]*+\]', re.DOTALL)
_NO_ERRORS = re.compile(rb'(?:null|false|""|0|\[[ \t\r\n]*+\]|\{[ \t\r\n]*+\})[ \t\r\n]*+(?=[,}])')
_STRING = rb'"(?:[^"\\]++|\\.)*+"'
_FLAT = rb'[\[{](?:[^"\[\]{}]++|' + _STRING + rb")*+[\]}]"
_SCALARS = re.compile(rb'(?:[^"\[\]{},]++|' + _STRING + rb"|" + _FLAT + rb")*+", re.DOTALL)
_NESTED_SCALARS = re.compile(rb'(?:[^"\[\]{}]++|' + _STRING + rb"|" + _FLAT + rb")*+", re.DOTALL)
"""A list or object without another one in it is skipped at once."""
_REST_OF_STRING = re.compile(rb'(?:[^"\\]++|\\.)*+', re.DOTALL)


class NotATagPage(ValueError):
    """The bytes are no page of tags."""


class TagTooLong(ValueError):
    """A tag is longer than any may be."""


class _State(Enum):
    START = auto()
    NAME = auto()
    VALUE = auto()
    FIRST_TAG = auto()
    TAGS = auto()
    SKIP = auto()
    SKIP_STRING = auto()
    AFTER_VALUE = auto()
    END = auto()


class PageParser:
    """Takes the bytes of one page in pieces of any length. 1 MiB costs 5 to 20 ms."""

    def __init__(self) -> None:
        self._state = _State.START
        self._rest = b""
        """What was fed and is not a whole token yet."""
        self._name = ""
        self._depth = 0
        """Of brackets within the value that is skipped."""
        self._fed = 0
        self._brackets = 0
        self._names: set[str] = set()
        self._tags: list[str] = []
        self._steps: dict[_State, Callable[[bytes, int], int | None]] = {
            _State.START: self._read_start,
            _State.NAME: self._read_name,
            _State.VALUE: self._read_value,
            _State.FIRST_TAG: self._read_first_tag,
            _State.TAGS: self._read_tags,
            _State.SKIP: self._skip,
            _State.SKIP_STRING: self._skip_string,
            _State.AFTER_VALUE: self._read_after_value,
        }

    def feed(self, data: bytes) -> list[str]:
        """Return the tags that are complete now. Raises NotATagPage and TagTooLong."""
        self._fed += len(data)
        text, at = self._rest + data, 0
        while self._state is not _State.END:
            if self._state is not _State.SKIP_STRING:
                at = _end(_BLANK, text, at)
            following = self._steps[self._state](text, at) if at < len(text) else None
            if following is None:
                break
            at = following
        if self._state is _State.END and text[at:].strip():
            raise NotATagPage("it goes on after its end")
        self._rest = text[at:]
        if len(self._rest) > MAX_TOKEN_BYTES:
            raise TagTooLong if self._state is _State.TAGS else NotATagPage("a name has no end")
        tags, self._tags = self._tags, []
        return tags

    def finish(self) -> None:
        """Raise NotATagPage unless the page has ended and is a list of tags."""
        if self._state is not _State.END or not self._names & {"name", "tags"}:
            raise NotATagPage("it is no list of tags, or has no end")

    # Each step returns where the next one begins, None when it needs more bytes.

    def _read_start(self, text: bytes, at: int) -> int:
        if text[at] != BRACE:
            raise NotATagPage("it is no object")
        self._state = _State.NAME
        return at + 1

    def _read_name(self, text: bytes, at: int) -> int | None:
        if text[at] == CLOSING_BRACE and not self._names:
            self._state = _State.END
            return at + 1
        if text[at] != QUOTE:
            raise NotATagPage("a name is missing")
        name = _NAME.match(text, at)
        if name is None:
            return None
        self._name = _decode(b'"' + name[1] + b'"', str)
        if self._name == "tags" and "tags" in self._names:
            raise NotATagPage("it has two lists of tags")
        self._names.add(self._name if self._name in {"name", "tags"} else "")
        self._state = _State.VALUE
        return name.end()

    def _read_value(self, text: bytes, at: int) -> int | None:
        if self._name == "errors":
            if len(text) - at < MAX_TOKEN_BYTES // 2 and not _NO_ERRORS.match(text, at):
                return None
            if not _NO_ERRORS.match(text, at):
                raise NotATagPage("it has errors")
        self._depth, self._state = 0, _State.SKIP
        if self._name != "tags" or text.startswith(b"null", at):
            return at
        if b"null".startswith(text[at : at + 4]):
            self._state = _State.VALUE
            return None
        if text[at] != BRACKET:
            raise NotATagPage("its tags are no list")
        self._state = _State.FIRST_TAG
        return at + 1

    def _read_first_tag(self, text: bytes, at: int) -> int:
        if text[at] == CLOSING_BRACKET:
            self._state = _State.AFTER_VALUE
            return at + 1
        self._state = _State.TAGS
        return at

    def _read_tags(self, text: bytes, at: int) -> int | None:
        if text[at] != QUOTE:
            raise NotATagPage("a tag is no text")
        if several := _TAGS.match(text, at):
            self._tags += _decode(b"[" + several[0].rstrip(b" \t\r\n")[:-1] + b"]", list[str])
            return several.end()
        if last := _LAST_TAG.match(text, at):
            self._tags.append(_decode(last[1], str))
            self._state = _State.AFTER_VALUE
            return last.end()
        return None

    def _skip(self, text: bytes, at: int) -> int | None:
        while True:
            at = _end(_NESTED_SCALARS if self._depth else _SCALARS, text, at)
            if at == len(text):
                return at
            char = text[at]
            if char == QUOTE:
                self._state = _State.SKIP_STRING
                return at + 1
            if not self._depth and char in {COMMA, CLOSING_BRACE}:
                self._state = _State.AFTER_VALUE
                return at
            self._depth += BRACKETS[char]
            self._brackets += 1
            if not 0 <= self._depth <= MAX_DEPTH:
                raise NotATagPage("its brackets do not match, or are too deep")
            if self._brackets > FREE_BRACKETS + self._fed // BYTES_PER_BRACKET:
                raise NotATagPage("it is mostly brackets")
            at += 1

    def _skip_string(self, text: bytes, at: int) -> int | None:
        end = _end(_REST_OF_STRING, text, at)
        if end < len(text) and text[end] == QUOTE:
            self._state = _State.SKIP
            return end + 1
        return end if end > at else None

    def _read_after_value(self, text: bytes, at: int) -> int:
        if text[at] not in {COMMA, CLOSING_BRACE}:
            raise NotATagPage("a comma is missing")
        self._state = _State.NAME if text[at] == COMMA else _State.END
        return at + 1


def _end(pattern: re.Pattern[bytes], text: bytes, at: int) -> int:
    """Return where the match of a pattern that may be empty ends."""
    found = pattern.match(text, at)
    return found.end() if found else at


def _decode(text: bytes, into: type[T]) -> T:
    try:
        return msgspec.json.decode(text, type=into)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise NotATagPage("a text is malformed") from None
