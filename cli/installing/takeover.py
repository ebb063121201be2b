"""Makes fields that kubectl or Helm applied ours, so that those that the newer release no longer has go.

A field stays as long as any manager has applied it. What client-go does for `kubectl apply --server-side` after a plain
`kubectl apply`: https://pkg.go.dev/k8s.io/client-go/util/csaupgrade.
"""

from collections.abc import Mapping
from typing import Any, Final

from cli.installing.inventory import MANAGER

_FORMER: Final = (
    ("kubectl-client-side-apply", "Update"), ("kubectl", "Apply"), ("helm", "Update"), ("helm", "Apply"),
)  # fmt: skip
"""Who applied what we apply: Helm 3 by updates, Helm 4 as kubectl does."""


def take_over(obj: Mapping[str, Any], manager: str = MANAGER) -> list[dict[str, Any]]:
    """Return the JSON patch that makes applied fields of kubectl and Helm the manager's; empty where there are none.

    manager: ours; for another one, what we have applied becomes its, too
    """
    entries = obj["metadata"].get("managedFields") or []
    former = _FORMER if manager == MANAGER else (*_FORMER, (MANAGER, "Apply"))
    theirs = [one for one in entries if any(_is(one, name, operation) for name, operation in former)]
    if not theirs:
        return []
    ours = [one for one in entries if _is(one, manager, "Apply")]
    merged = dict(theirs[0]) | {"manager": manager, "operation": "Apply"}
    for one in (*ours, *theirs[1:]):
        if one.get("apiVersion") == merged.get("apiVersion"):
            merged["fieldsV1"] = _union(merged.get("fieldsV1") or {}, one.get("fieldsV1") or {})
    rest = [one for one in entries if one not in theirs and one not in ours]
    return [
        {"op": "test", "path": "/metadata/resourceVersion", "value": obj["metadata"]["resourceVersion"]},
        {"op": "replace", "path": "/metadata/managedFields", "value": [*rest, merged]},
    ]


def _is(entry: Mapping[str, Any], manager: str, operation: str) -> bool:
    """Return whether fields are a manager's; those of subresources, as of a status, never are."""
    return (entry.get("manager"), entry.get("operation"), entry.get("subresource", "")) == (manager, operation, "")


def _union(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of both: https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/object-meta/."""
    return {key: _union(one.get(key) or {}, other.get(key) or {}) for key in {**one, **other}}
