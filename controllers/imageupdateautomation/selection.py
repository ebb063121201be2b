"""Which policies an automation uses: label selectors, what rests, and the images they stand for. Pure.

A policy that is suspended or not ready rests: its last choice is not written any more, so that people can put another
value into Git meanwhile. Ours; Flux goes on writing it.

Label selectors follow https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#label-selectors.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from api.imagepolicy import ImagePolicy, ImageRef
from api.imageupdateautomation import ImageUpdateAutomation
from api.meta import LabelSelector, LabelSelectorRequirement
from controllers import setters
from controllers.image.reference import BadReference, parse_reference
from controllers.runtime.reconcile.conditions import is_failing


class BadSelector(Exception):
    """The selector can match nothing because it is wrong; the text says where."""


class Pause(StrEnum):
    """Why the last choice of a policy is not to be written."""

    SUSPENDED = "PolicySuspended"
    NOT_READY = "PolicyNotReady"


@dataclass(frozen=True, slots=True)
class SelectedPolicies:
    """The policies of an automation that have chosen an image, by name."""

    images: Mapping[str, ImageRef]
    """Those that count."""
    paused: Mapping[str, Pause]
    """Those that do not now."""
    last: Mapping[str, ImageRef]
    """What each of them chose last, of both kinds."""


def select_policies(automation: ImageUpdateAutomation, policies: Iterable[ImagePolicy]) -> SelectedPolicies:
    """What the selector finds; policies: those of the automation's namespace. Raises BadSelector."""
    selector = automation.spec.policy_selector
    if selector is not None:
        matches_selector(selector, {})  # a wrong one is told also while there is nothing to choose from
    last, paused = {}, {}
    for policy in policies:
        if policy.status.latest_ref is not None and (
            selector is None or matches_selector(selector, policy.metadata.labels)
        ):
            last[policy.metadata.name] = policy.status.latest_ref
            if rest := pause_of(policy):
                paused[policy.metadata.name] = rest
    return SelectedPolicies({name: image for name, image in last.items() if name not in paused}, paused, last)


def pause_of(policy: ImagePolicy) -> Pause | None:
    """Why a policy's last choice is not to be written, None when it is.

    Only Ready=False makes a policy not ready: without a condition, or while it is being reconciled, the last choice is
    as good as it was.
    """
    if policy.spec.suspend:
        return Pause.SUSPENDED
    return Pause.NOT_READY if is_failing(policy.status.conditions) else None


def partition_images(images: Mapping[str, ImageRef]) -> tuple[dict[str, ImageRef], dict[str, str]]:
    """(those that make a valid reference, name → the text of those that make none).

    Flux ends the whole run at the first of the latter (image-automation-controller `internal/policy/applier.go`).
    """
    usable, unusable = {}, {}
    for name, image in images.items():
        text = f"{image.name}:{image.tag}" + (f"@{image.digest}" if image.digest else "")
        try:
            parse_reference(text)
        except BadReference:
            unusable[name] = text
        else:
            usable[name] = image
    return usable, unusable


def to_image_refs(images: Mapping[str, ImageRef], namespace: str) -> dict[str, setters.ImageRef]:
    """The images of a namespace's policies as markers name them, `namespace:name`."""
    return {f"{namespace}:{name}": setters.ImageRef(x.name, x.tag, x.digest) for name, x in images.items()}


def matches_selector(selector: LabelSelector, labels: Mapping[str, str]) -> bool:
    """True when the labels fulfil every requirement; raises BadSelector for an unknown or malformed one."""
    wanted = all(labels.get(key) == value for key, value in selector.match_labels.items())
    # Every expression is looked at: a wrong one is an error also where the others decide.
    fulfilled = [_matches_requirement(expression, labels) for expression in selector.match_expressions]
    return wanted and all(fulfilled)


def _matches_requirement(requirement: LabelSelectorRequirement, labels: Mapping[str, str]) -> bool:
    key, values = requirement.key, requirement.values
    match requirement.operator:
        case "In" | "NotIn" if not values:
            raise BadSelector(
                f"values: Invalid value: []: for 'in', 'notin' operators, values set can't be empty ({key})"
            )
        case "Exists" | "DoesNotExist" if values:
            raise BadSelector(
                f"values: Invalid value: {list(values)}: values set must be empty for exists and does not exist"
            )
        case "In":
            return labels.get(key) in values
        case "NotIn":
            return labels.get(key) not in values
        case "Exists":
            return key in labels
        case "DoesNotExist":
            return key not in labels
        case unknown:
            raise BadSelector(f'"{unknown}" is not a valid label selector operator')
