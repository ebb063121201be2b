"""Sprig's string functions. Lengths and cuts count bytes, as in Go.

Reference: https://masterminds.github.io/sprig/strings.html. Words and letter case are in `funcs_words`.
"""

from collections.abc import Sequence

from controllers.template.errors import FunctionFailure
from controllers.template.eval.runs import Library, Run
from controllers.template.go import gotext, printing
from controllers.template.go.types import ANY, INT, STRING, STRING_MAP
from controllers.template.go.values import Map, Slice, strings, type_of

LIBRARY = Library()
ELLIPSIS = "..."


def text_of(run: Run, value: object) -> str:
    """Any value as sprig makes a string of it."""
    if isinstance(value, str):
        return value
    stringer = type_of(value).text
    return stringer(value) if stringer is not None else printing.concatenate((value,), run.budget)


def texts_of(run: Run, value: object) -> list[str]:
    """A list of strings from a list (without its nils) or a single value; empty for nil."""
    if isinstance(value, Slice):
        run.budget.spend(len(value.items) // 8)
        return [text_of(run, item) for item in value.items if item is not None]
    return [] if value is None else [text_of(run, value)]


def joined(run: Run, separator: str, parts: Sequence[str]) -> str:
    """The parts with the separator between them, paid for before it is made."""
    run.budget.grow(sum(map(len, parts)) + len(separator) * max(0, len(parts) - 1))
    return separator.join(parts)


def replaced(run: Run, text: str, old: str, new: str) -> str:
    """`text` with every `old` replaced, paid for before it is made."""
    count = len(text) + 1 if not old else text.count(old)
    run.budget.grow(max(0, len(text) + count * (len(new) - len(old))))
    return text.replace(old, new)


@LIBRARY.add("hello")
def _hello(run: Run) -> str:
    return "Hello!"


@LIBRARY.add("toString", ANY)
def _to_string(run: Run, value: object) -> str:
    return text_of(run, value)


@LIBRARY.add("toStrings", ANY)
def _to_strings(run: Run, value: object) -> Slice:
    return strings(texts_of(run, value))


@LIBRARY.add("trim", STRING)
def _trim(run: Run, text: str) -> str:
    return text.strip(gotext.SPACES)


@LIBRARY.add("trimall trimAll", STRING, STRING)
def _trim_all(run: Run, cutset: str, text: str) -> str:
    run.budget.spend(len(text))
    return text.strip(cutset) if cutset else text


@LIBRARY.add("trimSuffix", STRING, STRING)
def _trim_suffix(run: Run, suffix: str, text: str) -> str:
    return text.removesuffix(suffix)


@LIBRARY.add("trimPrefix", STRING, STRING)
def _trim_prefix(run: Run, prefix: str, text: str) -> str:
    return text.removeprefix(prefix)


@LIBRARY.add("contains", STRING, STRING)
def _contains(run: Run, part: str, text: str) -> bool:
    return part in text


@LIBRARY.add("hasPrefix", STRING, STRING)
def _has_prefix(run: Run, prefix: str, text: str) -> bool:
    return text.startswith(prefix)


@LIBRARY.add("hasSuffix", STRING, STRING)
def _has_suffix(run: Run, suffix: str, text: str) -> bool:
    return text.endswith(suffix)


@LIBRARY.add("replace", STRING, STRING, STRING)
def _replace(run: Run, old: str, new: str, text: str) -> str:
    return replaced(run, text, old, new)


@LIBRARY.add("repeat", INT, STRING)
def _repeat(run: Run, count: int, text: str) -> str:
    if count < 0:
        raise FunctionFailure("strings: negative Repeat count")
    run.budget.grow(count * len(text))
    return text * count


@LIBRARY.add("trunc", INT, STRING)
def _trunc(run: Run, width: int, text: str) -> str:
    size = gotext.size(text)
    if width < 0 and size + width > 0:
        return gotext.cut(text, size + width, size)
    return gotext.cut(text, 0, width) if 0 <= width < size else text


@LIBRARY.add("substr", INT, INT, STRING)
def _substr(run: Run, start: int, stop: int, text: str) -> str:
    size = gotext.size(text)
    if start < 0:
        return gotext.cut(text, 0, stop)
    if stop < 0 or stop > size:
        if start > size:
            raise FunctionFailure(f"runtime error: slice bounds out of range [{start}:{size}]")
        return gotext.cut(text, start, size)
    return gotext.cut(text, start, stop)


@LIBRARY.add("abbrev", INT, STRING)
def _abbrev(run: Run, width: int, text: str) -> str:
    return text if width < 4 else abbreviated(text, 0, width)


@LIBRARY.add("abbrevboth", INT, INT, STRING)
def _abbrev_both(run: Run, left: int, right: int, text: str) -> str:
    if right < 4 or (left > 0 and right < 7):
        return text
    return abbreviated(text, left, right)


def abbreviated(text: str, offset: int, width: int) -> str:
    """`text` in at most `width` bytes with an ellipsis at its end, and at its start where `offset` leaves bytes out."""
    size = gotext.size(text)
    if size <= width:
        return text
    room = width - len(ELLIPSIS)
    offset = min(offset, size)
    if size - offset < room:
        offset = size - room
    if offset <= 4:
        return gotext.cut(text, 0, room) + ELLIPSIS
    if width < 7:
        return ""
    if offset + room < size:
        return ELLIPSIS + abbreviated(gotext.cut(text, offset, size), 0, room)
    return ELLIPSIS + gotext.cut(text, size - room, size)


@LIBRARY.add("indent", INT, STRING)
def _indent(run: Run, width: int, text: str) -> str:
    return indented(run, width, text)


@LIBRARY.add("nindent", INT, STRING)
def _nindent(run: Run, width: int, text: str) -> str:
    return "\n" + indented(run, width, text)


def indented(run: Run, width: int, text: str) -> str:
    """`text` with `width` spaces before each line."""
    if width < 0:
        raise FunctionFailure("strings: negative Repeat count")
    run.budget.grow(width)
    pad = " " * width
    return pad + replaced(run, text, "\n", "\n" + pad)


@LIBRARY.add("quote", ANY, variadic=True)
def _quote(run: Run, *values: object) -> str:
    parts = []
    for value in values:
        if value is not None:
            text = text_of(run, value)
            run.budget.spend(len(text) // 8)
            parts.append(gotext.quote(text))
    return joined(run, " ", parts)


@LIBRARY.add("squote", ANY, variadic=True)
def _squote(run: Run, *values: object) -> str:
    return joined(run, " ", [f"'{printing.to_text(value, run.budget)}'" for value in values if value is not None])


@LIBRARY.add("cat", ANY, variadic=True)
def _cat(run: Run, *values: object) -> str:
    return joined(run, " ", [printing.to_text(value, run.budget) for value in values if value is not None])


@LIBRARY.add("plural", STRING, STRING, INT)
def _plural(run: Run, one: str, many: str, count: int) -> str:
    return one if count == 1 else many


@LIBRARY.add("join", STRING, ANY)
def _join(run: Run, separator: str, value: object) -> str:
    return joined(run, separator, texts_of(run, value))


@LIBRARY.add("sortAlpha", ANY)
def _sort_alpha(run: Run, value: object) -> Slice:
    texts = texts_of(run, value) if isinstance(value, Slice) else [printing.to_text(value, run.budget)]
    run.budget.spend(2 * len(texts))
    return strings(sorted(texts, key=gotext.encode))


def pieces(run: Run, text: str, separator: str, limit: int = -1) -> list[str]:
    """Go's `strings.SplitN`: without a separator, characters; `limit` is the most pieces, below 0 all of them."""
    if limit == 0:
        return []
    if separator:
        run.budget.grow(8 * (text.count(separator) + 1))
        return text.split(separator, limit - 1 if limit > 0 else -1)
    run.budget.grow(8 * len(text))
    if 0 < limit < len(text):
        return [*text[: limit - 1], text[limit - 1 :]]
    return list(text)


@LIBRARY.add("splitList", STRING, STRING)
def _split_list(run: Run, separator: str, text: str) -> Slice:
    return strings(pieces(run, text, separator))


@LIBRARY.add("split", STRING, STRING)
def _split(run: Run, separator: str, text: str) -> Map:
    return numbered(pieces(run, text, separator))


@LIBRARY.add("splitn", STRING, INT, STRING)
def _splitn(run: Run, separator: str, limit: int, text: str) -> Map:
    return numbered(pieces(run, text, separator, limit))


def numbered(parts: Sequence[str]) -> Map:
    """A map with the keys `_0`, `_1`, …"""
    return Map(STRING_MAP, {f"_{index}": part for index, part in enumerate(parts)})
