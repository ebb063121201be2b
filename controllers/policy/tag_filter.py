"""The tag filter: which tags a pattern lets through, and the value that a template makes of each.

Templates follow Go's Regexp.Expand (https://pkg.go.dev/regexp#Regexp.Expand): `$1`, `$name`, `${name}`, `$$`. All other
text stays as it is, and a group that is unknown or took no part is empty. A template is parsed once, not once a tag.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from controllers.golang import regexp

# Other digits make a name: Go reads no leading zero and no number of more than nine digits.
_NUMBER: Final = re.compile(r"0|[1-9][0-9]{0,8}")

Pieces: TypeAlias = tuple[str | tuple[int, ...], ...]


@dataclass(frozen=True, slots=True)
class Filter:
    """Only tags in which `pattern` is found; with `extract`, what that template gives is ranked in the tag's place."""

    pattern: str
    extract: str = ""


class BadFilter(ValueError):
    """The pattern does not compile; the message names it and carries Go's text."""


@dataclass(frozen=True, slots=True)
class Template:
    """A template bound to a pattern's groups: literal text, and for a reference the groups that may stand for it."""

    pieces: Pieces

    def expand(self, groups: Sequence[str | None]) -> str:
        """Return the text for one match; `groups` as `Pattern.search` returns them."""
        return "".join([piece if isinstance(piece, str) else _first(piece, groups) for piece in self.pieces])


@dataclass(frozen=True, slots=True)
class Extractor:
    """A compiled filter."""

    pattern: regexp.Pattern
    template: Template | None

    @property
    def cache_key(self) -> tuple[str, Pieces | None]:
        """The key of kept results: equal for filters that do the same, whatever they call their groups."""
        return self.pattern.re2_pattern, None if self.template is None else self.template.pieces

    def value(self, tag: str) -> str | None:
        """Return what is ranked for `tag`, None where the filter does not let it through. Costs one RE2 search."""
        if self.template is None:
            return tag if self.pattern.matches(tag) else None
        groups = self.pattern.search(tag)
        return None if groups is None else self.template.expand(groups)


@dataclass(frozen=True, slots=True)
class AnyOf:
    """Several compiled patterns, one of which is to be found."""

    cache_key: tuple[str, ...]
    """As that of an `Extractor`, and equal to none of those."""
    is_found: regexp.TextPredicate = field(compare=False)

    def value(self, tag: str) -> str | None:
        """Return `tag`, None where no pattern is found in it. Costs one RE2 search in most cases."""
        return tag if self.is_found(tag) else None


def compile_any(patterns: Sequence[str]) -> AnyOf:
    """Return patterns that stand for one another, ready for many tags. Raises BadFilter."""
    compiled = [compile_filter(Filter(pattern)).pattern for pattern in patterns]
    return AnyOf(tuple([pattern.re2_pattern for pattern in compiled]), regexp.any_of(compiled))


def compile_filter(tag_filter: Filter) -> Extractor:
    """Return the filter, ready for many tags. Raises BadFilter."""
    try:
        pattern = regexp.compile(tag_filter.pattern)
    except regexp.BadPattern as error:
        raise BadFilter(
            f"invalid regular expression pattern '{regexp.abbreviate(tag_filter.pattern)}': {error}"
        ) from None
    template = parse_template(tag_filter.extract, pattern.group_names) if tag_filter.extract else None
    return Extractor(pattern, template)


def parse_template(text: str, group_names: Sequence[str]) -> Template:
    """Bind a template to a pattern's groups.

    group_names: by number, "" for a group without a name; number 0 is the whole match.
    """
    pieces: list[str | tuple[int, ...]] = []
    while text:
        before, dollar, text = text.partition("$")
        pieces.append(before)
        if not dollar:
            break
        if text.startswith("$"):
            pieces.append("$")
            text = text[1:]
        elif (reference := _reference(text)) is not None:
            name, text = reference
            pieces.append(_groups(name, group_names))
        else:
            pieces.append("$")
    return Template(tuple([piece for piece in pieces if piece]))


def _reference(text: str) -> tuple[str, str] | None:
    # From the text after a dollar: the name and the rest, or None where it is not a reference.
    braced = text.startswith("{")
    start = end = int(braced)
    while end < len(text) and _is_word(text[end]):
        end += 1
    if end == start or (braced and not text.startswith("}", end)):
        return None
    return text[start:end], text[end + braced :]


def _is_word(char: str) -> bool:
    # Not \w, which takes more than Go's letters and decimal digits.
    return char.isalpha() or char.isdecimal() or char == "_"


def _groups(name: str, group_names: Sequence[str]) -> tuple[int, ...]:
    if _NUMBER.fullmatch(name):
        number = int(name)
        return (number,) if number < len(group_names) else ()
    return tuple([number for number, group in enumerate(group_names) if group == name])


def _first(numbers: tuple[int, ...], groups: Sequence[str | None]) -> str:
    return next((group for number in numbers if (group := groups[number]) is not None), "")
