"""The targets of an automation (`spec.update.targets`). Pure, and without Git: lint asks as well."""

from api.imageupdateautomation import WHOLE_IMAGE, ImageUpdateAutomation
from controllers import setters
from controllers.image.setter import policy_key


def to_targets(automation: ImageUpdateAutomation) -> tuple[setters.Target, ...]:
    """Return the targets of an automation with what markers of their policies would say."""
    found = []
    for target in automation.spec.update.targets:
        is_elsewhere = ":" in target.policy
        key = target.policy if is_elsewhere else policy_key(automation.metadata.namespace, target.policy)
        part = "" if target.part == WHOLE_IMAGE else f":{target.part}"
        found.append(setters.Target(target.file, target.path, f"{key}{part}"))
    return tuple(found)
