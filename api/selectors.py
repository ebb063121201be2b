"""Label selectors: pure functions over labels.

Follows https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#label-selectors; the texts are those
of the API machinery.
"""

import json
from collections.abc import Mapping

from api.meta import AccessFrom, LabelSelector, LabelSelectorRequirement


class BadSelector(Exception):
    """The selector can match nothing because it is wrong; the text says where."""


def matches(selector: LabelSelector, labels: Mapping[str, str]) -> bool:
    """Report whether the labels fulfil every requirement. Raises BadSelector for an unknown or malformed one."""
    # Every expression is evaluated: a wrong one is an error even where the others decide.
    fulfilled = [_matches_requirement(expression, labels) for expression in selector.match_expressions]
    return matches_labels(selector.match_labels, labels) and all(fulfilled)


def matches_labels(wanted: Mapping[str, str], labels: Mapping[str, str]) -> bool:
    """Report whether the labels have all the wanted values; none wanted matches everything."""
    return all(labels.get(key) == value for key, value in wanted.items())


def chooses_namespace(access: AccessFrom | None, labels: Mapping[str, str]) -> bool:
    """Report whether one of the selectors chooses a namespace with these labels; None and no selector choose none."""
    return access is not None and any(matches_labels(one.match_labels, labels) for one in access.namespace_selectors)


def _matches_requirement(requirement: LabelSelectorRequirement, labels: Mapping[str, str]) -> bool:
    key, values = requirement.key, requirement.values
    match requirement.operator:
        case "In" | "NotIn" if not values:
            raise BadSelector(
                f"values: Invalid value: []: for 'in', 'notin' operators, values set can't be empty ({key})"
            )
        case "Exists" | "DoesNotExist" if values:
            shown = json.dumps(values, ensure_ascii=False, separators=(",", ":"))
            raise BadSelector(f"values: Invalid value: {shown}: values set must be empty for exists and does not exist")
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
