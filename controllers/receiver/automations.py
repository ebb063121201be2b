"""ImageUpdateAutomations as far as a receiver sees them: those that it lists are woken when code has changed.

Which repository has changed is not compared with theirs, as in Flux: that would take the right to read GitRepositories.
"""

from __future__ import annotations

import msgspec

from api.meta import ObjectMeta
from controllers.receiver.plan import Plan
from controllers.receiver.repositories import Candidates, is_passed, metadata_of
from controllers.runtime.cache.informer import Informer
from controllers.runtime.key import Key
from controllers.webhooks.matching import AUTOMATION, Subject, in_scope
from controllers.webhooks.verdict import Accepted, Action


class AutomationSpec(msgspec.Struct, frozen=True, kw_only=True):
    """The part of a spec that matters here."""

    suspend: bool = False


class Automation(msgspec.Struct, frozen=True, kw_only=True):
    """An ImageUpdateAutomation."""

    metadata: ObjectMeta
    spec: AutomationSpec = AutomationSpec()


class Automations:
    """Finds what a request wakes."""

    def __init__(self, informer: Informer[Automation]) -> None:
        self._informer = informer

    def candidates(self, verdict: Accepted, plan: Plan, namespace: str) -> Candidates:
        """Return the automations that a request may be about, each with what filters see of it.

        namespace: the Receiver's
        """
        if not any(event.action is Action.CODE or event.wakes_all for event in verdict.events):
            return {}
        places = dict.fromkeys(item.resource.namespace or namespace for item in plan.automations)
        return {
            Subject(place, one.metadata.name, suspended=one.spec.suspend, labels=one.metadata.labels): metadata_of(
                one.metadata
            )
            for place in places
            for one in self._informer.list(place)
        }

    def get(self, key: Key) -> Automation | None:
        """Return an automation as it was last received."""
        return self._informer.get(key)


def choose_automations(
    verdict: Accepted, candidates: Candidates, plan: Plan, *, namespace: str, allows_others: bool
) -> tuple[Subject, ...]:
    """Return what of the candidates a request wakes, each once. Pure; takes long for thousands of expressions.

    namespace: the Receiver's
    """
    listed: dict[Subject, list[str]] = {}
    for item in plan.automations:
        for subject in in_scope(
            candidates, [item.resource], namespace=namespace, kind=AUTOMATION, allows_others=allows_others
        ):
            if not subject.suspended:
                listed.setdefault(subject, []).append(item.filter)
    return tuple(
        subject
        for subject, filters in sorted(listed.items())
        if is_passed(verdict, candidates[subject], plan.resource_filter, filters)
    )
