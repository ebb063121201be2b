"""Removes an installation: exactly what its inventory names and is still tagline's."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from api.names import (
    CUSTOM_RESOURCE_DEFINITIONS,
    DEPLOYMENTS,
    FINALIZER,
    GIT_REPOSITORIES,
    IMAGE_POLICIES,
    IMAGE_REPOSITORIES,
    IMAGE_TAG_LISTS,
    IMAGE_UPDATE_AUTOMATIONS,
    RECEIVERS,
)
from api.resource import Resource
from cli.grammar.session import Failed, Session
from cli.installing import preflight
from cli.installing.applying import CRD, delete, get
from cli.installing.build import PART_OF, Options, rank
from cli.installing.helm import Releases
from cli.installing.inventory import NAME, Inventory, read_all
from cli.installing.ownership import is_ours, others_than, shared_with
from cli.installing.resources import Ref, ref_of
from cli.tracing.discovery import listable_kinds, versions

if TYPE_CHECKING:
    from cli.kube.client import Cluster

_KINDS: Final = (
    IMAGE_REPOSITORIES, IMAGE_POLICIES, IMAGE_UPDATE_AUTOMATIONS, IMAGE_TAG_LISTS, GIT_REPOSITORIES, RECEIVERS,
)  # fmt: skip
_WITH_FINALIZER: Final = (IMAGE_REPOSITORIES, IMAGE_POLICIES, IMAGE_UPDATE_AUTOMATIONS, RECEIVERS)
_GIVEN: Final = (
    ("ConfigMap", "kube-root-ca.crt"), ("ConfigMap", NAME), ("ServiceAccount", "default"),
)  # fmt: skip
"""What is in a namespace without anybody's doing, or by an installation's."""
_PASSING: Final = ("Event", "Lease", "Endpoints", "EndpointSlice", "PodMetrics")
"""Kinds that nobody misses: what controllers write, and write again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to remove, each with the uid of the object that was looked at."""

    inventory: Inventory
    objects: tuple[tuple[Ref, str], ...]
    """In the order in which to delete them, without CRDs and the namespace."""
    crds: tuple[tuple[Ref, str], ...]
    lost: tuple[tuple[Resource, int], ...]
    """How many objects go with the CRDs."""
    looks_after: str | None
    """Namespace whose objects no controller is left for; "" for all, None for none of them."""
    others: frozenset[str]
    """Namespaces that other installations look after."""
    deletes_namespace: bool
    kept: tuple[str, ...]
    """Sentences about what stays."""

    @property
    def namespace(self) -> str:
        """Where the controllers run."""
        return self.inventory.namespace


def find(cluster: "Cluster", namespace: str, *, crds: bool) -> tuple[Inventory, list[Inventory]]:
    """Return the installation of a namespace, and the others. Raises Failed where there is none.

    crds: whether CRDs that an earlier removal left count as one.
    """
    inventories = read_all(cluster)
    for one in inventories:
        if one.namespace == namespace:
            return one, others_than(namespace, inventories)
    left = _left_crds(cluster) if crds and not inventories else ()
    if left:
        return Inventory(Options(namespace=namespace), left), []
    release = Releases(cluster).in_namespace(namespace)
    if release is not None:
        raise Failed(
            f"tagline is installed in the namespace {namespace} as {release}: {release.advice}, and `tagline uninstall "
            "--crds` deletes those afterwards"
        )
    places = ", ".join(f"`-n {one.namespace}`" for one in inventories)
    hint = (
        f"it is installed elsewhere: say {places}"
        if inventories
        else "what `kubectl apply -k manifests` installed, `kubectl delete -k manifests` removes, or `tagline install` "
        "takes over first"
    )
    raise Failed(f"tagline was not installed by `tagline install` in the namespace {namespace}; {hint}")


def _left_crds(cluster: "Cluster") -> tuple[Ref, ...]:
    """Return our CRDs where no controller of ours is left that needs them, and no release of Helm has them."""
    if next(iter(cluster.list(DEPLOYMENTS, labels=f"{PART_OF}=tagline")), None) is not None:
        return ()
    releases = Releases(cluster)
    crds = cluster.list(CUSTOM_RESOURCE_DEFINITIONS, labels=f"{PART_OF}=tagline")
    return tuple(ref_of(crd) for crd in crds if releases.holder(crd) is None)


def plan(
    cluster: "Cluster", inventory: Inventory, others: Sequence[Inventory], *, crds: bool, keep_namespace: bool
) -> Plan:
    """Return what would be removed, and change nothing. Raises ApiError."""
    kept: list[str] = []
    found: list[tuple[Ref, str]] = []
    shared = shared_with(others)
    for ref in sorted(inventory.objects, key=lambda ref: (_removal_rank(ref), ref.name)):
        obj = get(cluster, ref)
        if obj is None:
            continue
        if ref in shared:
            kept.append(f"{ref} stays: another installation uses it")
        elif not is_ours(obj):
            kept.append(f"{ref} stays: it is no longer part of tagline")
        else:
            found.append((ref, obj["metadata"]["uid"]))
    ours = tuple(pair for pair in found if pair[0].kind == CRD)
    has_namespace = any(ref.kind == "Namespace" for ref, _ in found)
    is_to_go = has_namespace and not keep_namespace
    content = _content(cluster, inventory, crds={ref.name for ref, _ in ours} if crds else set()) if is_to_go else []
    if content:
        kept.append(_stays(inventory.namespace, content))
    if ours and not crds:
        kept.append("the CRDs and all objects of tagline's kinds stay; --crds deletes them")
    looks_after = _looks_after(cluster, inventory, others)
    return Plan(
        inventory=inventory,
        objects=tuple(pair for pair in found if pair[0].kind not in (CRD, "Namespace")),
        crds=ours if crds else (),
        lost=tuple(_count(cluster, {ref.name for ref, _ in ours})) if crds else (),
        looks_after=looks_after,
        others=frozenset(other.namespace for other in others),
        deletes_namespace=is_to_go and not content,
        kept=tuple(kept),
    )


def remove(session: Session, planned: Plan, *, dry_run: bool) -> None:
    """Remove what was planned, and say it as `flux` does. Raises ApiError."""
    cluster, report = session.cluster, session.report
    mark = "(dry run)" if dry_run else ""
    report.action(f"deleting components in {planned.namespace} namespace")
    for ref, uid in planned.objects:
        if dry_run or delete(cluster, ref, uid=uid):
            report.success(f"{ref} deleted {mark}")
    namespace = "" if planned.crds else planned.looks_after or ""
    where = f"the {namespace} namespace" if namespace else "all namespaces"
    if planned.looks_after is not None or planned.crds:
        report.action(f"deleting toolkit.fluxcd.io finalizers in {where}")
    for kind in _KINDS:
        if _has_crd(planned, kind) or (_looks_after_kind(planned, kind) and planned.looks_after is not None):
            _remove_finalizers(session, planned, kind, dry_run=dry_run)
    if planned.crds:
        report.action("deleting toolkit.fluxcd.io custom resource definitions")
        for ref, uid in planned.crds:
            if dry_run or delete(cluster, ref, uid=uid):
                report.success(f"{ref} deleted {mark}")
    inventory = Ref("v1", "ConfigMap", planned.namespace, NAME)
    last = inventory
    if planned.deletes_namespace:
        last = Ref("v1", "Namespace", "", planned.namespace)
        # Whoever was asked may have taken their time: somebody may have put something into it.
        content = [] if dry_run else _content(cluster, planned.inventory, {ref.name for ref, _ in planned.crds})
        if content:
            report.warning(_stays(planned.namespace, content))
            last = inventory
    if dry_run or delete(cluster, last):
        report.success(f"{last} deleted {mark}")


def _looks_after(cluster: "Cluster", inventory: Inventory, others: Sequence[Inventory]) -> str | None:
    """Return the namespace whose objects lose their controllers; "" for all, None where others go on with them."""
    if preflight.flux_image_controllers(cluster) or any(one.options.watch_all_namespaces for one in others):
        return None
    return "" if inventory.options.watch_all_namespaces else inventory.namespace


def _remove_finalizers(session: Session, planned: Plan, kind: Resource, *, dry_run: bool) -> None:
    """Take off what would keep objects from being deleted when no controller is left that takes it off.

    All finalizers where the kind goes; otherwise only Flux's, which our controllers would have taken off, and only of
    objects that nobody else looks after.
    """
    from controllers.runtime.kube.errors import NotFound  # noqa: PLC0415

    everything = _has_crd(planned, kind)
    for obj in _list(session.cluster, kind, "" if everything else planned.looks_after or ""):
        metadata = obj["metadata"]
        if not everything and metadata["namespace"] in planned.others:
            continue
        present = metadata.get("finalizers") or []
        left = [] if everything else [one for one in present if one != FINALIZER]
        if left == present:
            continue
        ref = Ref(kind.api_version, kind.kind, metadata["namespace"], metadata["name"])
        if not dry_run:
            change = {"metadata": {"finalizers": left, "resourceVersion": metadata["resourceVersion"]}}
            try:
                session.cluster.patch(kind, ref.namespace, ref.name, change, manager="tagline")
            except NotFound:
                continue
        session.report.success(f"{ref} finalizers deleted {'(dry run)' if dry_run else ''}")


def _looks_after_kind(planned: Plan, kind: Resource) -> bool:
    """Return whether a controller of the installation took Flux's finalizer off objects of a kind."""
    own = {ref.name for ref in planned.inventory.objects if ref.kind == CRD}
    return kind in _WITH_FINALIZER and (kind != RECEIVERS or f"{kind.plural}.{kind.group}" in own)


def _has_crd(planned: Plan, kind: Resource) -> bool:
    return any(ref.name == f"{kind.plural}.{kind.group}" for ref, _ in planned.crds)


def _removal_rank(ref: Ref) -> tuple[int, int]:
    """Return a number to sort by: controllers first, so that none works without its rights; what others need last."""
    return (0 if ref.kind == "Deployment" else 1, -rank({"kind": ref.kind}))


def _content(cluster: "Cluster", inventory: Inventory, crds: set[str]) -> list[str]:
    """Return what is in the namespace beside the installation. crds: those that go with all of their objects."""
    from controllers.runtime.kube.errors import ApiError, NotFound  # noqa: PLC0415

    own = {(ref.kind, ref.name) for ref in inventory.objects}
    going = {name.partition(".")[2] for name in crds}
    listed, found = set[tuple[str, str]](), dict[str, None]()
    for api_version in versions(cluster):
        try:
            for kind in listable_kinds(cluster, api_version):
                is_known = (kind.group, kind.plural) in listed or f"{kind.plural}.{kind.group}" in crds
                if is_known or kind.kind in _PASSING:
                    continue
                for obj in cluster.list(kind, inventory.namespace):
                    one = kind.kind, obj["metadata"]["name"]
                    if one not in own and one not in _GIVEN and not obj["metadata"].get("ownerReferences"):
                        found["/".join(one)] = None
                listed.add((kind.group, kind.plural))
        except ApiError as error:
            if isinstance(error, NotFound) and api_version.partition("/")[0] in going:
                continue  # listed, and not served any more: its CRDs have just gone, with all objects
            # An extension of the API server that is down, whatever it answers; a right that is missing.
            found[f"maybe objects of {api_version} ({error.message})"] = None
    return list(found)


def _stays(namespace: str, content: Sequence[str]) -> str:
    return (
        f"Namespace/{namespace} stays, for it has more in it: {', '.join(content)}; `kubectl delete namespace "
        f"{namespace}` deletes all of it"
    )


def _count(cluster: "Cluster", crds: set[str]) -> Iterator[tuple[Resource, int]]:
    for kind in _KINDS:
        if f"{kind.plural}.{kind.group}" in crds:
            count = sum(1 for _ in _list(cluster, kind))
            if count:
                yield kind, count


def _list(cluster: "Cluster", kind: Resource, namespace: str = "") -> Iterator[Mapping[str, Any]]:
    from controllers.runtime.kube.errors import NotFound  # noqa: PLC0415

    try:
        yield from cluster.list(kind, namespace)
    except NotFound:
        return
