"""What a Kustomization has applied: its inventory, and those of the Kustomizations in it."""

from typing import TYPE_CHECKING, Final

from api.names import KUSTOMIZATIONS
from cli.fields import mappings, text
from cli.kinds.kind import Object
from cli.kinds.other import is_of_flux
from cli.trees.tree import Node

if TYPE_CHECKING:
    from cli.kube.client import Cluster

_COLON: Final = "__"
"""What stands in an inventory for `:`, which names of roles may have."""


def inventory_tree(cluster: "Cluster", kustomization: Object, *, flux_only: bool) -> Node:
    """Return a Kustomization with what it has applied. flux_only: only Flux's objects. Raises ApiError."""
    metadata = kustomization["metadata"]
    node = Node(KUSTOMIZATIONS.group, KUSTOMIZATIONS.kind, metadata.get("namespace", ""), metadata["name"])
    _grow(cluster, node, kustomization, flux_only=flux_only, seen={(node.namespace, node.name)})
    return node


def _grow(
    cluster: "Cluster", node: Node, kustomization: Object, *, flux_only: bool, seen: set[tuple[str, str]]
) -> None:
    from controllers.runtime.kube.errors import NotFound  # noqa: PLC0415 -- loaded with the cluster

    for entry in mappings(kustomization, "status", "inventory", "entries"):
        child = parse_entry(text(entry, "id"))
        if child is None or (flux_only and not is_of_flux(child.group)):
            continue
        node.children.append(child)
        # The first Kustomization of a cluster is its own: it is named and not followed.
        place = (child.namespace, child.name)
        if child.kind == KUSTOMIZATIONS.kind and child.group == KUSTOMIZATIONS.group and place not in seen:
            try:
                inner = cluster.get(KUSTOMIZATIONS, *place)
            except NotFound:
                child.is_missing = True
            else:
                _grow(cluster, child, inner, flux_only=flux_only, seen=seen | {place})


def parse_entry(id: str) -> Node | None:
    """Return the object of an inventory's id, `namespace_name_group_Kind`; None for what is none.

    https://pkg.go.dev/github.com/fluxcd/cli-utils/pkg/object#ObjMetadata.String
    """
    namespace, first, rest = id.partition("_")
    rest, second, kind = rest.rpartition("_")
    name, third, group = rest.rpartition("_")
    if not (first and second and third and name and kind):
        return None
    return Node(group, kind, namespace, name.replace(_COLON, ":"))
