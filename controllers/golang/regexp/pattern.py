"""Compiled patterns, alone and several at once."""

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field

from controllers.golang.regexp.engine import PatternRejected, Regexp, compile_re2
from controllers.golang.regexp.errors import BadPattern
from controllers.golang.regexp.syntax import TOO_DEEP, TOO_LARGE, bad_pattern, translate

MAX_PATTERN_CHARS = 32_768
MAX_QUOTED_CHARS = 256
MAX_COST = 500_000
"""See `Regexp.cost`: 5 to 20 ms for a tag of 128 characters. Go has no such bound."""
MAX_JOINED_SIZE = 20_000
"""See `Regexp.size`: 10 ms to compile, for which all other threads wait."""
_ENDING = re.compile(r"\^\.\*((?:[A-Za-z0-9_-]|\\[.+-])+)\$")

TextPredicate = Callable[[str], bool]


@dataclass(frozen=True, slots=True)
class Pattern:
    """A regular expression in Go's dialect; safe to use from several threads."""

    text: str
    """As the user wrote it."""
    group_names: tuple[str, ...]
    """Name of each group, "" where it has none; number 0 is the whole match. A name may come more than once."""
    re2_pattern: str = field(repr=False, compare=False)
    """The same for RE2, without group names."""
    regexp: Regexp = field(repr=False, compare=False)

    def search(self, text: str) -> tuple[str | None, ...] | None:
        """Return the groups of the leftmost match, the whole match first; None where nothing matches.

        A group that took no part is None. Linear in the length of `text`.
        """
        encoded = text.encode("utf-8", "surrogatepass")
        spans = self.regexp.spans(encoded)
        if spans is None:
            return None
        return tuple([None if start < 0 else encoded[start:end].decode("utf-8", "replace") for start, end in spans])

    def matches(self, text: str) -> bool:
        """Return True when the pattern matches somewhere in `text`."""
        return self.regexp.spans(text.encode("utf-8", "surrogatepass")) is not None


def compile(pattern: str) -> Pattern:  # noqa: A001 - the term of the field; read as regexp.compile
    """Return the pattern, compiled. Raises BadPattern, whose message is the one of Go's `regexp.Compile`.

    A pattern beyond 32 768 characters, RE2's memory bound or MAX_COST is refused as too large.
    """
    if len(pattern) > MAX_PATTERN_CHARS:
        raise bad_pattern(TOO_LARGE, abbreviate(pattern))
    translation = translate(pattern)
    try:
        regexp = compile_re2(translation.pattern)
    except PatternRejected as refused:
        raise translate_re2_error(str(refused), pattern) from None
    if regexp.cost > MAX_COST:
        raise bad_pattern(TOO_LARGE, abbreviate(pattern))
    return Pattern(pattern, translation.group_names, translation.pattern, regexp)


def abbreviate(pattern: str) -> str:
    """Return a pattern for a message: its begin where the whole would leave no room for what is wrong with it."""
    return pattern if len(pattern) <= MAX_QUOTED_CHARS else pattern[: MAX_QUOTED_CHARS // 4] + "…"


def translate_re2_error(reason: str, pattern: str) -> BadPattern:
    """Return the error for a pattern whose syntax is right but which RE2 does not take."""
    if "too large" in reason:
        return bad_pattern(TOO_LARGE, abbreviate(pattern))
    if "nesting" in reason or "too deep" in reason:
        return bad_pattern(TOO_DEEP, pattern)
    return BadPattern(f"error parsing regexp: {reason}")


def any_of(patterns: Sequence[Pattern]) -> TextPredicate:
    """Return a function that says whether at least one of `patterns` is found in a text; one pass for all of them."""
    search = _search(patterns)
    endings = tuple(ending for pattern in patterns if (ending := _ending(pattern)))
    if not endings:
        return search
    others = _search([pattern for pattern in patterns if not _ending(pattern)])

    def matches(text: str) -> bool:
        # "." does not match a line feed, nor what RE2 does not read as a character.
        if not text.isascii() or "\n" in text:
            return search(text)
        return text.endswith(endings) or others(text)

    return matches


def drop_by_endings(patterns: Sequence[Pattern], texts: Collection[str]) -> list[str] | None:
    """Return the texts in which no pattern is found, as `any_of` finds them; None where endings do not tell.

    `str.endswith` costs a tenth of what `any_of` does for a text, and a look at all texts at once a tenth of that.
    """
    endings = tuple(_ending(pattern) for pattern in patterns)
    if not all(endings):
        return None
    lines = "\n".join((*texts, ""))
    if not lines.isascii() or lines.count("\n") != len(texts):
        return None
    if not any(f"{ending}\n" in lines for ending in endings):
        return list(texts)
    return [text for text in texts if not text.endswith(endings)]


def _search(patterns: Sequence[Pattern]) -> TextPredicate:
    if not patterns:
        return lambda _: False
    if sum(pattern.regexp.size for pattern in patterns) > MAX_JOINED_SIZE:
        return lambda text: any(pattern.matches(text) for pattern in patterns)
    try:
        search = compile_re2("|".join(f"(?:{pattern.re2_pattern})" for pattern in patterns), captures=False).spans
    except PatternRejected:  # together they pass the memory bound that each keeps
        return lambda text: any(pattern.matches(text) for pattern in patterns)
    return lambda text: search(text.encode("utf-8", "surrogatepass")) is not None


def _ending(pattern: Pattern) -> str:
    r"""Return the text that `^.*text$` asks for at the end; "" for any other form.

    Every scan asks one such question of every tag (`^.*\.sig$` is the default exclusion); RE2 costs ten times as much.
    """
    match = _ENDING.fullmatch(pattern.text)
    return match[1].replace("\\", "") if match else ""
