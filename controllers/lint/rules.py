"""The rules: a row each. A finding's message says what is wrong in its case; the row says what the rule is for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Severity(StrEnum):
    """How bad a finding is."""

    ERROR = "error"
    """Something does not work."""
    WARNING = "warning"
    """Something works, but most likely not as meant."""


@dataclass(frozen=True, slots=True)
class LintRule:
    """What lint looks for."""

    name: str
    severity: Severity
    summary: str
    """A sentence without a full stop."""
    is_fixable: bool = False


@dataclass(frozen=True, slots=True)
class Fix:
    """Bytes that replace others."""

    start: int
    end: int
    text: bytes


@dataclass(frozen=True, slots=True)
class LintFinding:
    """One thing that is wrong."""

    rule: str
    file: str
    line: int
    """1-based; 0 for the whole file."""
    column: int
    """1-based, in characters; 0 for the whole line."""
    message: str
    """What is wrong, and what to do."""
    fix: Fix | None = None

    @property
    def severity(self) -> Severity:
        """That of the rule."""
        return RULES[self.rule].severity


_ERROR, _WARNING = Severity.ERROR, Severity.WARNING

RULES: Final[Mapping[str, LintRule]] = {
    rule.name: rule
    for rule in (
        LintRule("malformed-marker", _ERROR, "A comment was meant as a marker, but is not one", is_fixable=True),
        LintRule(
            "misplaced-marker", _ERROR, "A marker is on a key, map, list, alias, empty value or a line of its own"
        ),
        LintRule("not-yaml", _ERROR, "A file with markers cannot be read, so none of them is followed"),
        LintRule("unknown-policy", _ERROR, "A marker names an ImagePolicy that is not in the files"),
        LintRule("unknown-suffix", _ERROR, "A marker ends in none of :name, :tag and :digest"),
        LintRule("foreign-policy", _ERROR, "A marker names a policy of a namespace whose policies no automation uses"),
        LintRule("unselected-policy", _ERROR, "A marker names a policy that no automation's policySelector selects"),
        LintRule("outside-path", _ERROR, "A marked file is outside of the update.path of every automation"),
        LintRule("unread-file", _ERROR, "A marked file is not YAML, and no automation names it in update.files"),
        LintRule("encrypted-file", _ERROR, "A marked file is encrypted by SOPS, which an edit would break"),
        LintRule("other-image", _WARNING, "A marked value names another image than the policy's repository"),
        LintRule("invalid-object", _ERROR, "A manifest does not fit its kind"),
        LintRule("missing-field", _ERROR, "A manifest lacks a field that its kind needs"),
        LintRule("unknown-field", _ERROR, "A manifest sets a field that its kind does not have"),
        LintRule("duplicate-object", _ERROR, "Two manifests are the same object"),
        LintRule("unknown-repository", _ERROR, "An ImagePolicy names an ImageRepository that is not in the files"),
        LintRule("invalid-image", _ERROR, "An ImageRepository's image is not a valid name"),
        LintRule("invalid-policy", _ERROR, "An ImagePolicy's range, pattern or rule is invalid"),
        LintRule("invalid-exclusion", _ERROR, "A pattern of an ImageRepository's exclusionList is invalid"),
        LintRule("no-matching-tag", _ERROR, "An ImagePolicy accepts none of the tags that are known"),
        LintRule("invalid-automation", _ERROR, "An automation's selector, strategy or path cannot work"),
        LintRule("invalid-target", _ERROR, "A target's path is not one, or its glob leads out of update.path"),
        LintRule(
            "unmet-target", _ERROR, "A target leads to no file, to no value, to several, or to one that is shared"
        ),
        LintRule("invalid-template", _ERROR, "A messageTemplate does not parse, or fails on an ordinary change"),
        LintRule("empty-message", _ERROR, "A messageTemplate prints nothing for an ordinary change"),
        LintRule("invalid-interval", _ERROR, "An interval or timeout is not a duration"),
        LintRule("short-interval", _WARNING, "An interval is so short that a registry or Git server may refuse us"),
        LintRule("flux-drops-field", _WARNING, "With --flux: Flux does not have the field, and drops it"),
    )
}
"""Every rule, by its name, in the order in which the documentation lists them."""
