"""Installs into a cluster: what may be repeated and interrupted anywhere."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from cli.grammar.session import Failed
from cli.installing import preflight
from cli.installing.applying import CRD, Said, apply, apply_all, delete, get
from cli.installing.build import FLUX_SOURCES, GIT_REPOSITORY_CRD, RECEIVER_CRD, Options, rank
from cli.installing.helm import Release, Releases
from cli.installing.inventory import Inventory, read_all, write
from cli.installing.ownership import is_ours, others_than, shared_with
from cli.installing.patches import Object
from cli.installing.resources import Ref, ref_of

if TYPE_CHECKING:
    from cli.kube.client import Cluster


def check_before(cluster: "Cluster", options: Options, *, force: bool) -> list[Inventory]:
    """Return the installations that are there. Raises Failed for what speaks against one more, ApiError."""
    inventories = read_all(cluster)
    if not force:
        preflight.refuse_bootstrapped(cluster, options.namespace)
        preflight.refuse_beside_flux(cluster)
        preflight.refuse_second_installation(inventories, options)
        Releases(cluster).refuse(options)
    return inventories


def check_crds(cluster: "Cluster") -> None:
    """Raise Failed where the API server would refuse one of our CRDs."""
    from cli.checking import stored_versions  # noqa: PLC0415

    refused = [finding for finding in stored_versions.look(cluster) if finding.is_refused]
    if refused:
        lines = [line for one in refused for line in (one.text, *(f"      {command}" for command in one.commands))]
        raise Failed("\n".join(lines))


def adapt(
    cluster: "Cluster", objects: Sequence[Object], options: Options, *, force: bool
) -> tuple[list[Object], Options, list[str]]:
    """Return the objects without those that belong to others in this cluster, options that say so, and why.

    force: whether others' objects of the same names may be taken over. Raises Failed where there are such, ApiError.
    """
    reasons = []
    names = [obj["metadata"]["name"] for obj in objects if obj["kind"] == CRD]
    if GIT_REPOSITORY_CRD in names and preflight.leaves_git_repositories_to_flux(
        preflight.installed_crds(cluster, [GIT_REPOSITORY_CRD])
    ):
        objects = [obj for obj in objects if obj["metadata"]["name"] != GIT_REPOSITORY_CRD]
        options = replace(options, features=(*options.features, FLUX_SOURCES))
        reasons.append(f"{CRD}/{GIT_REPOSITORY_CRD} is not tagline's: it is left as it is")
    if RECEIVER_CRD in names and not force:
        preflight.refuse_receivers_of_flux(preflight.installed_crds(cluster, [RECEIVER_CRD]))
    found = preflight.find_namespace(cluster, options.namespace)
    if found is not None and not is_ours(found):
        objects = [obj for obj in objects if obj["kind"] != "Namespace"]
        reasons.append(f"Namespace/{options.namespace} is not tagline's: it is used, and stays when tagline goes")
    if not force:
        objects, more = _leave_to_others(cluster, objects)
        reasons += more
    return list(objects), options, reasons


def _leave_to_others(cluster: "Cluster", objects: Sequence[Object]) -> tuple[list[Object], list[str]]:
    """Return the objects without NetworkPolicies of others, as Flux's have the same names and purpose, and why."""
    wanted, taken, reasons = [], [], []
    releases, of_helm = Releases(cluster), dict[Release, list[str]]()
    for obj in objects:
        ref = ref_of(obj)
        found = get(cluster, ref) if ref.kind not in (CRD, "Namespace") else None
        release = releases.holder(found) if found is not None else None
        if release is not None:
            of_helm.setdefault(release, []).append(str(ref))
        elif found is None or is_ours(found):
            wanted.append(obj)
        elif ref.kind == "NetworkPolicy":
            reasons.append(f"{ref} is not tagline's: it is left as it is")
        else:
            taken.append(str(ref))
    for release, names in of_helm.items():
        raise Failed(f"{', '.join(names)}: part of {release}; {release.advice}; --force takes them over")
    if taken:
        raise Failed(
            f"{', '.join(taken)}: there already, and not tagline's; install into another namespace with -n, choose "
            "another --image-pull-secret or leave out --registry-creds if it is that Secret; --force takes them over"
        )
    return wanted, reasons


def install(
    cluster: "Cluster",
    objects: Sequence[Object],
    options: Options,
    inventories: Sequence[Inventory],
    say: Said,
) -> None:
    """Make the cluster have these objects, and no more those that an inventory of the namespace has beside them.

    objects: of `build` and `adapt`, in their order. inventories: of all namespaces. Raises ApiError, Failed.
    """
    refs = tuple(map(ref_of, objects))
    before = next((one for one in inventories if one.namespace == options.namespace), None)
    begun = Inventory(options, refs)
    if before is not None:
        begun = replace(begun.with_more(before.objects), resource_version=before.resource_version)
    rest = list(objects)
    while rest and rest[0]["kind"] == "Namespace":  # the inventory needs it
        namespace = rest.pop(0)
        say(f"{ref_of(namespace)} {apply(cluster, namespace)}")
    begun = _write(cluster, replace(begun, is_complete=False))
    apply_all(cluster, rest, say)
    # The Secret to pull with is made only when its content is given, and needed by what names it all the same.
    pull = Ref("v1", "Secret", options.namespace, options.image_pull_secret)
    shared = shared_with(others_than(options.namespace, inventories))
    kept = remove_rest(cluster, begun, refs, shared, say, needed=frozenset((pull,)))
    _write(cluster, replace(begun, objects=(*refs, *kept), is_complete=True))


def _write(cluster: "Cluster", inventory: Inventory) -> Inventory:
    from controllers.runtime.kube.errors import Conflict  # noqa: PLC0415

    try:
        return write(cluster, inventory)
    except Conflict as error:
        raise Failed(
            f"somebody else installs or removes tagline in the namespace {inventory.namespace} at the same time; "
            "repeat when that has ended"
        ) from error


def remove_rest(
    cluster: "Cluster",
    before: Inventory,
    wanted: Sequence[Ref],
    shared: frozenset[Ref],
    say: Said,
    *,
    needed: frozenset[Ref],
) -> list[Ref]:
    """Delete what was installed and is wanted no more; return what stays ours all the same.

    needed: what stays although it is not applied.
    CRDs stay, and with them everybody's objects: `uninstall --crds` deletes them. So does what is somebody else's now.
    """
    kept = []
    for ref in sorted(set(before.objects) - set(wanted), key=lambda ref: (-rank({"kind": ref.kind}), ref)):
        if ref.kind in (CRD, "Namespace") or ref in needed:
            kept.append(ref)
            continue
        found = get(cluster, ref)
        if found is None or ref in shared or not is_ours(found):
            continue
        if delete(cluster, ref, uid=found["metadata"]["uid"]):
            say(f"{ref} deleted")
    return kept
