"""What `tagline preview` found: choices of policies, and the next commit of each automation. Values only."""

import posixpath
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from api.imagepolicy import ImagePolicy
from api.imageupdateautomation import Finding, ImageUpdateAutomation
from api.names import READY, TRUE
from cli.diffs import diff_of
from controllers.forge.model import Desired
from controllers.image.setter import parse_setter
from controllers.update.preview import Preview
from controllers.worktree.marked import MarkedFiles

UNREADABLE: Final = "Unreadable"
NOT_EDITABLE: Final = "NotEditable"


@dataclass(frozen=True, slots=True)
class Change:
    """A marked value that would be replaced."""

    file: str
    line: int
    """From 1, in the file as it is."""
    old: str
    new: str
    policy: str
    """`namespace/name` of the policy that the marker names."""


@dataclass(frozen=True, slots=True)
class PolicyReport:
    """What a policy chooses."""

    name: str
    """`namespace/name`."""
    image: str
    """The chosen image; empty when there is none."""
    is_ready: bool
    message: str
    """Of the Ready condition."""
    runners_up: tuple[tuple[str, str], ...]
    """Leading tags that were not chosen, best first, and why."""


@dataclass(frozen=True, slots=True)
class AutomationReport:
    """What an automation would do. failure: why it would do nothing; then the rest is empty."""

    name: str
    """`namespace/name`."""
    target: str = ""
    """Where it would push, in words."""
    after: tuple[str, ...] = ()
    """Automations whose commits it starts from; they are previewed as if they had pushed before it."""
    changes: tuple[Change, ...] = ()
    diff: bytes = b""
    """As `git apply` reads it."""
    message: str = ""
    findings: tuple[Finding, ...] = ()
    """With files from the root of the checkout."""
    is_offer: bool = False
    """It makes pull requests in place of pushes."""
    offers: tuple[Desired, ...] = ()
    """The pull requests that it would open, or update."""
    failure: str = ""
    is_trial: bool = False
    """There is no automation: `name` is an image, `target` says where it is."""
    obstacles: tuple[Finding, ...] = ()
    """Places of a trial's image that cannot be edited, and why."""


@dataclass(slots=True)
class PreviewReport:
    """The whole."""

    policies: list[PolicyReport] = field(default_factory=list)
    automations: list[AutomationReport] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    """What is wrong with files and objects, each with its place."""
    notes: list[str] = field(default_factory=list)
    """What was assumed."""

    @property
    def has_changes(self) -> bool:
        """Whether something would be committed."""
        return any(automation.changes for automation in self.automations)

    @property
    def has_failures(self) -> bool:
        """Whether something could not be answered."""
        failed = any(automation.failure for automation in self.automations)
        return failed or bool(self.problems) or not all(policy.is_ready for policy in self.policies)


def report_policy(policy: ImagePolicy) -> PolicyReport:
    """Return what the status of a policy says."""
    condition = next((c for c in policy.status.conditions if c.type == READY), None)
    selection = policy.status.selection
    latest = policy.status.latest_ref
    return PolicyReport(
        f"{policy.metadata.namespace}/{policy.metadata.name}",
        policy.status.latest_image if latest else "",
        condition is not None and condition.status == TRUE,
        condition.message if condition else "nothing was chosen yet",
        tuple((candidate.tag, candidate.message) for candidate in selection.candidates) if selection else (),
    )


def report_automation(
    automation: ImageUpdateAutomation, target: str, preview: Preview, found: MarkedFiles
) -> AutomationReport:
    """Return the report of a preview. found: the files that it was made from."""
    path = preview.work.path
    if any(file.path == path for file in found.files):
        path = posixpath.dirname(path)  # one file, which results name without its folder
    changes = [
        Change(_below(path, change.file), change.line, change.old_value, change.new_value, _policy_of(change.setter))
        for result in preview.edit.update.result
        for change in result.changes
    ]
    before = {file.target: file.data for file in found.files}
    unreadable = (Finding(file=f.path, reason=UNREADABLE, message=f.reason) for f in found.unreadable)
    return AutomationReport(
        f"{automation.metadata.namespace}/{automation.metadata.name}",
        target,
        (),
        tuple(sorted(changes, key=lambda change: (change.file, change.line))),
        diff_of(before, preview.edit.contents),
        preview.message,
        (*unreadable, *_from_root(preview.findings, path)),
    )


def _from_root(findings: Sequence[Finding], path: str) -> tuple[Finding, ...]:
    return tuple(
        Finding(file=_below(path, f.file) if f.file else "", line=f.line, reason=f.reason, message=f.message)
        for f in findings
    )


def _below(path: str, file: str) -> str:
    return posixpath.normpath(posixpath.join(path, file)) if path else file


def _policy_of(setter: str) -> str:
    parsed = parse_setter(setter)
    return f"{parsed.namespace}/{parsed.policy}"
