"""Where a branch is expected to be without a look at the remote: where the last run left it.

A push says what it expects, and the remote refuses it where that is wrong. So a look before it is only needed where
somebody else pushes, too; whether somebody does shows at each look.
"""

from controllers.git.protocol.refs import Checkout, Tip, revision, tip_from_revision
from controllers.gitaccess.branches import BranchPlan
from controllers.imageupdateautomation.policies import AutomationRun
from controllers.runtime.key import Key, key_of
from controllers.runtime.reconcile.conditions import is_failing
from controllers.update.work import Published, Work


class ExpectedTips:
    """Keeps which automations share their branch with others. Lost with the process, whose first runs look anyway."""

    def __init__(self) -> None:
        self._shared: set[Key] = set()

    def find(self, run: AutomationRun, work: Work, plan: BranchPlan) -> Tip | None:
        """Return where to expect the branch that a run pushes to; None where it has to look.

        Call it for an automation whose last run was completed in this process. Whoever asks for a run wants a look,
        and so does whatever does not go by one branch, a failure, or a run that probably finds nothing to push.
        """
        if (
            key_of(run.object) in self._shared
            or run.requested
            or run.new_generation
            or is_failing(run.status.conditions)
            or work.observed_policies == run.status.observed_policies
            or plan.needs_full_run
            or plan.options
            or plan.checkout != Checkout(branch=plan.push_branch)
        ):
            return None
        return tip_from_revision(run.status.observed_source_revision, plan.push_branch)

    def record_look(self, run: AutomationRun, tip: Tip) -> None:
        """Take note of where a look has found the branch."""
        left = run.object.status.observed_source_revision
        if left and tip.revision != left:
            self._shared.add(key_of(run.object))
        else:
            self._shared.discard(key_of(run.object))

    def forget(self, automation: Key) -> None:
        """Drop what is remembered about an automation that is gone."""
        self._shared.discard(automation)


def observed_revision(plan: BranchPlan, tip: Tip, pushed: Published | None) -> str:
    """Return what the checkout's reference is at after the run."""
    if pushed is None or plan.switch:
        return tip.revision
    return revision(plan.push_branch, pushed.commit)
