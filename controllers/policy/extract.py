"""The tag filter: which tags a pattern lets through, and the value that a template makes of each.

Templates follow Go's Regexp.Expand (https://pkg.go.dev/regexp#Regexp.Expand): `$1`, `$name`, `${name}`, `$$`; what is
no reference stays as it is, and a group that is unknown or took no part is empty. A template is read once, not once
a tag.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from controllers import re2go
from controllers.policy.policies import Filter

# Other digits make a name: Go reads no leading zero and no number of more than nine digits.
_NUMBER: Final = re.compile(r"0|[1-9][0-9]{0,8}")


class BadFilter(ValueError):
    """The pattern does not compile; the message names it and carries Go's text."""


@dataclass(frozen=True, slots=True)
class Template:
    """A template bound to a pattern's groups: literal text, and for a reference the groups that may stand for it."""

    pieces: tuple[str | tuple[int, ...], ...]

    def expand(self, groups: Sequence[str | None]) -> str:
        """The text for one match; `groups` as `Pattern.search` gives them."""
        return "".join([piece if isinstance(piece, str) else _first(piece, groups) for piece in self.pieces])


@dataclass(frozen=True, slots=True)
class Filtered:
    """Tags by the value to be ranked, in evaluation order; `unmatched` and `overwritten` tags are left out of it."""

    tags: Mapping[str, str]
    unmatched: Sequence[str]
    overwritten: Sequence[tuple[str, str]]
    """Pairs of tag and the value that a later tag gives as well."""


def parse_template(text: str, group_names: Sequence[str]) -> Template:
    """The template for a pattern whose groups are named so, "" for a group without a name; number 0 is the match."""
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
    return Template(tuple([piece for piece in pieces if piece != ""]))


def apply_filter(tags: Sequence[str], tag_filter: Filter) -> Filtered:
    """What the filter makes of tags in evaluation order; where two give one value, the later tag stands for it.

    Raises BadFilter. Cost: one RE2 search a tag, linear in its length.
    """
    try:
        pattern = re2go.compile(tag_filter.pattern)
    except re2go.BadPattern as error:
        raise BadFilter(f"invalid regular expression pattern '{tag_filter.pattern}': {error}") from None
    if not tag_filter.extract:
        matched = {tag: tag for tag in tags if pattern.matches(tag)}
        return Filtered(matched, [tag for tag in tags if tag not in matched], ())
    template = parse_template(tag_filter.extract, pattern.group_names)
    by_value: dict[str, str] = {}
    unmatched: list[str] = []
    overwritten: list[tuple[str, str]] = []
    for tag in tags:
        groups = pattern.search(tag)
        if groups is None:
            unmatched.append(tag)
            continue
        value = template.expand(groups)
        if value in by_value:
            overwritten.append((by_value[value], value))
        by_value[value] = tag
    return Filtered(by_value, unmatched, overwritten)


def _reference(text: str) -> tuple[str, str] | None:
    # What follows a dollar: the name and the rest, or None where it is no reference.
    braced = text.startswith("{")
    start = end = int(braced)
    while end < len(text) and _is_word(text[end]):
        end += 1
    if end == start or (braced and not text.startswith("}", end)):
        return None
    return text[start:end], text[end + braced :]


def _is_word(char: str) -> bool:
    return char.isalpha() or char.isdecimal() or char == "_"


def _groups(name: str, group_names: Sequence[str]) -> tuple[int, ...]:
    if _NUMBER.fullmatch(name):
        number = int(name)
        return (number,) if number < len(group_names) else ()
    return tuple([number for number, group in enumerate(group_names) if group == name])


def _first(numbers: tuple[int, ...], groups: Sequence[str | None]) -> str:
    return next((group for number in numbers if (group := groups[number]) is not None), "")
