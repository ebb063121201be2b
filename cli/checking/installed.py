"""Where tagline is installed, and whether all of it is there and works."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from api.names import DEPLOYMENTS
from cli.checking.deployments import check_deployments
from cli.grammar.session import Reporter
from cli.installing.build import PART_OF, Options, build
from cli.installing.helm import chart_of, release_of
from cli.installing.inventory import Inventory, read_all
from cli.installing.ownership import is_ours
from cli.installing.preflight import flux_image_controllers, installed_crds

if TYPE_CHECKING:
    from cli.kube.client import Cluster


@dataclass(frozen=True, slots=True)
class Installation:
    """One installation of tagline."""

    namespace: str
    inventory: Inventory | None
    """None: not installed by `tagline install`."""
    deployments: tuple[Mapping[str, Any], ...]

    @property
    def options(self) -> Options:
        """What it was installed with, as far as that can be known."""
        if self.inventory is not None:
            return self.inventory.options
        watches_all = all(argument(one, "--watch-all-namespaces") != "false" for one in self.deployments)
        names = tuple(name for one in self.deployments for name in (one["metadata"]["name"],))
        return Options(namespace=self.namespace, components=names, watch_all_namespaces=watches_all)


def argument(deployment: Mapping[str, Any], flag: str) -> str:
    """Return the value of a controller's flag, empty where it is not given; the last one counts."""
    arguments = deployment["spec"]["template"]["spec"]["containers"][0].get("args") or ()
    values = [value for one in arguments for name, _, value in [one.partition("=")] if name == flag]
    return str(values[-1]) if values else ""


def find(cluster: "Cluster") -> list[Installation]:
    """Return all installations in the cluster. Raises ApiError."""
    inventories = {one.namespace: one for one in read_all(cluster)}
    by_namespace: dict[str, list[Mapping[str, Any]]] = {namespace: [] for namespace in inventories}
    for one in cluster.list(DEPLOYMENTS, labels=f"{PART_OF}=tagline"):
        by_namespace.setdefault(one["metadata"]["namespace"], []).append(one)
    return [
        Installation(namespace, inventories.get(namespace), tuple(found))
        for namespace, found in sorted(by_namespace.items())
    ]


def check_controllers(cluster: "Cluster", installation: Installation, report: Reporter) -> bool:
    """Say whether all of an installation is there and its controllers are ready. Raises ApiError."""
    inventory, is_good = installation.inventory, True
    if inventory is not None:
        report.success(f"distribution: tagline-{inventory.options.version}")
    for release, chart in sorted({(one, chart_of(found)) for found in installation.deployments
                                  if (one := release_of(found)) is not None}):  # fmt: skip
        report.success(f"distribution: {chart or 'tagline'}, {release}")
    if inventory is not None and not inventory.is_complete:
        report.failure("the last installation or upgrade did not come to its end: repeat `tagline install`")
        is_good = False
    present = {one["metadata"]["name"] for one in installation.deployments}
    for name in installation.options.components:
        if name not in present:
            report.failure(f"{name}: there is no such Deployment any more: repeat `tagline install`")
            is_good = False
    return check_deployments(cluster, installation.deployments, report) and is_good


def check_crds(cluster: "Cluster", report: Reporter) -> bool:
    """Say whether our CRDs are there and serve the version that our controllers ask for. Raises ApiError."""
    wanted = [obj for obj in build(Options()) if obj["kind"] == "CustomResourceDefinition"]
    found = installed_crds(cluster, [crd["metadata"]["name"] for crd in wanted])
    is_good = True
    for crd in wanted:
        name = crd["metadata"]["name"]
        version = next(one["name"] for one in crd["spec"]["versions"] if one["storage"])
        problem = _problem(found.get(name), version)
        if problem:
            report.failure(f"{name}: {problem}")
            is_good = False
        elif is_ours(found[name]):
            report.success(f"{name}/{version}")
    return is_good


def check_neighbours(cluster: "Cluster", report: Reporter) -> bool:
    """Say whether Flux's image controllers run, too. Raises ApiError."""
    running = flux_image_controllers(cluster)
    if running:
        report.failure(
            f"Flux's image controllers run beside tagline's ({', '.join(running)}), and both write the same objects: "
            "scale them to 0, or take them out of Flux's components"
        )
    return not running


def _problem(crd: Mapping[str, Any] | None, version: str) -> str:
    if crd is None:
        return "not installed: repeat `tagline install`"
    if crd["metadata"].get("deletionTimestamp"):
        return "being deleted, and waits for finalizers of its objects"
    served = [one["name"] for one in crd["spec"]["versions"] if one["served"]]
    if version not in served:
        return f"serves {', '.join(served)}, not {version}, which the controllers ask for: repeat `tagline install`"
    return ""
