"""Which policies an automation uses: label selectors and the images they stand for. Pure.

Label selectors follow https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#label-selectors.
"""

from collections.abc import Iterable, Mapping

from api.imagepolicy import ImagePolicy, ImageRef
from api.imageupdateautomation import ImageUpdateAutomation
from api.meta import LabelSelector, LabelSelectorRequirement
from controllers import setters
from controllers.registry.errors import BadReference
from controllers.registry.reference import parse_reference


class BadSelector(Exception):
    """The selector can match nothing because it is wrong; the text says where."""


def chosen_images(automation: ImageUpdateAutomation, policies: Iterable[ImagePolicy]) -> dict[str, ImageRef]:
    """The latest image of each selected policy that has one, by policy name.

    policies: those of the automation's namespace. A policy that is not ready still counts with its last choice, and
    so does a suspended one: as in Flux, the choice is what was decided last. Raises BadSelector.
    """
    selector = automation.spec.policy_selector
    if selector is not None:
        matches(selector, {})  # a wrong one is told also while there is nothing to choose from
    return {
        policy.metadata.name: policy.status.latest_ref
        for policy in policies
        if policy.status.latest_ref is not None and (selector is None or matches(selector, policy.metadata.labels))
    }


def usable_images(images: Mapping[str, ImageRef]) -> tuple[dict[str, ImageRef], dict[str, str]]:
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


def as_refs(images: Mapping[str, ImageRef], namespace: str) -> dict[str, setters.ImageRef]:
    """The images of a namespace's policies as markers name them, `namespace:name`."""
    return {f"{namespace}:{name}": setters.ImageRef(x.name, x.tag, x.digest) for name, x in images.items()}


def matches(selector: LabelSelector, labels: Mapping[str, str]) -> bool:
    """True when the labels fulfil every requirement; raises BadSelector for an unknown or malformed one."""
    wanted = all(labels.get(key) == value for key, value in selector.match_labels.items())
    # Every expression is looked at: a wrong one is an error also where the others decide.
    fulfilled = [_fulfils(expression, labels) for expression in selector.match_expressions]
    return wanted and all(fulfilled)


def _fulfils(requirement: LabelSelectorRequirement, labels: Mapping[str, str]) -> bool:
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
