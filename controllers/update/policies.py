"""Which policies an automation uses, and the images they chose. Pure.

A policy that is suspended, not ready, or has a spec that it did not choose by yet is paused: its last choice is not
written any more, so that people can put another value into Git meanwhile. Ours, not Flux's, which goes on writing it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from api.imagepolicy import ImagePolicy
from api.imagepolicy import ImageRef as LatestRef
from api.imageupdateautomation import ImageUpdateAutomation
from api.names import READY
from api.selectors import matches
from controllers.image.ref import ImageRef, to_image_ref
from controllers.image.reference import BadReference, parse_reference
from controllers.image.setter import policy_key
from controllers.runtime.key import Key, key_of
from controllers.runtime.reconcile.conditions import find_condition, is_failing
from controllers.update.reach import OWN_NAMESPACE, Reach


class PauseReason(StrEnum):
    """Why the last choice of a policy is not to be written."""

    SUSPENDED = "PolicySuspended"
    NOT_READY = "PolicyNotReady"


@dataclass(frozen=True, slots=True)
class SelectedPolicies:
    """The policies of an automation that have chosen an image; choices in the form of the API."""

    images: Mapping[Key, LatestRef]
    """The choices to write."""
    paused: Mapping[Key, PauseReason]
    """Policies whose choice is not to be written now."""
    last_chosen: Mapping[Key, LatestRef]
    """The last choice of each policy, paused or not."""


def select_policies(
    automation: ImageUpdateAutomation, policies: Iterable[ImagePolicy], reach: Reach = OWN_NAMESPACE
) -> SelectedPolicies:
    """Return the policies that the selector matches, out of those that the automation may use. Raises BadSelector."""
    selector = automation.spec.policy_selector
    if selector is not None:
        matches(selector, {})  # a wrong one is an error even while there are no policies
    last_chosen, paused = {}, {}
    for policy in policies:
        if policy.status.latest_ref is None or reach.find_refusal(automation, policy):
            continue
        if selector is None or matches(selector, policy.metadata.labels):
            key = key_of(policy)
            last_chosen[key] = policy.status.latest_ref
            if pause := find_pause(policy):
                paused[key] = pause
    images = {key: image for key, image in last_chosen.items() if key not in paused}
    return SelectedPolicies(images, paused, last_chosen)


def find_pause(policy: ImagePolicy) -> PauseReason | None:
    """Return why a policy's last choice is not to be written, None when it is.

    Ready=False makes a policy not ready, and so does a spec that it has not chosen by yet: whoever resumes a policy
    and narrows its range in one edit does not want what the former range chose. Without a condition, or while the
    same spec is reconciled again, the last choice is as good as it was.
    """
    if policy.spec.suspend:
        return PauseReason.SUSPENDED
    is_ready = not is_failing(policy.status.conditions) and not is_outdated(policy)
    return None if is_ready else PauseReason.NOT_READY


def is_outdated(policy: ImagePolicy) -> bool:
    """Report whether a policy's last choice was made by a former spec. Statuses without generations do not show it."""
    ready = find_condition(policy.status.conditions, READY)
    return ready is not None and 0 < ready.observed_generation < policy.metadata.generation


def partition_images(images: Mapping[Key, LatestRef]) -> tuple[dict[Key, LatestRef], dict[Key, str]]:
    """Return the images that are valid references, and the text of each that is not; both by policy.

    Flux ends the whole run at the first of the latter (image-automation-controller `internal/policy/applier.go`).
    """
    usable, unusable = {}, {}
    for key, image in images.items():
        text = str(to_image_ref(image))
        try:
            parse_reference(text)
        except BadReference:
            unusable[key] = text
        else:
            usable[key] = image
    return usable, unusable


def to_image_refs(images: Mapping[Key, LatestRef]) -> dict[str, ImageRef]:
    """Return the images of policies as markers name them, by `namespace:policy`."""
    return {policy_key(*key): to_image_ref(image) for key, image in images.items()}


def show_policy(key: Key, namespace: str) -> str:
    """Return how a policy is called by those of a namespace: its name alone where it is theirs."""
    return key.name if key.namespace == namespace else str(key)
