"""Where the objects of an installation live in the API."""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import quote

from api.names import (
    CUSTOM_RESOURCE_DEFINITIONS,
    DEPLOYMENTS,
    NAMESPACES,
    PODS,
    SECRETS,
    SERVICE_ACCOUNTS,
)
from api.resource import Resource

if TYPE_CHECKING:
    from cli.kube.client import Cluster

_RBAC: Final = "rbac.authorization.k8s.io"
_ADMISSION: Final = "admissionregistration.k8s.io"
CONFIG_MAPS: Final = Resource("", "v1", "configmaps", "ConfigMap")
LEASES: Final = Resource("coordination.k8s.io", "v1", "leases", "Lease")
NETWORK_POLICIES: Final = Resource("networking.k8s.io", "v1", "networkpolicies", "NetworkPolicy")
CLUSTER_ROLES: Final = Resource(_RBAC, "v1", "clusterroles", "ClusterRole", namespaced=False)
_KNOWN: Final = (
    NAMESPACES, CUSTOM_RESOURCE_DEFINITIONS, SERVICE_ACCOUNTS, SECRETS, CONFIG_MAPS, PODS, DEPLOYMENTS, LEASES,
    NETWORK_POLICIES, CLUSTER_ROLES,
    Resource(_RBAC, "v1", "clusterrolebindings", "ClusterRoleBinding", namespaced=False),
    Resource(_RBAC, "v1", "roles", "Role"),
    Resource(_RBAC, "v1", "rolebindings", "RoleBinding"),
    Resource("", "v1", "services", "Service"),
    Resource("policy", "v1", "poddisruptionbudgets", "PodDisruptionBudget"),
    Resource(_ADMISSION, "v1", "validatingadmissionpolicies", "ValidatingAdmissionPolicy", namespaced=False),
    Resource(
        _ADMISSION, "v1", "validatingadmissionpolicybindings", "ValidatingAdmissionPolicyBinding", namespaced=False
    ),
)  # fmt: skip
_BY_KIND: Final = {(one.api_version, one.kind): one for one in _KNOWN}


class Ref(NamedTuple):
    """Which object of a cluster."""

    api_version: str
    kind: str
    namespace: str
    """Empty for one of the whole cluster."""
    name: str

    def __str__(self) -> str:
        """Return how lines of progress name it: `Deployment/tagline-system/imagepolicy-controller`."""
        return "/".join(part for part in (self.kind, self.namespace, self.name) if part)


def ref_of(obj: Mapping[str, Any]) -> Ref:
    """Return which object that is."""
    metadata = obj["metadata"]
    return Ref(obj["apiVersion"], obj["kind"], metadata.get("namespace", ""), metadata["name"])


def resource_of(cluster: "Cluster", api_version: str, kind: str) -> Resource:
    """Return where a kind lives; the API server is asked for kinds that this release does not install.

    Raises NotFound when it does not serve the group's version, or the kind.
    """
    found = _BY_KIND.get((api_version, kind))
    if found is not None:
        return found
    from controllers.runtime.kube.errors import NotFound  # noqa: PLC0415

    group, _, version = api_version.rpartition("/")
    served = json.loads(cluster.raw(f"/{'apis/' if group else 'api/'}{quote(api_version)}"))
    for one in served.get("resources", ()):
        if one["kind"] == kind and "/" not in one["name"]:
            return Resource(group, version, one["name"], kind, namespaced=one["namespaced"])
    raise NotFound(f"find {api_version} {kind}", "the API server does not serve it", status=404)
