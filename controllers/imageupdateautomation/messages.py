"""What a run tells of its end: sentences of Flux 2.1, which dashboards and runbooks quote."""

from collections.abc import Sequence

from api.imageupdateautomation import Finding, ImageUpdateAutomationStatus
from controllers.gitaccess.branches import BranchPlan
from controllers.update import findings
from controllers.update.work import Published


def no_updates(status: ImageUpdateAutomationStatus) -> str:
    """Return the text of a run that pushed nothing."""
    text = "no updates made"
    if status.last_push_commit and status.last_push_time:
        time = status.last_push_time.strftime("%Y-%m-%dT%H:%M:%SZ")
        text += f"; last commit {status.last_push_commit[:7]} at {time}"
    return text + findings.summarize(status.findings)


def pushed(plan: BranchPlan, published: Published, *, retries: int) -> str:
    """Return the text of a run that pushed. retries: how many races it lost before."""
    text = f"committed and pushed commit '{published.commit}' to branch '{plan.push_branch}'"
    if plan.refspec:
        text += f" and refspecs '{plan.refspec}'"
    if retries:
        text += f" after {retries} {'retry' if retries == 1 else 'retries'}"
    return text


def new_warnings(before: Sequence[Finding], after: Sequence[Finding]) -> tuple[tuple[str, str], ...]:
    """Return reason and text of what was not left out before, and is worth an event."""
    return tuple(
        (finding.reason, findings.format_line(finding))
        for finding in after
        if finding not in before and findings.is_event_worthy(finding)
    )
