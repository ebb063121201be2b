"""The language of semver ranges: `>=1.2 <2 || ~3.1.4-0`.

Follows Masterminds/semver v3.5.0 (https://github.com/Masterminds/semver#checking-version-constraints), texts and
quirks included. Every comparison becomes a half-open span of sort keys, so an alternative is one span plus what `!=`
cuts out of it, and checking a version costs two tuple comparisons an alternative.

A segment is parsed by hand with possessive patterns, since the library's own expressions backtrack without bound
outside RE2.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, NamedTuple

from controllers.golang.quote import quote
from controllers.semver.version import MAX_NUMBER, RELEASE, BadVersion, VersionKey, parse_version

MAX_CONSTRAINT_BYTES: Final = 512
MAX_GROUPS: Final = 32

# Go's \s, which unlike Python's leaves out the vertical tab and everything beyond ASCII.
_SPACE: Final = r"[\t\n\f\r ]"
# The bar is part of the library's class; it only ever leads to "constraint parser error".
_NUMBER: Final = r"[0-9|xX*]++"
_DOTTED: Final = r"[0-9A-Za-z-]++(?:\.[0-9A-Za-z-]++)*+"
_VERSION: Final = rf"v?+{_NUMBER}(?:\.{_NUMBER}){{0,2}}+(?:-{_DOTTED})?+(?:\+{_DOTTED})?+"

_HYPHEN_RANGE: Final = re.compile(rf"{_SPACE}*+({_VERSION}){_SPACE}++-{_SPACE}++({_VERSION}){_SPACE}*+")
_BLANK: Final = re.compile(rf"{_SPACE}*+")
_SEPARATOR: Final = re.compile(rf"{_SPACE}*+(?:(?P<comma>,){_SPACE}*+)?+")
_COMPARISON: Final = re.compile(
    rf"(?P<operator>(?>!=|>=|=>|<=|=<|~>|[=><~^])?+){_SPACE}*+"
    rf"(?P<version>v?+(?P<major>{_NUMBER})(?:\.(?P<minor>{_NUMBER}))?+(?:\.(?P<patch>{_NUMBER}))?+"
    rf"(?P<prerelease>-{_DOTTED})?+(?:\+{_DOTTED})?+)"
)
_WILDCARDS: Final = frozenset({"x", "X", "*", None})

_LOWEST: Final[VersionKey] = ()
_BEYOND: Final[VersionKey] = (MAX_NUMBER + 1,)


class BadConstraint(ValueError):
    """The range does not parse; the message is the library's own."""


class _Operand(NamedTuple):
    """The version of one comparison and how many of its parts were given: `*` 0, `1.x` 1, `1.2` 2, `1.2.3` 3."""

    key: VersionKey
    parts: int
    major: int
    minor: int
    patch: int

    def after(self) -> VersionKey:
        """Return the lowest key above all that the written parts name: `1.x` → 2, `1.2` → 1.3, `1.2.3` → just above."""
        match self.parts:
            case 1:
                return (self.major + 1,)
            case 2:
                return (self.major, self.minor + 1)
            case _:
                # Keys have four items: a fifth makes the immediate successor.
                return (*self.key, 0)


class Span(NamedTuple):
    """Keys from `low` up to, not including, `high`."""

    low: VersionKey
    high: VersionKey


def _tilde(operand: _Operand) -> Span:
    if operand.parts in (0, 3) and operand.major == operand.minor == operand.patch == 0:
        # ~0.0.0 and ~* accept everything, by a special case of the library.
        return Span(operand.key, _BEYOND)
    return Span(operand.key, (operand.major + 1,) if operand.parts == 1 else (operand.major, operand.minor + 1))


def _equal(operand: _Operand) -> Span:
    return Span(operand.key, operand.after()) if operand.parts == 3 else _tilde(operand)


def _caret(operand: _Operand) -> Span:
    if operand.major > 0 or operand.parts == 1:
        return Span(operand.key, (operand.major + 1,))
    if operand.minor > 0 or operand.parts == 2:
        return Span(operand.key, (0, operand.minor + 1))
    # ^* arrives here as ^0.0.0 and accepts nothing but that: a quirk kept.
    return Span(operand.key, (0, 0, operand.patch + 1))


def _greater(operand: _Operand) -> Span:
    return Span(operand.after(), _BEYOND)


def _at_most(operand: _Operand) -> Span:
    # <=* reads as "major 0, minor 0, any patch": a quirk kept.
    return Span(_LOWEST, operand.after() if operand.parts else (0, 1))


def _less(operand: _Operand) -> Span:
    return Span(_LOWEST, operand.key)


def _at_least(operand: _Operand) -> Span:
    return Span(operand.key, _BEYOND)


_SPANS: Final[Mapping[str, Callable[[_Operand], Span]]] = {
    "": _equal,
    "=": _equal,
    ">": _greater,
    ">=": _at_least,
    "=>": _at_least,
    "<": _less,
    "<=": _at_most,
    "=<": _at_most,
    "~": _tilde,
    "~>": _tilde,
    "^": _caret,
}


class _Exclusion(NamedTuple):
    """What one `!=` refuses: keys of the span, or with `identifiers` only those of them with this prerelease."""

    span: Span
    identifiers: object = None

    def covers(self, key: VersionKey) -> bool:
        return self.span.low <= key < self.span.high and (self.identifiers is None or key[3] == self.identifiers)


def _not_equal(operand: _Operand) -> _Exclusion:
    partial = operand.parts in (1, 2)
    span = Span(operand.key[: operand.parts] if partial else operand.key, operand.after())
    # A quirk kept: once the minor version agrees, !=1.2.x looks at the prerelease only.
    return _Exclusion(span, operand.key[3]) if operand.parts == 2 else _Exclusion(span)


class ConstraintGroup(NamedTuple):
    """One alternative: every comparison must hold. Prereleases count only where a comparison names one."""

    span: Span
    exclusions: tuple[_Exclusion, ...]
    prereleases: bool

    def spans(self, key: VersionKey) -> bool:
        """Return True when the key is inside, prereleases included."""
        return self.span.low <= key < self.span.high and not any(exclusion.covers(key) for exclusion in self.exclusions)


@dataclass(frozen=True, slots=True)
class Constraint:
    """A compiled range; make it with `parse_constraint`."""

    groups: tuple[ConstraintGroup, ...]

    def admits(self, key: VersionKey) -> bool:
        """Return True when the version with this sort key is in the range."""
        return any((group.prereleases or key[3] is RELEASE) and group.spans(key) for group in self.groups)

    def admits_with_prereleases(self, key: VersionKey) -> bool:
        """Return True when the key would be in the range if prereleases were: explains why one was refused."""
        return any(group.spans(key) for group in self.groups)

    def bounds(self) -> list[VersionKey]:
        """Return ascending keys that cut all versions into segments, in each of which all releases are treated alike.

        So are all prereleases, unless `excludes_some_prereleases`.
        """
        spans = [group.span for group in self.groups] + [exclusion.span for exclusion in self._exclusions()]
        return sorted({_LOWEST, _BEYOND, *(bound for span in spans for bound in span)})

    @property
    def excludes_some_prereleases(self) -> bool:
        """True when a comparison refuses some prereleases by their name, wherever they are."""
        return any(exclusion.identifiers is not None for exclusion in self._exclusions())

    def _exclusions(self) -> Iterator[_Exclusion]:
        return (exclusion for group in self.groups for exclusion in group.exclusions)


@lru_cache(maxsize=1024)
def parse_constraint(text: str) -> Constraint:
    """Return the range that `text` spells.

    Raises BadConstraint. Cost: bounded by the limits of 512 bytes and 32 alternatives.
    """
    if len(text.encode("utf-8", "surrogatepass")) > MAX_CONSTRAINT_BYTES:
        raise BadConstraint(f"constraint string is too long (max {MAX_CONSTRAINT_BYTES} bytes)")
    segments = _rewrite_hyphens(text).split("||")
    if len(segments) > MAX_GROUPS:
        raise BadConstraint(f"too many constraint groups (max {MAX_GROUPS})")
    return Constraint(tuple([_group(segment) for segment in segments]))


def _rewrite_hyphens(text: str) -> str:
    rewritten = text
    for match in _HYPHEN_RANGE.finditer(text):
        # By text, not by position: the library replaces the first occurrence, wherever it is.
        rewritten = rewritten.replace(match[0], f">= {match[1]}, <= {match[2]} ", 1)
    return rewritten


def _group(segment: str) -> ConstraintGroup:
    low, high = _LOWEST, _BEYOND
    exclusions: list[_Exclusion] = []
    prereleases = False
    # The whole segment is checked before the first version: the library reports errors in this order.
    for match in list(_comparisons(segment)):
        operand = _operand(match)
        prereleases = prereleases or operand.key[3] is not RELEASE
        if match["operator"] == "!=":
            exclusions.append(_not_equal(operand))
        else:
            span = _SPANS[match["operator"]](operand)
            low, high = max(low, span.low), min(high, span.high)
    return ConstraintGroup(Span(low, high), tuple(exclusions), prereleases)


def _comparisons(segment: str) -> Iterator[re.Match[str]]:
    position = _end(_BLANK, segment, 0)
    while True:
        match = _COMPARISON.match(segment, position)
        if match is None:
            raise BadConstraint(f"improper constraint: {quote(segment)}")
        yield match
        separator = _SEPARATOR.match(segment, match.end())
        assert separator is not None
        position = separator.end()
        if position == len(segment) and not separator["comma"]:
            return
        if not separator[0]:
            raise BadConstraint(f"improper constraint: {quote(segment)}")


def _end(pattern: re.Pattern[str], text: str, position: int) -> int:
    match = pattern.match(text, position)
    return position if match is None else match.end()


def _operand(match: re.Match[str]) -> _Operand:
    major, minor, patch = match["major"], match["minor"], match["patch"]
    prerelease = match["prerelease"] or ""
    # A part after a wildcard is ignored, however odd.
    if major in _WILDCARDS:
        parts, text = 0, f"0.0.0{prerelease}"
    elif minor in _WILDCARDS:
        parts, text = 1, f"{major}.0.0{prerelease}"
    elif patch in _WILDCARDS:
        parts, text = 2, f"{major}.{minor}.0{prerelease}"
    else:
        parts, text = 3, match["version"]
    try:
        version = parse_version(text)
    except BadVersion:
        raise BadConstraint("constraint parser error") from None
    return _Operand(version.key(), parts, version.major, version.minor, version.patch)
