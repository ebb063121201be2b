"""Things the author of a file should know, though the update goes on: Flux passes over all of them in silence."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

MAX_FINDINGS = 100


class FindingReason(StrEnum):
    UNPARSABLE = "unparsable"
    """The file was left alone."""
    REFUSED = "refused"
    """The edited file would not have read as intended, so it was left alone."""
    UNKNOWN_POLICY = "unknown-policy"
    UNKNOWN_SUFFIX = "unknown-suffix"
    MALFORMED = "malformed"
    """A comment talks of an image policy, but is not exactly one JSON object of strings."""
    MISPLACED = "misplaced"
    """A sound marker in a place where markers do not count."""
    REVERTED = "held"
    """A sound marker whose value somebody put back, and that is to stay so until there is a newer one."""
    MORE = "more"
    """Stands for the findings that were too many to list."""


@dataclass(frozen=True, slots=True)
class FileFinding:
    file: str
    """As in the update's result: relative to `spec.update.path`."""
    line: int
    """1-based; 0 when the whole file is meant."""
    setter: str
    """The marker's value, e.g. `apps:web:tag`; empty when there is none."""
    reason: FindingReason
    message: str


def limit_findings(findings: Sequence[FileFinding]) -> tuple[FileFinding, ...]:
    """At most MAX_FINDINGS findings, in the order given; the last one counts those left out."""
    if len(findings) <= MAX_FINDINGS:
        return tuple(findings)
    left_out = len(findings) - MAX_FINDINGS + 1
    more = FileFinding("", 0, "", FindingReason.MORE, f"{left_out} more findings are not listed")
    return (*findings[: MAX_FINDINGS - 1], more)
