"""The values that go into a choice and come out of it, as the ImagePolicy spec names them.

Which policy a spec means when it names several is here too; how each ranks is in `semantic`, `alphabetical` and
`numerical`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import Final, TypeAlias

MAX_REFUSED: Final = 20
"""So many refused tags are listed in a tally; the counts cover all of them."""


@dataclass(frozen=True, slots=True)
class Semver:
    """The greatest version inside `range`."""

    range: str


@dataclass(frozen=True, slots=True)
class Alphabetical:
    """The last value in byte order, or the first with `order` "desc"; "" is "asc", letter case does not matter."""

    order: str = ""


@dataclass(frozen=True, slots=True)
class Numerical:
    """The greatest number, or the least with `order` "desc"; "" is "asc", letter case does not matter."""

    order: str = ""


Policy: TypeAlias = Semver | Alphabetical | Numerical


@dataclass(frozen=True, slots=True)
class Filter:
    """Only tags in which `pattern` is found; with `extract`, what that template gives is ranked in the tag's place."""

    pattern: str
    extract: str = ""


class Order(Enum):
    """Which end of the order wins."""

    ASC = "ASC"
    DESC = "DESC"


class Reason(StrEnum):
    """Why a tag was not chosen; the value completes the sentence "the tag ..."."""

    UNMATCHED = "does not match the filter pattern"
    SAME_VALUE = "gives the same value as another tag"
    NOT_A_VERSION = "is not a semantic version"
    NOT_A_NUMBER = "is not a number"
    PRERELEASE = "is a prerelease, which the range does not ask for"
    OUT_OF_RANGE = "is outside the range"
    OUTRANKED = "ranks below the chosen tag"


@dataclass(frozen=True, slots=True)
class Refusal:
    """One tag that was not chosen; `value` is what was ranked in its place, the tag itself without an extraction."""

    tag: str
    value: str
    reason: Reason


@dataclass(frozen=True, slots=True)
class Tally:
    """Why tags were not chosen.

    `counts` covers every tag but the chosen one and names only reasons that occurred. `refused` lists at most
    MAX_REFUSED of them: first those that have a rank, best first, then others in stored order.
    """

    counts: Mapping[Reason, int]
    refused: tuple[Refusal, ...]


@dataclass(frozen=True, slots=True)
class Choice:
    """The chosen tag, the value that it was ranked by, and why the others were not chosen."""

    tag: str
    value: str
    tally: Tally


def policy_of(
    *, semver: Semver | None = None, alphabetical: Alphabetical | None = None, numerical: Numerical | None = None
) -> Policy | None:
    """The policy that counts where a spec sets any number of them, None where it sets none; precedence as in Flux."""
    return semver or alphabetical or numerical
