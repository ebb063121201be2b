"""The result of a choice: the tag, and for each other tag the reason why it was not chosen.

The reasons that any choice may give are here; a policy's own are beside its ranker. All of them are listed in
`policies.REASONS`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

MAX_REFUSED: Final = 20
"""How many refused tags a tally lists; its counts cover all of them."""


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a tag was not chosen."""

    word: str
    """For status and metrics."""
    sentence: str
    """Completes "the tag ...", for readers."""

    def __str__(self) -> str:
        return self.word


EXCLUDED: Final = Reason("Excluded", "is on the ImageRepository's exclusion list")
UNMATCHED: Final = Reason("Unmatched", "does not match the filter pattern")
SAME_VALUE: Final = Reason("SameValue", "gives the same value as another tag")
DENIED: Final = Reason("Denied", "is on the deny list")
TOO_YOUNG: Final = Reason("TooYoung", "was first seen less than minAge ago")
LACKS_PLATFORM: Final = Reason("LacksPlatform", "has no image for a required platform")
DOWNGRADE: Final = Reason("Downgrade", "would be a downgrade")
OUTRANKED: Final = Reason("Outranked", "ranks below the chosen tag")

SHARED_REASONS: Final = (
    EXCLUDED,
    UNMATCHED,
    SAME_VALUE,
    DENIED,
    TOO_YOUNG,
    LACKS_PLATFORM,
    DOWNGRADE,
    OUTRANKED,
)


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
