"""Which changes of other objects are worth a run of an automation: pure predicates for watch handlers."""

from api.gitrepository import GitRepository
from api.imagepolicy import ImagePolicy
from controllers.update.policies import find_pause


def policy_changed(old: ImagePolicy | None, new: ImagePolicy | None) -> bool:
    """Report whether what automations read of a policy has changed: its image, its labels, and whether it is paused."""
    return _relevant_state(old) != _relevant_state(new)


def source_changed(old: GitRepository | None, new: GitRepository | None) -> bool:
    """Report whether a GitRepository appeared, was deleted, or has a new spec; automations do not read its status."""
    return old is None or new is None or old.metadata.generation != new.metadata.generation


def _relevant_state(policy: ImagePolicy | None) -> object:
    return policy and (policy.status.latest_ref, find_pause(policy), policy.metadata.labels)
