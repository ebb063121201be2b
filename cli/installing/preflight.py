"""What speaks against an installation in this cluster, found before anything is changed."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from api.names import CUSTOM_RESOURCE_DEFINITIONS, DEPLOYMENTS, NAMESPACES
from cli.grammar.session import Failed, Reporter
from cli.installing.build import COMPONENT, GIT_REPOSITORY_CRD, RECEIVER_CRD, Options
from cli.installing.components import STANDS_FOR
from cli.installing.helm import Releases, release_of
from cli.installing.inventory import Inventory
from cli.installing.ownership import (
    KUSTOMIZE_NAME,
    KUSTOMIZE_NAMESPACE,
    KUSTOMIZE_SSA,
    MANAGED_BY,
    is_ours,
    labels,
    others_than,
)

if TYPE_CHECKING:
    from cli.kube.client import Cluster

PAUSE_SECONDS: Final = 0.5
_FLUX_CONTROLLERS: Final = f"{COMPONENT} in ({','.join(STANDS_FOR)})"


def flux_image_controllers(cluster: "Cluster") -> list[str]:
    """Return namespace/name of each Deployment of Flux's image controllers that is not scaled to nothing."""
    found = cluster.list(DEPLOYMENTS, labels=_FLUX_CONTROLLERS)
    return sorted(
        f"{one['metadata']['namespace']}/{one['metadata']['name']}"
        for one in found
        if one["spec"].get("replicas", 1) > 0
    )


def refuse_beside_flux(cluster: "Cluster") -> None:
    """Raise Failed where Flux's image controllers run."""
    running = flux_image_controllers(cluster)
    if running:
        raise Failed(
            f"Flux's image controllers run in this cluster ({', '.join(running)}): they and tagline's would write the "
            "same objects and push to the same branches. Scale them to 0 or take them out of Flux's components first; "
            "--force installs beside them all the same"
        )


def refuse_second_installation(inventories: Sequence[Inventory], options: Options) -> None:
    """Raise Failed where an installation in another namespace looks after the same objects."""
    for other in others_than(options.namespace, inventories):
        if options.watch_all_namespaces or other.options.watch_all_namespaces:
            raise Failed(
                f"tagline {other.options.version} is installed in the namespace {other.namespace} already, and both "
                f"would write the same objects: upgrade it with `-n {other.namespace}`, remove it with `tagline "
                f"uninstall -n {other.namespace}`, or limit both with --watch-all-namespaces=false; --force installs "
                "all the same"
            )


def installed_crds(cluster: "Cluster", names: Sequence[str]) -> dict[str, Mapping[str, Any]]:
    """Return those CRDs that are in the cluster, by name."""
    from controllers.runtime.kube.errors import NotFound  # noqa: PLC0415

    found: dict[str, Mapping[str, Any]] = {}
    for name in names:
        try:
            found[name] = cluster.get(CUSTOM_RESOURCE_DEFINITIONS, "", name)
        except NotFound:
            continue
    return found


def leaves_git_repositories_to_flux(crds: Mapping[str, Mapping[str, Any]]) -> bool:
    """Return whether the CRD of GitRepositories is somebody else's, who deletes it or not as they like."""
    crd = crds.get(GIT_REPOSITORY_CRD)
    return crd is not None and not is_ours(crd)


def refuse_receivers_of_flux(crds: Mapping[str, Mapping[str, Any]]) -> None:
    """Raise Failed where somebody else serves Receivers: two would answer for the same objects."""
    crd = crds.get(RECEIVER_CRD)
    if crd is not None and not is_ours(crd):
        raise Failed(
            f"{RECEIVER_CRD} is not tagline's, so that Flux's notification-controller serves Receivers here. They wake "
            "tagline's ImageRepositories as they are: leave out the receiver. To have tagline's in its place, take "
            "notification-controller out of Flux's components first; --force takes over the CRD with its objects"
        )


def managed_by_others(cluster: "Cluster", crds: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Return who else applies our CRDs and would put its own back, by the CRD's name: `Helm`, a Kustomization.

    Flux leaves a CRD alone whose annotation tells it to. Raises ApiError.
    """
    found: dict[str, str] = {}
    releases = Releases(cluster)
    for name, crd in crds.items():
        marks = labels(crd)
        manager = marks.get(MANAGED_BY, "")
        if marks.get(KUSTOMIZE_NAME):
            if (crd["metadata"].get("annotations") or {}).get(KUSTOMIZE_SSA, "").lower() == "ignore":
                continue
            found[name] = f"Kustomization {marks.get(KUSTOMIZE_NAMESPACE, '')}/{marks[KUSTOMIZE_NAME]}"
        elif is_ours(crd) and release_of(crd) is not None:
            if releases.holder(crd) is not None:
                found[name] = manager
        elif manager not in ("", "flux", "tagline"):
            found[name] = manager
    return found


def refuse_bootstrapped(cluster: "Cluster", namespace: str) -> None:
    """Raise Failed where a Kustomization of Flux keeps our controllers' namespace as it is in Git."""
    found = find_namespace(cluster, namespace)
    if found is not None and is_ours(found) and labels(found).get(KUSTOMIZE_NAME):
        raise Failed(
            f"this cluster has already been bootstrapped with tagline! Please use 'tagline bootstrap' to upgrade: what "
            f"is installed now would be put back to what Git says by Kustomization "
            f"{labels(found).get(KUSTOMIZE_NAMESPACE, '')}/{labels(found)[KUSTOMIZE_NAME]}"
        )


def find_namespace(cluster: "Cluster", namespace: str) -> Mapping[str, Any] | None:
    """Return a Namespace, None where there is none."""
    from controllers.runtime.kube.errors import NotFound  # noqa: PLC0415

    try:
        return cluster.get(NAMESPACES, "", namespace)
    except NotFound:
        return None


def wait_until_deleted(cluster: "Cluster", namespace: str, report: Reporter) -> None:
    """Return when a namespace that is being deleted is gone. Raises Failed at the deadline."""
    is_said = False
    while True:
        found = find_namespace(cluster, namespace)
        if found is None or not found["metadata"].get("deletionTimestamp"):
            return
        if not is_said:
            report.waiting(f"waiting until the namespace {namespace} is gone, which is being deleted")
            is_said = True
        if not cluster.deadline.allows(PAUSE_SECONDS):
            conditions = (found.get("status") or {}).get("conditions") or ()
            why = "; ".join(one.get("message", "") for one in conditions if one.get("status") == "True")
            raise Failed(f"the namespace {namespace} is still being deleted: {why or 'nothing says why'}")
        cluster.deadline.sleep(PAUSE_SECONDS)
