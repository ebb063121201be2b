"""Which changes of other objects are worth a run of an automation, and how soon: pure, for watch handlers."""

from datetime import timedelta

from api.core import Namespace
from api.gitrepository import GitRepository
from api.imagepolicy import ImagePolicy
from api.imageupdateautomation import ImageUpdateAutomation
from api.meta import AccessFrom
from api.selectors import BadSelector, matches
from controllers.golang.duration import BadDuration, parse_duration
from controllers.runtime.key import key_of
from controllers.update.policies import PauseReason, find_pause, is_outdated, show_policy


def policy_changed(old: ImagePolicy | None, new: ImagePolicy | None) -> bool:
    """Report whether what automations read of a policy has changed: its image, its labels, and whether it is paused.

    A new spec pauses a policy until it has chosen by it, which is soon: the end of that is worth a run, not its
    beginning.
    """
    if old is not None and new is not None and is_outdated(new) and _has_only_aged(old, new):
        return False
    return _relevant_state(old) != _relevant_state(new)


def policy_change_delay(automation: ImageUpdateAutomation) -> timedelta:
    """Return how long a change of a policy waits for others; not at all for a text that the run will refuse."""
    try:
        return parse_duration(automation.spec.policy_change_delay or "0s")
    except BadDuration:
        return timedelta()


def is_concerned(automation: ImageUpdateAutomation, policy: ImagePolicy, *, is_running: bool) -> bool:
    """Return False for a policy whose change cannot change what an automation does.

    A policy that the selector leaves out matters where a marker names it, and then the automation has findings; and
    where it was selected before. In a namespace of hundreds of both, each change would otherwise start hundreds of
    runs. With spec.policyChangeDelay only selected policies count: others must not start the time.
    is_running: the automation runs, so that its status does not say yet what it has found
    """
    selector = automation.spec.policy_selector
    if selector is None:
        return True
    try:
        if matches(selector, policy.metadata.labels):
            return True
    except BadSelector:
        return True
    if automation.spec.policy_change_delay:
        return False
    name = show_policy(key_of(policy), automation.metadata.namespace)
    return is_running or bool(automation.status.findings) or name in automation.status.observed_policies


def reach_changed(old: ImagePolicy | None, new: ImagePolicy | None) -> bool:
    """Report whether what automations of other namespaces read of a policy has changed."""
    is_open = any(policy is not None and policy.spec.access_from is not None for policy in (old, new))
    return is_open and (policy_changed(old, new) or _access(old) != _access(new))


def labels_changed(old: Namespace | None, new: Namespace | None) -> bool:
    """Report whether a namespace's labels, by which access is given, have changed; those of a new one have."""
    return new is not None and (old is None or old.metadata.labels != new.metadata.labels)


def source_changed(old: GitRepository | None, new: GitRepository | None) -> bool:
    """Report whether a GitRepository appeared, was deleted, or has a new spec; automations do not read its status."""
    return old is None or new is None or old.metadata.generation != new.metadata.generation


def _access(policy: ImagePolicy | None) -> AccessFrom | None:
    return policy.spec.access_from if policy else None


def _has_only_aged(old: ImagePolicy, new: ImagePolicy) -> bool:
    is_same = old.status == new.status and old.metadata.labels == new.metadata.labels
    return is_same and not old.spec.suspend and not new.spec.suspend


def _relevant_state(policy: ImagePolicy | None) -> object:
    if policy is None:
        return None
    pause = find_pause(policy)
    # Who has a new spec and then fails is paused before and after, and no run has said so yet.
    is_passing = pause is PauseReason.NOT_READY and is_outdated(policy)
    return policy.status.latest_ref, pause, is_passing, policy.metadata.labels
