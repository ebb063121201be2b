"""Things the author of a file should know, though the update goes on: Flux passes over all of them in silence."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

MAX_FINDINGS = 100


class Reason(StrEnum):
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
    HELD = "held"
    """A sound marker whose value somebody put back, and that is to stay so until there is a newer one."""
    MORE = "more"
    """Stands for the findings that were too many to list."""


@dataclass(frozen=True, slots=True)
class Finding:
    file: str
    """As in the update's result: relative to `spec.update.path`."""
    line: int
    """1-based; 0 when the whole file is meant."""
    setter: str
    """The marker's value, e.g. `apps:web:tag`; empty when there is none."""
    reason: Reason
    message: str


def bounded(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """At most MAX_FINDINGS findings, in the order given; the last one counts those left out."""
    if len(findings) <= MAX_FINDINGS:
        return tuple(findings)
    left_out = len(findings) - MAX_FINDINGS + 1
    more = Finding("", 0, "", Reason.MORE, f"{left_out} more findings are not listed")
    return (*findings[: MAX_FINDINGS - 1], more)
