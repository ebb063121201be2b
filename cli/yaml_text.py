"""JSON values as YAML, byte for byte as Kubernetes' own tools print them, so that files do not change with the tool.

Keys are sorted, and each string has the style that Go's YAML library chooses for it: block style where it has line
breaks, plain where it reads back as the same string, quotes elsewhere; lines are folded behind column 80.
YAML 1.1: https://yaml.org/spec/1.1/. Our own, and not PyYAML's emitter, whose import alone takes longer than all this.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from cli.yaml_words import reads_as_other_type, sorted_keys

_WIDTH: Final = 80
_MAX_SIMPLE_KEY: Final = 128
"""Bytes of a key that stands on one line with its value."""
_BREAKS: Final = "\n\r\x85\u2028\u2029"

# All of them ASCII: a pattern of wide ranges takes as long to compile as all the rest here to import.
_HARMLESS: Final = re.compile(r"[A-Za-z/][-A-Za-z0-9_./]*")
_CONTROL: Final = re.compile(r"[^\n -~]")
_INDICATOR: Final = re.compile(
    r"---|\.\.\."  # would begin or end a document
    r"|[#,\[\]{}&*!|>'\"%@`\s]"
    r"|[-?:](?:\s|\Z)",
    re.ASCII,
)
_INNER_INDICATOR: Final = re.compile(r":(?:\s|\Z)|\s(?:#|\Z)", re.ASCII)
_ESCAPES: Final = {
    "\x00": "0", "\a": "a", "\b": "b", "\t": "t", "\n": "n", "\v": "v", "\f": "f", "\r": "r", "\x1b": "e",
    '"': '"', "\\": "\\", "\x85": "N", "\u2028": "L", "\u2029": "P",
}  # fmt: skip


def to_yaml(value: Any) -> str:
    """Return a JSON value (str, int, float, bool, None, lists, and mappings with text as keys) as a YAML document."""
    writer = _Writer()
    writer.node(value, None)
    return writer.text()


def to_documents(objects: Iterable[Mapping[str, Any]]) -> str:
    """Return objects one after another, with a line `---` before each."""
    return "".join([f"---\n{to_yaml(one)}" for one in objects])


class _Writer:
    """What has been written, and in which column it ends.

    `indent` is the column in which a collection's keys or dashes are; of a node it is that of the collection around,
    None for a node that is the whole document.
    """

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._column = 0

    def text(self) -> str:
        """Return the document, which ends with a line break."""
        if self._column:
            self._put("\n")
        return "".join(self._pieces)

    def node(self, value: Any, indent: int | None, *, after_key: bool = False) -> None:
        """Write a value. after_key: behind `key:`, so that a collection begins on a line of its own."""
        deeper = 0 if indent is None else indent + 2
        if isinstance(value, Mapping) and value:
            self._mapping(value, deeper, on_this_line=not after_key)
        elif isinstance(value, list | tuple) and value:
            # The dashes of a list stand below the key.
            self._sequence(value, indent if after_key and indent is not None else deeper, on_this_line=not after_key)
        else:
            self._scalar(value, deeper or 2)

    def _mapping(self, value: Mapping[str, Any], indent: int, *, on_this_line: bool) -> None:
        for key in sorted_keys(value):
            self._begin_item(indent, on_this_line=on_this_line)
            on_this_line = False
            text = _clean(key)
            if len(text.encode()) <= _MAX_SIMPLE_KEY and not _has_break(text):
                self._string(text, indent, as_key=True)
                self._put(":")
                self.node(value[key], indent, after_key=True)
            else:
                self._put("?")
                self._scalar(text, indent + 2)
                self._begin_line(indent)
                self._put(":")
                self.node(value[key], indent)

    def _sequence(self, values: Sequence[Any], indent: int, *, on_this_line: bool) -> None:
        for value in values:
            self._begin_item(indent, on_this_line=on_this_line)
            on_this_line = False
            self._put("-")
            self.node(value, indent)

    def _begin_item(self, indent: int, *, on_this_line: bool) -> None:
        if not on_this_line:
            self._begin_line(indent)
        elif self._column:
            self._put(" ")

    def _scalar(self, value: Any, indent: int) -> None:
        if self._column:
            self._put(" ")
        if isinstance(value, str):
            self._string(_clean(value), indent)
        else:
            self._put(_plain(value))

    def _string(self, text: str, indent: int, *, as_key: bool = False) -> None:
        match _style(text, as_key=as_key):
            case "|":
                self._literal(text, indent)
            case '"':
                self._double_quoted(text, indent, folded=not as_key)
            case "'":
                self._put("'")
                self._folded(text, indent, folded=not as_key, apostrophe="''")
                self._put("'")
            case _:
                self._folded(text, indent, folded=not as_key, apostrophe="'")

    def _folded(self, text: str, indent: int, *, folded: bool, apostrophe: str) -> None:
        """Write text as it is, on a new line where a single blank stands behind the last column."""
        quoted = text.replace("'", apostrophe)
        if not _has_break(text) and (not folded or self._column + len(quoted) <= _WIDTH):
            self._put(quoted)
            return
        was_break = False
        for at, char in enumerate(text):
            if char in _BREAKS:
                self._break(char)
            elif was_break:
                self._begin_line(indent)
                self._put(apostrophe if char == "'" else char)
            elif folded and char == " " and self._column > _WIDTH and _is_between_words(text, at):
                self._begin_line(indent)
            else:
                self._put(apostrophe if char == "'" else char)
            was_break = char in _BREAKS

    def _double_quoted(self, text: str, indent: int, *, folded: bool) -> None:
        self._put('"')
        was_blank = False
        for at, char in enumerate(text):
            if folded and char == " " and not was_blank and self._column > _WIDTH and 0 < at < len(text) - 1:
                self._begin_line(indent)
                self._put("\\" if text[at + 1] == " " else "")
            else:
                self._put(_escaped(char))
            was_blank = char == " "
        self._put('"')

    def _literal(self, text: str, indent: int) -> None:
        self._put(f"|{_block_hints(text)}\n")
        was_break = True
        for char in text:
            if char in _BREAKS:
                self._break(char)
            else:
                if was_break:
                    self._put(" " * indent)
                self._put(char)
            was_break = char in _BREAKS

    def _begin_line(self, indent: int) -> None:
        if self._column:
            self._put("\n")
        self._put(" " * indent)

    def _break(self, char: str) -> None:
        self._pieces.append(char)
        self._column = 0

    def _put(self, text: str) -> None:
        self._pieces.append(text)
        self._column = 0 if text.endswith("\n") else self._column + len(text)


def _style(text: str, *, as_key: bool) -> str:
    """Return the quotes around a string, `|` for block style, "" for none."""
    if _HARMLESS.fullmatch(text):
        return '"' if reads_as_other_type(text) else ""
    # Of what ends a line two more are printable.
    seen = text if text.isascii() else text.replace("\u2028", "\r").replace("\u2029", "\r")
    special = not _is_printable(text) or " \n" in seen or " \r" in seen
    if "\n" in text:
        return '"' if special or as_key or text[-1] == " " else "|"
    if special or reads_as_other_type(text) or "\r " in seen:
        return '"'
    return "'" if "\r" in seen or _INDICATOR.match(seen) or _INNER_INDICATOR.search(seen) else ""


def _is_printable(text: str) -> bool:
    """Return whether YAML 1.1 takes every character as it is; what is beyond 16 bits is not for Go's library."""
    if text.isascii():
        return not _CONTROL.search(text)
    return (
        all(
            char == "\n" or " " <= char <= "~" or "\xa0" <= char <= "\ud7ff" or "\ue000" <= char <= "\ufffd"
            for char in text
        )
        and "\ufeff" not in text
    )


def _plain(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        from controllers.golang.floats import format_float  # objects of Kubernetes hardly have any  # noqa: PLC0415

        return format_float(value, "g", -1)
    return "{}" if isinstance(value, Mapping) else "[]"


def _clean(text: str) -> str:
    """Return text with U+FFFD for what is no character, as JSON has it."""
    return text if text.isascii() else text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _has_break(text: str) -> bool:
    return not text.isprintable() and any(char in text for char in _BREAKS)


def _is_between_words(text: str, at: int) -> bool:
    return 0 < at < len(text) - 1 and text[at - 1] != " " and text[at + 1] != " "


def _escaped(char: str) -> str:
    if char in _ESCAPES:
        return f"\\{_ESCAPES[char]}"
    if _is_printable(char):
        return char
    code = ord(char)
    return f"\\x{code:02X}" if code <= 0xFF else f"\\u{code:04X}" if code <= 0xFFFF else f"\\U{code:08X}"


def _block_hints(text: str) -> str:
    indentation = "2" if text[0] in f" {_BREAKS}" else ""
    if text[-1] not in _BREAKS:
        return f"{indentation}-"
    return f"{indentation}+" if len(text) == 1 or text[-2] in _BREAKS else indentation
