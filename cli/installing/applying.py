"""Applies objects to a cluster, server-side and in an order in which each finds what it needs."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from cli.grammar.session import Failed
from cli.installing.inventory import MANAGER
from cli.installing.resources import Ref, ref_of, resource_of
from cli.installing.takeover import take_over

if TYPE_CHECKING:
    from cli.kube.client import Cluster

PAUSE_SECONDS: Final = 0.2
CRD: Final = "CustomResourceDefinition"

Said = Callable[[str], None]


def apply_all(cluster: "Cluster", objects: Sequence[Mapping[str, Any]], say: Said, *, manager: str = MANAGER) -> None:
    """Apply objects in the order given; behind the last CRD, wait until the API server serves all of them.

    say: called with a line for each object: created, configured or unchanged. manager: whose fields they are then.
    Raises ApiError, Failed.
    """
    crds: list[Mapping[str, Any]] = []
    for obj in objects:
        if crds and obj["kind"] != CRD:
            wait_until_served(cluster, crds)
            crds = []
        say(f"{ref_of(obj)} {apply(cluster, obj, manager=manager)}")
        if obj["kind"] == CRD:
            crds.append(obj)
    if crds:
        wait_until_served(cluster, crds)


def apply(cluster: "Cluster", obj: Mapping[str, Any], *, manager: str = MANAGER) -> str:
    """Apply one object, whoever else has written it, and return what that did."""
    from cli.kube.client import JSON_PATCH  # noqa: PLC0415

    ref = ref_of(obj)
    resource = resource_of(cluster, ref.api_version, ref.kind)
    before = _wait_while_deleted(cluster, ref)
    patch = take_over(before, manager) if before else []
    if patch:
        cluster.patch(resource, ref.namespace, ref.name, patch, manager=manager, content_type=JSON_PATCH)
    stored = cluster.apply(resource, ref.namespace, ref.name, obj, manager=manager, force=True)
    if before is None:
        return "created"
    unchanged = before["metadata"]["resourceVersion"] == stored["metadata"]["resourceVersion"]
    return "unchanged" if unchanged else "configured"


def _wait_while_deleted(cluster: "Cluster", ref: Ref) -> dict[str, Any] | None:
    """Return the object as it is, None where there is none; one that is being deleted would go with what is applied."""
    while True:
        found = get(cluster, ref)
        if found is None or not found["metadata"].get("deletionTimestamp"):
            return found
        cluster.deadline.check(f"wait until {ref} is gone, which is being deleted")
        cluster.deadline.sleep(PAUSE_SECONDS)


def get(cluster: "Cluster", ref: Ref) -> dict[str, Any] | None:
    """Return an object, None where there is none or its kind is not served. Raises ApiError."""
    from controllers.runtime.kube.errors import NotFound  # noqa: PLC0415

    try:
        return cluster.get(resource_of(cluster, ref.api_version, ref.kind), ref.namespace, ref.name)
    except NotFound:
        return None


def wait_until_served(cluster: "Cluster", crds: Iterable[Mapping[str, Any]]) -> None:
    """Return when the API server has established all of them. Raises Failed for one whose names are taken."""
    waiting = [ref_of(crd) for crd in crds]
    while waiting:
        waiting = [ref for ref in waiting if not _is_served(ref, get(cluster, ref))]
        if waiting:
            cluster.deadline.check(f"wait until the API server serves {', '.join(ref.name for ref in waiting)}")
            cluster.deadline.sleep(PAUSE_SECONDS)


def _is_served(ref: Ref, crd: Mapping[str, Any] | None) -> bool:
    conditions = {one["type"]: one for one in ((crd or {}).get("status") or {}).get("conditions") or ()}
    names = conditions.get("NamesAccepted")
    if names is not None and names["status"] == "False":
        raise Failed(f"{ref}: the API server does not accept its names: {names.get('message', '')}")
    return bool(conditions.get("Established", {}).get("status") == "True")


def delete(cluster: "Cluster", ref: Ref, *, uid: str = "") -> bool:
    """Delete an object; return whether it was there. Raises ApiError."""
    from controllers.runtime.kube.errors import NotFound  # noqa: PLC0415

    try:
        resource = resource_of(cluster, ref.api_version, ref.kind)
        cluster.delete(resource, ref.namespace, ref.name, propagation="Background", uid=uid)
    except NotFound:
        return False
    return True
