"""Sprig's functions on words and letter case.

Case mapping is one character to one character, as in Go: ß has no upper case. Where the Go libraries behind sprig
mistake bytes for characters (`nospace`, `initials`, `wrap`), these functions do the same.
"""

import unicodedata

from controllers.template.errors import FunctionFailure
from controllers.template.eval.render_context import Library, RenderContext
from controllers.template.go import gotext
from controllers.template.go.types import INT, STRING

LIBRARY = Library()
_CJK = ((0x3400, 0x4D85), (0x4E00, 0x9FCC), (0x20000, 0x2B81D))


def upper(text: str) -> str:
    """Return `text` in upper case."""
    return text.upper() if text.isascii() else "".join(map(upper_char, gotext.to_valid_utf8(text)))


def lower(text: str) -> str:
    """Return `text` in lower case."""
    return text.lower() if text.isascii() else "".join(map(lower_char, gotext.to_valid_utf8(text)))


def upper_char(char: str) -> str:
    """Return the one character that is `char` in upper case."""
    mapped = char.upper()
    return mapped if len(mapped) == 1 else title_char(char)


def title_char(char: str) -> str:
    """Return the one character that is `char` in title case."""
    mapped = char.title()
    return mapped if len(mapped) == 1 else char


def lower_char(char: str) -> str:
    """Return the one character that is `char` in lower case."""
    return char.lower()[0]


def _is_upper(char: str) -> bool:
    return unicodedata.category(char) == "Lu"


@LIBRARY.add("upper", STRING)
def _upper(run: RenderContext, text: str) -> str:
    run.budget.spend(len(text) // 8)
    return upper(text)


@LIBRARY.add("lower", STRING)
def _lower(run: RenderContext, text: str) -> str:
    run.budget.spend(len(text) // 8)
    return lower(text)


@LIBRARY.add("title", STRING)
def _title(run: RenderContext, text: str) -> str:
    run.budget.spend(len(text) // 4)
    out, previous = [], " "
    for char in gotext.to_valid_utf8(text):
        out.append(title_char(char) if _separates(previous) else char)
        previous = char
    return "".join(out)


def _separates(char: str) -> bool:
    if char.isascii():
        return not (char.isalnum() or char == "_")
    return not (char.isalpha() or char.isdecimal()) and gotext.is_space(char)


@LIBRARY.add("untitle", STRING)
def _untitle(run: RenderContext, text: str) -> str:
    run.budget.spend(len(text) // 4)
    out, starts = [], True
    for char in gotext.to_valid_utf8(text):
        if gotext.is_space(char):
            starts = True
        elif starts:
            char, starts = lower_char(char), False  # noqa: PLW2901 - the first letter of a word
        out.append(char)
    return "".join(out)


@LIBRARY.add("swapcase", STRING)
def _swapcase(run: RenderContext, text: str) -> str:
    run.budget.spend(len(text) // 4)
    out, after_space = [], True
    for char in gotext.to_valid_utf8(text):
        kind = unicodedata.category(char)
        if kind in ("Lu", "Lt"):
            out.append(lower_char(char))
            after_space = False
        elif kind == "Ll":
            out.append(title_char(char) if after_space else upper_char(char))
            after_space = False
        else:
            out.append(char)
            after_space = gotext.is_space(char)
    return "".join(out)


@LIBRARY.add("initials", STRING)
def _initials(run: RenderContext, text: str) -> str:
    run.budget.spend(len(text) // 4)
    out, gap = [], True
    for char in gotext.encode(text).decode("latin-1"):
        space = gotext.is_space(char)
        if gap and not space:
            out.append(char)
        gap = space
    return "".join(out)


@LIBRARY.add("nospace", STRING)
def _nospace(run: RenderContext, text: str) -> str:
    run.budget.spend(len(text) // 4)
    chars = gotext.encode(text).decode("latin-1")
    kept = "".join(char for char in chars if not gotext.is_space(char))
    return text if len(kept) == len(chars) else kept


@LIBRARY.add("shuffle", STRING)
def _shuffle(run: RenderContext, text: str) -> str:
    run.budget.spend(len(text))
    chars = list(text)
    run.rng.shuffle(chars)
    return "".join(chars)


@LIBRARY.add("randInt", INT, INT)
def _rand_int(run: RenderContext, low: int, high: int) -> int:
    if high <= low:
        raise FunctionFailure("invalid argument to Intn")
    return run.rng.randrange(low, high)


# Wrapping


@LIBRARY.add("wrap", INT, STRING)
def _wrap(run: RenderContext, width: int, text: str) -> str:
    return _wrapped(run, text, width, "\n", break_words=False)


@LIBRARY.add("wrapWith", INT, STRING, STRING)
def _wrap_with(run: RenderContext, width: int, separator: str, text: str) -> str:
    return _wrapped(run, text, width, separator or "\n", break_words=True)


def _wrapped(run: RenderContext, text: str, width: int, separator: str, *, break_words: bool) -> str:
    raw, glue = gotext.encode(text), gotext.encode(separator)
    width = max(width, 1)
    out: list[bytes] = []
    at = 0
    while len(raw) - at > width:
        run.budget.spend()
        if raw[at : at + 1] == b" ":
            at += 1
            continue
        end = raw.rfind(b" ", at, at + width + 1)
        after = end + 1
        if end < at and break_words:
            end = after = at + width
        elif end < at:
            end = raw.find(b" ", at + width)
            end = len(raw) if end < 0 else end
            after = end + 1
        out.append(raw[at:end])
        if end == len(raw):
            return _glued(run, out, glue)
        at = after
    out.append(raw[at:])
    return _glued(run, out, glue)


def _glued(run: RenderContext, lines: list[bytes], glue: bytes) -> str:
    run.budget.grow(sum(map(len, lines)) + len(glue) * (len(lines) - 1))
    return gotext.decode(glue.join(lines))


# snake_case and friends


def _is_connector(char: str) -> bool:
    return char in "-_" or gotext.is_space(char)


@LIBRARY.add("camelcase", STRING)
def _camelcase(run: RenderContext, text: str) -> str:
    run.budget.spend(len(text) // 2)
    start = 0
    while start < len(text) and _is_connector(text[start]):
        start += 1
    head, body = text[:start], gotext.to_valid_utf8(text[start:])
    if not body:
        return head + head[-1:]  # a mistake of the library
    out: list[str] = []
    shouting = _is_upper(body[0])
    previous = upper_char(body[0])
    for char in body[1:]:
        if _is_connector(previous):
            if _is_connector(char):
                out.append(previous)
                continue
            shouting = _is_upper(char)
            previous = upper_char(char)
            continue
        out.append(previous)
        shouting = shouting and _is_upper(char)
        previous = lower_char(char) if shouting else char
    return head + "".join(out) + previous


@LIBRARY.add("snakecase", STRING)
def _snakecase(run: RenderContext, text: str) -> str:
    return _separated(run, text, "_")


@LIBRARY.add("kebabcase", STRING)
def _kebabcase(run: RenderContext, text: str) -> str:
    return _separated(run, text, "-")


UPPER, ALPHABET, NUMBER, CONNECTOR, PUNCTUATION, OTHER, NONE = [
    "upper",
    "alphabet",
    "number",
    "connector",
    "punctuation",
    "other",
    "none",
]


def _kind(char: str) -> str:
    if _is_connector(char):
        return CONNECTOR
    category = unicodedata.category(char)
    if category[0] == "P":
        return PUNCTUATION
    if category == "Lu":
        return UPPER
    if category[0] == "L" and not any(low <= ord(char) <= high for low, high in _CJK):
        return ALPHABET
    return NUMBER if category[0] == "N" else OTHER


def _words(text: str) -> list[tuple[str, str]]:
    """Return runs of one kind; an upper-case letter before lower-case ones belongs to them: HTTP, Status."""
    kinds = [_kind(char) for char in text]
    words: list[tuple[str, str]] = []
    at = 0
    while at < len(text):
        kind, end = kinds[at], at + 1
        inner = ALPHABET if kind == UPPER and kinds[end : end + 1] == [ALPHABET] else kind
        while end < len(text) and kinds[end] == inner:
            end += 1
        if kind == inner == UPPER and end - at > 1 and kinds[end : end + 1] == [ALPHABET]:
            end -= 1
        words.append((kind, text[at:end]))
        at = end
    return words


class _Joiner:
    """Joins words with a connector; decides to which neighbour a number belongs."""

    def __init__(self, words: list[tuple[str, str]], connector: str) -> None:
        self._words = words
        self._connector = connector
        self._at = 0
        self._out: list[str] = []

    def join(self) -> str:
        """Join the words in lower case."""
        while self._at < len(self._words) - 1:
            kind = self._emit()
            if kind == NUMBER:
                self._emit_letters_and_numbers()
            elif kind not in (CONNECTOR, PUNCTUATION):
                self._after_letters()
        if self._at < len(self._words):
            self._emit()
        return "".join(self._out)

    def _kind(self) -> str:
        return self._words[self._at][0] if self._at < len(self._words) else NONE

    def _emit(self) -> str:
        kind, word = self._words[self._at]
        self._at += 1
        self._out.append({UPPER: lower(word), CONNECTOR: self._connector * len(word)}.get(kind, word))
        return kind

    def _connect(self) -> None:
        if self._kind() not in (NONE, PUNCTUATION, CONNECTOR):
            self._out.append(self._connector)

    def _emit_letters_and_numbers(self) -> None:
        while self._kind() in (ALPHABET, NUMBER):
            self._emit()
        self._connect()

    def _after_letters(self) -> None:
        if self._kind() != NUMBER:
            self._connect()
        elif self._at < len(self._words) - 1:
            if self._words[self._at + 1][0] == ALPHABET:  # "HTTP2xx": the number begins a word of its own
                self._out.append(self._connector)
                self._emit_letters_and_numbers()
            else:  # "Bld4Floor": the number ends the word before it
                self._emit()
                self._connect()


def _separated(run: RenderContext, text: str, connector: str) -> str:
    run.budget.spend(len(text))
    return _Joiner(_words(text), connector).join()
