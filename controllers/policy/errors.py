"""What can go wrong when a policy chooses a tag; the kind decides what each class means for the object.

PolicyError
├── InvalidPolicy      the spec is wrong: nothing but an edit helps (the object stalls)
├── NoTags             nothing was scanned yet: wait for the repository
└── SelectionFailed    the spec is fine, these tags are not: a new scan may help
    ├── NoCandidates   the filter let nothing through
    ├── NoMatch        the policy ranks none of the candidates
    ├── NotNumeric     a numerical policy met a value that is not a number
    └── NoPlatform     none of the leading tags has an image for all platforms that are required

Parsers raise ValueErrors of their own (BadPolicy, BadFilter, BadConstraint, NotANumber); a choice never lets them out.
Texts follow Flux's image-reflector-controller word for word, since users search for them.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from controllers.policy.reasons import Tally


class PolicyError(Exception):
    """No tag was chosen; `str(error)` is the text for the Ready condition."""


class InvalidPolicy(PolicyError):
    """The policy or its filter cannot be understood; retrying does not help."""


class NoTags(PolicyError):
    """The list of tags is empty; retrying helps once the repository was scanned."""

    def __init__(self, excluded_count: int = 0) -> None:
        super().__init__("no tags in database")
        self.excluded_count = excluded_count
        """How many tags the scan dropped for the exclusion list."""


class SelectionFailed(PolicyError):
    """The policy is valid, but chooses none of these tags; `tally` says why."""

    def __init__(self, message: str, tally: Tally) -> None:
        super().__init__(message)
        self.tally = tally
        self.next_eligible_at: datetime | None = None
        """When a tag becomes old enough to be a candidate."""


class NoCandidates(SelectionFailed):
    """The filter let no tag through."""

    def __init__(self, tally: Tally) -> None:
        super().__init__("version list argument cannot be empty", tally)


class NoMatch(SelectionFailed):
    """The policy ranks none of the candidates: no version inside the range, no sort key, no build date."""

    def __init__(self, tally: Tally) -> None:
        super().__init__("unable to determine latest version from provided list", tally)


class NotNumeric(SelectionFailed):
    """One candidate is not a number, which fails the whole numerical policy."""

    def __init__(self, value: str, tally: Tally) -> None:
        super().__init__(f"failed to parse invalid numeric value '{value}'", tally)
        self.value = value


class NoPlatform(SelectionFailed):
    """The leading tags were examined, and none has an image for all platforms."""

    def __init__(self, examined: int, platforms: Sequence[str], tally: Tally) -> None:
        super().__init__(f"none of the {examined} leading tags has an image for {', '.join(platforms)}", tally)
