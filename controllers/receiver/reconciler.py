"""The Receiver algorithm: check the spec, read the Secret, say where the hook is.

Follows https://fluxcd.io/flux/components/notification/receivers/; the path and the sentence with it are Flux's. Serving
needs nothing of this: the status is for people and for what configures senders.
"""

from collections.abc import Callable
from typing import Final

from msgspec.structs import replace

from api.receiver import Receiver, ReceiverStatus
from controllers.receiver.outcomes import ON_ERROR
from controllers.receiver.plan import DEFAULT_INTERVAL, Plan
from controllers.receiver.secrets import SecretReader
from controllers.runtime.reconcile.bounds import add_notes, explain_interval, read_interval
from controllers.runtime.reconcile.conditions import is_ready
from controllers.runtime.reconcile.outcome import Outcome, Ready, outcome_of
from controllers.runtime.reconcile.run import Run
from controllers.webhooks.matching import AUTOMATION, KIND

INITIALIZED: Final = "Receiver initialized"
WAKES_AUTOMATIONS: Final = "the component receiver-automations"

ReceiverRun = Run[Receiver, ReceiverStatus]


class ReceiverReconciler:
    """Does one Receiver a run. Called for many objects at the same time."""

    def __init__(self, secrets: SecretReader, plan: Callable[[Receiver], Plan]) -> None:
        """Build it. plan: returns what serves a Receiver, or raises SpecRefused or BadDuration."""
        self._secrets = secrets
        self._plan = plan

    async def reconcile(self, run: ReceiverRun) -> Outcome:
        """Do one pass."""
        notes: list[str] = []
        try:
            outcome: Outcome = await self._publish_path(run, notes)
        except tuple(ON_ERROR) as error:
            outcome = outcome_of(error, ON_ERROR)
        return add_notes(outcome, notes)

    async def _publish_path(self, run: ReceiverRun, notes: list[str]) -> Ready:
        interval = run.object.spec.interval or DEFAULT_INTERVAL
        notes.append(explain_interval("spec.interval", interval))
        plan = self._plan(run.object)
        notes.append(_explain_ignored(plan))
        run.progress = "reading the token"
        secrets = await self._secrets.read(run.object, plan)
        path = secrets.paths[0]
        is_new = path != run.status.webhook_path or run.new_generation
        has_news = is_new or not is_ready(run.object.status.conditions)
        run.status = replace(run.status, webhook_path=path)
        return Ready(
            f"{INITIALIZED} for path: {path}",
            requeue_after=run.spread(read_interval(interval)),
            event=INITIALIZED if has_news else None,  # the path is a secret, and events go far
        )


def _explain_ignored(plan: Plan) -> str:
    if plan.ignored_kinds:
        text = f"resources of kind {', '.join(plan.ignored_kinds)} are not woken: only {KIND} is"
        return f"{text} without {WAKES_AUTOMATIONS}" if AUTOMATION in plan.ignored_kinds else text
    return ""
