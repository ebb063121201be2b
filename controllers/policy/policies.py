"""The values that go into a choice and come out of it, as the ImagePolicy spec names them.

Which policy a spec means when it names several is here too; how each ranks is in `semantic`, `alphabetical`,
`numerical`, `keys` and `newest`. What else a tag must fulfil is in `rules`.
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


class KeyType(StrEnum):
    """How the text of a sort key is compared."""

    ALPHABETICAL = "alphabetical"
    NUMERICAL = "numerical"
    SEMVER = "semver"


@dataclass(frozen=True, slots=True)
class KeySpec:
    """One of several keys: a template over the filter's match, how its text is compared, and which end wins."""

    extract: str
    type: str = KeyType.ALPHABETICAL
    order: str = ""


@dataclass(frozen=True, slots=True)
class Keys:
    """The tag whose first key wins, among equals its second, and so on; the first key counts most."""

    keys: tuple[KeySpec, ...]


class NewestBy(StrEnum):
    """By which time a tag is the newest."""

    FIRST_SEEN = "FirstSeen"
    BUILD_DATE = "BuildDate"


@dataclass(frozen=True, slots=True)
class Newest:
    """The tag that is newest by our own first sight of it, or by the build date that its image tells."""

    by: str = NewestBy.FIRST_SEEN


Policy: TypeAlias = Semver | Alphabetical | Numerical | Keys | Newest


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
    """Why a tag was not chosen: one word for status and metrics; `sentence` is for readers."""

    EXCLUDED = "Excluded"
    UNMATCHED = "Unmatched"
    SAME_VALUE = "SameValue"
    NOT_A_VERSION = "NotAVersion"
    NOT_A_NUMBER = "NotANumber"
    NO_SORT_KEY = "NoSortKey"
    PRERELEASE = "Prerelease"
    OUT_OF_RANGE = "OutOfRange"
    DENIED = "Denied"
    TOO_YOUNG = "TooYoung"
    LACKS_PLATFORM = "LacksPlatform"
    NO_BUILD_DATE = "NoBuildDate"
    NOT_EXAMINED = "NotExamined"
    DOWNGRADE = "Downgrade"
    OUTRANKED = "Outranked"

    @property
    def sentence(self) -> str:
        """What completes "the tag ..."."""
        return _SENTENCES[self]


_SENTENCES: Final[Mapping[Reason, str]] = {
    Reason.EXCLUDED: "is on the ImageRepository's exclusion list",
    Reason.UNMATCHED: "does not match the filter pattern",
    Reason.SAME_VALUE: "gives the same value as another tag",
    Reason.NOT_A_VERSION: "is not a semantic version",
    Reason.NOT_A_NUMBER: "is not a number",
    Reason.NO_SORT_KEY: "gives a sort key that is not a number or version",
    Reason.PRERELEASE: "is a prerelease, which the range does not ask for",
    Reason.OUT_OF_RANGE: "is outside the range",
    Reason.DENIED: "is on the deny list",
    Reason.TOO_YOUNG: "was first seen less than minAge ago",
    Reason.LACKS_PLATFORM: "has no image for a required platform",
    Reason.NO_BUILD_DATE: "tells no build date",
    Reason.NOT_EXAMINED: "is too far down the list for its image to be read",
    Reason.DOWNGRADE: "would be a downgrade",
    Reason.OUTRANKED: "ranks below the chosen tag",
}


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
    MAX_REFUSED of them, none of those that were not even stored: first those that have a rank, best first, then others
    in stored order. What rules leave out stands where it would rank.
    """

    counts: Mapping[Reason, int]
    refused: tuple[Refusal, ...]


@dataclass(frozen=True, slots=True)
class Choice:
    """The chosen tag, the value that it was ranked by, and why the others were not chosen."""

    tag: str
    value: str
    tally: Tally


def resolve_policy(
    *,
    semver: Semver | None = None,
    alphabetical: Alphabetical | None = None,
    numerical: Numerical | None = None,
    keys: Keys | None = None,
    newest: Newest | None = None,
) -> Policy | None:
    """The policy that counts where a spec sets any number of them, None where it sets none; precedence as in Flux.

    Those that Flux does not have come last: where Flux ignores them, so do we.
    """
    return semver or alphabetical or numerical or keys or newest
