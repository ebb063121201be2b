"""What the reference's `check` says of Flux, line by line; installations are debugged with it."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from api.names import CUSTOM_RESOURCE_DEFINITIONS, DEPLOYMENTS
from cli.checking.deployments import check_deployments
from cli.grammar.session import Reporter
from cli.installing.build import GIT_REPOSITORY_CRD, PART_OF
from cli.installing.ownership import KUSTOMIZE_NAME, KUSTOMIZE_NAMESPACE, is_ours, labels

if TYPE_CHECKING:
    from cli.kube.client import Cluster

SELECTOR: Final = f"{PART_OF}=flux"
_VERSION: Final = "app.kubernetes.io/version"


def is_there(cluster: "Cluster", namespace: str) -> bool:
    """Return whether the cluster has controllers of Flux in a namespace, or its CRDs. Raises ApiError."""
    return any(
        next(iter(cluster.list(resource, place, labels=SELECTOR)), None) is not None
        for resource, place in ((DEPLOYMENTS, namespace), (CUSTOM_RESOURCE_DEFINITIONS, ""))
    )


def check_distribution(cluster: "Cluster", report: Reporter) -> bool:
    """Say which Flux is there, and whether Git keeps it so. Raises ApiError."""
    from controllers.runtime.kube.errors import NotFound  # noqa: PLC0415

    try:
        crd = cluster.get(CUSTOM_RESOURCE_DEFINITIONS, "", GIT_REPOSITORY_CRD)
    except NotFound as error:
        report.failure(f"checking failed: {error.message}")
        return False
    marks = labels(crd)
    if not is_ours(crd) and marks.get(_VERSION):
        report.success(f"distribution: {'-'.join(filter(None, (marks.get(PART_OF), marks[_VERSION])))}")
    is_bootstrapped = bool(marks.get(KUSTOMIZE_NAME) and marks.get(KUSTOMIZE_NAMESPACE))
    report.success(f"bootstrapped: {'true' if is_bootstrapped else 'false'}")
    return True


def check_controllers(cluster: "Cluster", namespace: str, report: Reporter) -> bool:
    """Say whether Flux's Deployments of a namespace are ready, and their images. Raises ApiError."""
    found = sorted(cluster.list(DEPLOYMENTS, namespace, labels=SELECTOR), key=_name)
    if not found:
        report.failure(f"no controllers found in the '{namespace}' namespace with the label selector '{SELECTOR}'")
    return bool(found) and check_deployments(cluster, found, report)


def check_crds(cluster: "Cluster", report: Reporter) -> bool:
    """Say which version each of Flux's CRDs stores. Raises ApiError."""
    found = sorted(cluster.list(CUSTOM_RESOURCE_DEFINITIONS, labels=SELECTOR), key=_name)
    if not found:
        report.failure(f"no crds found with the label selector '{SELECTOR}'")
    is_good = bool(found)
    for crd in found:
        stored = (crd.get("status") or {}).get("storedVersions") or ()
        if stored:
            report.success(f"{_name(crd)}/{stored[-1]}")
        else:
            report.failure(f"no stored versions for {_name(crd)}")
            is_good = False
    return is_good


def _name(obj: Mapping[str, Any]) -> str:
    return str(obj["metadata"]["name"])
