"""Whose an object is that an inventory names, as it is in the cluster now."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from cli.installing.build import PART_OF
from cli.installing.inventory import Inventory
from cli.installing.resources import Ref

MANAGED_BY: Final = "app.kubernetes.io/managed-by"
KUSTOMIZE_NAME: Final = "kustomize.toolkit.fluxcd.io/name"
KUSTOMIZE_SSA: Final = "kustomize.toolkit.fluxcd.io/ssa"
KUSTOMIZE_NAMESPACE: Final = "kustomize.toolkit.fluxcd.io/namespace"


def labels(obj: Mapping[str, Any]) -> Mapping[str, str]:
    """Return an object's labels."""
    found: Mapping[str, str] = obj["metadata"].get("labels") or {}
    return found


def is_ours(obj: Mapping[str, Any]) -> bool:
    """Return whether an object says that it is part of tagline, and of nobody who took it over since."""
    return labels(obj).get(PART_OF) == "tagline"


def shared_with(others: Iterable[Inventory]) -> frozenset[Ref]:
    """Return what other installations in the cluster consist of, too."""
    return frozenset(ref for other in others for ref in other.objects)


def others_than(namespace: str, inventories: Sequence[Inventory]) -> list[Inventory]:
    """Return the installations in other namespaces."""
    return [one for one in inventories if one.namespace != namespace]
