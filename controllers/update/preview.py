"""What a run would commit, for files that need not be in Git yet. Nothing is written and no remote is asked."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from api.imagepolicy import ImagePolicy
from api.imageupdateautomation import Finding, ImageUpdateAutomation
from controllers.git.objects.scan import File, check_sizes
from controllers.git.protocol.refs import Tip
from controllers.runtime.key import key_of
from controllers.update import findings, reverts
from controllers.update.edit import plan_edit
from controllers.update.message import render_message
from controllers.update.repository import check_markers
from controllers.update.work import Edit, MarkedTree, Work

NOT_COMMITTED = Tip("", "", "")


@dataclass(frozen=True, slots=True)
class Preview:
    """The next commit of an automation. message: "" where there would be no commit."""

    work: Work
    edit: Edit
    message: str
    findings: tuple[Finding, ...]


def preview(
    work: Work,
    files: Sequence[File],
    policies: Iterable[ImagePolicy],
    *,
    now: datetime,
    message_template: str,
    starts_anew: bool = False,
) -> Preview:
    """Return what a run with the work of `plan_work` would make of files.

    policies: of all namespaces, for the findings. message_template: `spec.git.commit.messageTemplate` or the default.
    starts_anew: it would make its push branch, which begins with former values that nobody put back. Raises
    TemplateFailure, and RepositoryTooLarge as the run would.
    """
    check_sizes(files)
    check_markers(files)
    automation: ImageUpdateAutomation = work.automation
    watched = automation.status.written if work.hold_reverted and not starts_anew else ()
    edit = plan_edit(MarkedTree(NOT_COMMITTED, files), work, reverts=reverts.to_reverts(watched))
    known = {key_of(policy): policy for policy in policies}
    named = {key: known[key] for key in findings.named_policies(edit.update.findings) if key in known}
    left_out = findings.to_status(
        edit.update.findings,
        named,
        first=work.findings,
        paused=work.paused,
        refused=findings.refusals(automation, named.values(), work.reach),
    )
    message = render_message(work, edit.update, message_template, now=now) if edit.contents else ""
    return Preview(work, edit, message, left_out)
