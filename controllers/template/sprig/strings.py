"""Sprig's string functions. Lengths and cuts count bytes, as in Go.

Reference: https://masterminds.github.io/sprig/strings.html. Words and letter case are in `words`.
"""

from collections.abc import Sequence

from controllers.golang.quote import quote
from controllers.template.errors import FunctionFailure
from controllers.template.eval.render_context import Library, RenderContext
from controllers.template.go import gotext, printing
from controllers.template.go.types import ANY, INT, STRING, STRING_MAP
from controllers.template.go.values import Map, Slice, string_slice, type_of

LIBRARY = Library()
ELLIPSIS = "..."


def to_string(run: RenderContext, value: object) -> str:
    """Return any value as sprig makes a string of it."""
    if isinstance(value, str):
        return value
    stringer = type_of(value).text
    return stringer(value) if stringer is not None else printing.sprint((value,), run.budget)


def to_strings(run: RenderContext, value: object) -> list[str]:
    """Return strings from a list (without its nils) or a single value; none for nil."""
    if isinstance(value, Slice):
        run.budget.spend(len(value.items) // 8)
        return [to_string(run, item) for item in value.items if item is not None]
    return [] if value is None else [to_string(run, value)]


def join(run: RenderContext, separator: str, parts: Sequence[str]) -> str:
    """Join the parts with the separator between them; the result is paid for before it is made."""
    run.budget.grow(sum(map(len, parts)) + len(separator) * max(0, len(parts) - 1))
    return separator.join(parts)


def replace(run: RenderContext, text: str, old: str, new: str) -> str:
    """Replace every `old` in `text`; the result is paid for before it is made."""
    count = len(text) + 1 if not old else text.count(old)
    run.budget.grow(max(0, len(text) + count * (len(new) - len(old))))
    return text.replace(old, new)


@LIBRARY.add("hello")
def _hello(run: RenderContext) -> str:
    return "Hello!"


@LIBRARY.add("toString", ANY)
def _to_string(run: RenderContext, value: object) -> str:
    return to_string(run, value)


@LIBRARY.add("toStrings", ANY)
def _to_strings(run: RenderContext, value: object) -> Slice:
    return string_slice(to_strings(run, value))


@LIBRARY.add("trim", STRING)
def _trim(run: RenderContext, text: str) -> str:
    return text.strip(gotext.SPACES)


@LIBRARY.add("trimall trimAll", STRING, STRING)
def _trim_all(run: RenderContext, cutset: str, text: str) -> str:
    run.budget.spend(len(text))
    return text.strip(cutset) if cutset else text


@LIBRARY.add("trimSuffix", STRING, STRING)
def _trim_suffix(run: RenderContext, suffix: str, text: str) -> str:
    return text.removesuffix(suffix)


@LIBRARY.add("trimPrefix", STRING, STRING)
def _trim_prefix(run: RenderContext, prefix: str, text: str) -> str:
    return text.removeprefix(prefix)


@LIBRARY.add("contains", STRING, STRING)
def _contains(run: RenderContext, part: str, text: str) -> bool:
    return part in text


@LIBRARY.add("hasPrefix", STRING, STRING)
def _has_prefix(run: RenderContext, prefix: str, text: str) -> bool:
    return text.startswith(prefix)


@LIBRARY.add("hasSuffix", STRING, STRING)
def _has_suffix(run: RenderContext, suffix: str, text: str) -> bool:
    return text.endswith(suffix)


@LIBRARY.add("replace", STRING, STRING, STRING)
def _replace(run: RenderContext, old: str, new: str, text: str) -> str:
    return replace(run, text, old, new)


@LIBRARY.add("repeat", INT, STRING)
def _repeat(run: RenderContext, count: int, text: str) -> str:
    if count < 0:
        raise FunctionFailure("strings: negative Repeat count")
    run.budget.grow(count * len(text))
    return text * count


@LIBRARY.add("trunc", INT, STRING)
def _trunc(run: RenderContext, width: int, text: str) -> str:
    size = gotext.byte_length(text)
    if width < 0 and size + width > 0:
        return gotext.slice_bytes(text, size + width, size)
    return gotext.slice_bytes(text, 0, width) if 0 <= width < size else text


@LIBRARY.add("substr", INT, INT, STRING)
def _substr(run: RenderContext, start: int, stop: int, text: str) -> str:
    size = gotext.byte_length(text)
    if start < 0:
        return gotext.slice_bytes(text, 0, stop)
    if stop < 0 or stop > size:
        if start > size:
            raise FunctionFailure(f"runtime error: slice bounds out of range [{start}:{size}]")
        return gotext.slice_bytes(text, start, size)
    return gotext.slice_bytes(text, start, stop)


@LIBRARY.add("abbrev", INT, STRING)
def _abbrev(run: RenderContext, width: int, text: str) -> str:
    return text if width < 4 else abbreviate(text, 0, width)


@LIBRARY.add("abbrevboth", INT, INT, STRING)
def _abbrev_both(run: RenderContext, left: int, right: int, text: str) -> str:
    if right < 4 or (left > 0 and right < 7):
        return text
    return abbreviate(text, left, right)


def abbreviate(text: str, offset: int, width: int) -> str:
    """Cut `text` to `width` bytes with an ellipsis at its end, and at its start where `offset` leaves bytes out."""
    size = gotext.byte_length(text)
    if size <= width:
        return text
    room = width - len(ELLIPSIS)
    offset = min(offset, size)
    if size - offset < room:
        offset = size - room
    if offset <= 4:
        return gotext.slice_bytes(text, 0, room) + ELLIPSIS
    if width < 7:
        return ""
    if offset + room < size:
        return ELLIPSIS + abbreviate(gotext.slice_bytes(text, offset, size), 0, room)
    return ELLIPSIS + gotext.slice_bytes(text, size - room, size)


@LIBRARY.add("indent", INT, STRING)
def _indent(run: RenderContext, width: int, text: str) -> str:
    return indent(run, width, text)


@LIBRARY.add("nindent", INT, STRING)
def _nindent(run: RenderContext, width: int, text: str) -> str:
    return "\n" + indent(run, width, text)


def indent(run: RenderContext, width: int, text: str) -> str:
    """Put `width` spaces before each line of `text`."""
    if width < 0:
        raise FunctionFailure("strings: negative Repeat count")
    run.budget.grow(width)
    pad = " " * width
    return pad + replace(run, text, "\n", "\n" + pad)


@LIBRARY.add("quote", ANY, variadic=True)
def _quote(run: RenderContext, *values: object) -> str:
    parts = []
    for value in values:
        if value is not None:
            text = to_string(run, value)
            run.budget.spend(len(text) // 8)
            parts.append(quote(text))
    return join(run, " ", parts)


@LIBRARY.add("squote", ANY, variadic=True)
def _squote(run: RenderContext, *values: object) -> str:
    return join(run, " ", [f"'{printing.to_text(value, run.budget)}'" for value in values if value is not None])


@LIBRARY.add("cat", ANY, variadic=True)
def _cat(run: RenderContext, *values: object) -> str:
    return join(run, " ", [printing.to_text(value, run.budget) for value in values if value is not None])


@LIBRARY.add("plural", STRING, STRING, INT)
def _plural(run: RenderContext, one: str, many: str, count: int) -> str:
    return one if count == 1 else many


@LIBRARY.add("join", STRING, ANY)
def _join(run: RenderContext, separator: str, value: object) -> str:
    return join(run, separator, to_strings(run, value))


@LIBRARY.add("sortAlpha", ANY)
def _sort_alpha(run: RenderContext, value: object) -> Slice:
    texts = to_strings(run, value) if isinstance(value, Slice) else [printing.to_text(value, run.budget)]
    run.budget.spend(2 * len(texts))
    return string_slice(sorted(texts, key=gotext.encode))


def split_n(run: RenderContext, text: str, separator: str, limit: int = -1) -> list[str]:
    """Split as Go's `strings.SplitN`: without a separator, characters; `limit` below 0 means all pieces."""
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
def _split_list(run: RenderContext, separator: str, text: str) -> Slice:
    return string_slice(split_n(run, text, separator))


@LIBRARY.add("split", STRING, STRING)
def _split(run: RenderContext, separator: str, text: str) -> Map:
    return number_keys(split_n(run, text, separator))


@LIBRARY.add("splitn", STRING, INT, STRING)
def _splitn(run: RenderContext, separator: str, limit: int, text: str) -> Map:
    return number_keys(split_n(run, text, separator, limit))


def number_keys(parts: Sequence[str]) -> Map:
    """Return a map with the keys `_0`, `_1` and so on."""
    return Map(STRING_MAP, {f"_{index}": part for index, part in enumerate(parts)})
