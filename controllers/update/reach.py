"""Which policies of other namespaces an automation may use. Pure. Ours, not Flux's, which knows only its own namespace.

Both sides have to agree: the automation, whose `spec.policyNamespaces` selects the policy's namespace, and the policy,
whose `spec.accessFrom` allows the automation's. Whoever runs the controller can forbid it for all
(`--no-cross-namespace-refs`).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from api.imagepolicy import ImagePolicy
from api.imageupdateautomation import ImageUpdateAutomation
from api.selectors import chooses_namespace

NAME_LABEL = "kubernetes.io/metadata.name"
"""The label that every namespace has, with its name."""


class Refusal(StrEnum):
    """Which side does not let an automation use a policy of another namespace."""

    NAMESPACE_NOT_SELECTED = "NamespaceNotSelected"
    ACCESS_DENIED = "PolicyAccessDenied"
    BLOCKED = "CrossNamespaceBlocked"


def labels_by_name(namespace: str) -> Mapping[str, str]:
    """Return the labels of a namespace of which only the name is known."""
    return {NAME_LABEL: namespace}


@dataclass(frozen=True, slots=True)
class Reach:
    """What decides about policies of other namespaces, besides the two objects."""

    labels_of: Callable[[str], Mapping[str, str]] = labels_by_name
    """Returns the labels of a namespace."""
    is_blocked: bool = False
    """References to other namespaces are forbidden, or the process sees one namespace only."""

    def selects(self, automation: ImageUpdateAutomation, namespace: str) -> bool:
        """Report whether an automation asks for the policies of another namespace."""
        return chooses_namespace(automation.spec.policy_namespaces, self.labels_of(namespace))

    def allows(self, policy: ImagePolicy, namespace: str) -> bool:
        """Report whether a policy may be used by the automations of another namespace."""
        return chooses_namespace(policy.spec.access_from, self.labels_of(namespace))

    def find_refusal(self, automation: ImageUpdateAutomation, policy: ImagePolicy) -> Refusal | None:
        """Return who keeps an automation from using a policy, None when nobody does."""
        here, there = automation.metadata.namespace, policy.metadata.namespace
        if here == there:
            return None
        if not self.selects(automation, there):
            return Refusal.NAMESPACE_NOT_SELECTED
        if not self.allows(policy, here):
            return Refusal.ACCESS_DENIED
        return Refusal.BLOCKED if self.is_blocked else None

    def find_broken_agreement(self, automation: ImageUpdateAutomation, policy: ImagePolicy) -> Refusal | None:
        """Return who refuses what the other side has agreed to; None also where neither wants anything of the other.

        A marker of a policy that nobody meant for this automation is up to another one.
        """
        refusal = self.find_refusal(automation, policy)
        if refusal is Refusal.NAMESPACE_NOT_SELECTED and not self.allows(policy, automation.metadata.namespace):
            return None
        return refusal


OWN_NAMESPACE = Reach(is_blocked=True)
"""For those who know nothing of other namespaces."""


def explain_refusal(refusal: Refusal, automation: ImageUpdateAutomation, policy: ImagePolicy) -> str:
    """Return who refuses and what to do, as a clause about the policy: "which …"."""
    here, there = automation.metadata.namespace, policy.metadata.namespace
    match refusal:
        case Refusal.NAMESPACE_NOT_SELECTED:
            return (
                f"which is open to namespace '{here}', but the automation uses no policies of namespace '{there}': "
                f"add labels of '{there}' to spec.policyNamespaces of the automation"
            )
        case Refusal.ACCESS_DENIED:
            return (
                f"which does not allow automations of namespace '{here}' to use it: add labels of '{here}' to "
                "spec.accessFrom of the ImagePolicy"
            )
        case Refusal.BLOCKED:
            return (
                "which is of another namespace, and this controller blocks references to other namespaces: see "
                "--no-cross-namespace-refs and --watch-all-namespaces"
            )
