"""ImageUpdateAutomations as far as a receiver sees them: those that it lists are woken when code has changed.

Which repository has changed is not compared with theirs, as in Flux: that would take the right to read GitRepositories.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from api.meta import ObjectMeta
from controllers.receiver.plan import Plan
from controllers.receiver.repositories import is_passed, list_named, list_now
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

    def candidates(self, verdict: Accepted, plan: Plan, namespace: str) -> list[Automation]:
        """Return the automations that a request may be about.

        namespace: the Receiver's
        """
        return list_named(self._informer, plan.automations, namespace) if _is_about_code(verdict) else []

    async def candidates_now(self, verdict: Accepted, plan: Plan, namespace: str) -> list[Automation]:
        """Return the same of what the server has now. Raises ApiError."""
        return await list_now(self._informer, plan.automations, namespace) if _is_about_code(verdict) else []

    @property
    def is_behind(self) -> bool:
        """Whether the server may have others: the watch is broken."""
        return self._informer.is_behind

    def get(self, key: Key) -> Automation | None:
        """Return an automation as it was last received."""
        return self._informer.get(key)


def _is_about_code(verdict: Accepted) -> bool:
    return any(event.action is Action.CODE or event.wakes_all for event in verdict.events)


def _subject(automation: Automation) -> Subject:
    meta = automation.metadata
    return Subject(meta.namespace, meta.name, suspended=automation.spec.suspend, labels=meta.labels)


def choose_automations(
    verdict: Accepted, automations: Iterable[Automation], plan: Plan, *, namespace: str, allows_others: bool
) -> tuple[Subject, ...]:
    """Return what of some automations a request wakes, each once. Pure; takes long for thousands, or expressions.

    namespace: the Receiver's
    """
    candidates = {_subject(one): one.metadata for one in automations}
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
