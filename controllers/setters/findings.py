"""What the author of a file should know although the update goes on. Flux ignores all of it silently."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from controllers.image.setter import parse_setter
from controllers.setters.comments import MARKER_KEY
from controllers.setters.refs import Unresolved

MAX_FINDINGS = 100
MAX_QUOTED_CHARS = 256
"""How much of a file's own text a finding quotes."""


class FindingReason(StrEnum):
    """What is wrong with a file or a marker."""

    UNPARSABLE = "unparsable"
    """The file was left alone."""
    REFUSED = "refused"
    """The edited file would not have read as intended, so it was left alone."""
    UNKNOWN_POLICY = "unknown-policy"
    UNKNOWN_SUFFIX = "unknown-suffix"
    NO_DIGEST = "no-digest"
    """A marker asks for the digest of a policy that has none, so the value is empty."""
    MALFORMED = "malformed"
    """A comment was meant as a marker, but is not exactly one JSON object of strings."""
    MISPLACED = "misplaced"
    """A valid marker in a place where markers do not count."""
    REVERTED = "held"
    """A valid marker whose value somebody put back, which stays until the policy chooses another image."""
    NOT_JSON = "not-json"
    """A file that a target names is no JSON."""
    TARGET_INVALID = "invalid-target"
    """A target that can mean no value: its path or its glob is wrong."""
    TARGET_NOT_FOUND = "target-not-found"
    """No file, or no value in one, is what a target names."""
    TARGET_AMBIGUOUS = "ambiguous-target"
    """Several values are what a target names."""
    TARGET_UNFIT = "unfit-target"
    """What a target names cannot be written by itself: a map, an alias, a value that has a marker."""
    MORE = "more"
    """Stands for the findings beyond MAX_FINDINGS."""


@dataclass(frozen=True, slots=True)
class FileFinding:
    """One thing that is wrong."""

    file: str
    """As in the update's result: relative to `spec.update.path`."""
    line: int
    """1-based; 0 for the whole file."""
    setter: str
    """The marker's value, e.g. `apps:web:tag`; empty when there is none."""
    reason: FindingReason
    message: str
    target: str = ""
    """Path of the target that it is about; empty where it is about a marker or a file."""


def limit_findings(findings: Sequence[FileFinding]) -> tuple[FileFinding, ...]:
    """Return at most MAX_FINDINGS findings, in the order given; the last one counts those left out."""
    if len(findings) <= MAX_FINDINGS:
        return tuple(findings)
    left_out = len(findings) - MAX_FINDINGS + 1
    more = FileFinding("", 0, "", FindingReason.MORE, f"{left_out} more findings are not listed")
    return (*findings[: MAX_FINDINGS - 1], more)


def malformed(path: str, line: int, *, where: str = "", comment_starts: Sequence[str] = ("#",)) -> FileFinding:
    """Report a comment that was meant as a marker but is not one.

    where: a clause on the position that the file's format demands, if any. comment_starts: for the examples.
    """
    examples = " or ".join(f'{start} {{"{MARKER_KEY}": "namespace:name"}}' for start in comment_starts)
    message = (
        f"this comment is no marker: it must be {where}one JSON object of strings and nothing else, as in {examples}"
    )
    return FileFinding(path, line, "", FindingReason.MALFORMED, message)


def misplaced(path: str, line: int, setter: str, message: str) -> FileFinding:
    """Report a valid marker where markers do not count; the message says where they do."""
    return FileFinding(path, line, setter[:MAX_QUOTED_CHARS], FindingReason.MISPLACED, message)


def refused(path: str, line: int, setter: str, message: str) -> FileFinding:
    """Report a value that cannot be written; the message says why."""
    return FileFinding(path, line, setter[:MAX_QUOTED_CHARS], FindingReason.REFUSED, message)


def reverted(path: str, line: int, setter: str, *, old: str, new: str) -> FileFinding:
    """Report that somebody put `old` back after `new` was written, and that it stays."""
    message = (
        f"'{old[:MAX_QUOTED_CHARS]}' was put back here after '{new}' had been written: held until the policy chooses "
        "another image; to have it written again, set spec.update.holdReverted to false"
    )
    return FileFinding(path, line, setter[:MAX_QUOTED_CHARS], FindingReason.REVERTED, message)


def no_digest(path: str, line: int, setter: str) -> FileFinding:
    """Report a marker for a digest that its policy does not have."""
    policy = parse_setter(setter).policy_key[:MAX_QUOTED_CHARS]
    message = (
        f"policy '{policy}' reflects no digest, so there is none to write here: set spec.digestReflectionPolicy of the "
        "ImagePolicy to IfNotPresent or Always"
    )
    return FileFinding(path, line, setter[:MAX_QUOTED_CHARS], FindingReason.NO_DIGEST, message)


def unresolved(path: str, line: int, setter: str, why: Unresolved) -> FileFinding:
    """Report a marker that names nothing with a value."""
    if why.is_suffix_unknown:
        reason, message = FindingReason.UNKNOWN_SUFFIX, "the marker's suffix is none of :name, :tag and :digest"
    else:
        reason = FindingReason.UNKNOWN_POLICY
        message = (
            f"no policy {why.policy[:MAX_QUOTED_CHARS]!r} with an image takes part in this automation: "
            "check the marker's namespace and name, the policy's status and spec.policySelector"
        )
    return FileFinding(path, line, setter[:MAX_QUOTED_CHARS], reason, message)
