"""From an object to what manages it: by its owners, and the labels that Flux's controllers leave."""

from typing import TYPE_CHECKING, Final

from api.names import KUSTOMIZATIONS
from api.resource import Resource
from cli.kinds.kind import Object
from cli.kinds.other import COUNTED
from cli.tracing.discovery import find_kind

if TYPE_CHECKING:
    from cli.kube.client import Cluster

MAX_OWNERS: Final = 16
"""Steps from a pod to what it was made for; owners in a circle have no end."""
_HELM_RELEASES: Final = next(one for one in COUNTED if one.kind == "HelmRelease")
MANAGERS: Final = (KUSTOMIZATIONS, _HELM_RELEASES)
"""Kinds whose objects apply others, and label them with their group."""


def find_manager(cluster: "Cluster", obj: Object) -> tuple[Resource, Object] | None:
    """Return the Kustomization or HelmRelease that applied an object or an owner of it; None when there is none.

    Raises ApiError.
    """
    for _ in range(MAX_OWNERS):
        labels = obj["metadata"].get("labels") or {}
        for resource in MANAGERS:
            name, namespace = (labels.get(f"{resource.group}/{part}") for part in ("name", "namespace"))
            if name and namespace:
                return resource, cluster.get(resource, namespace, name)
        owner = next(iter(obj["metadata"].get("ownerReferences") or ()), None)
        if owner is None:
            return None
        resource = find_kind(cluster, owner["kind"], owner["apiVersion"])
        namespace = obj["metadata"].get("namespace", "") if resource.namespaced else ""
        obj = cluster.get(resource, namespace, owner["name"])
    return None
