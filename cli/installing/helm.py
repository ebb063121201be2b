"""Which objects belong to a release of Helm, which would put its own back, or delete what it finds.

Helm marks what it installs by a label and two annotations, and keeps a record of each release in a Secret or ConfigMap
of the release's namespace: https://helm.sh/docs/topics/advanced/#storage-backends. CRDs of tagline's chart stay when a
release is uninstalled, and keep the marks, so marks alone say nothing: a release is there as long as it has a record or
a Deployment.
"""

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from api.names import DEPLOYMENTS, SECRETS
from cli.grammar.session import Failed
from cli.installing.build import PART_OF, Options
from cli.installing.ownership import MANAGED_BY, labels
from cli.installing.resources import CONFIG_MAPS

if TYPE_CHECKING:
    from cli.kube.client import Cluster

_NAME: Final = "meta.helm.sh/release-name"
_NAMESPACE: Final = "meta.helm.sh/release-namespace"
_CHART: Final = "helm.sh/chart"


class Release(NamedTuple):
    """A release of Helm."""

    namespace: str
    name: str

    def __str__(self) -> str:
        """Return how texts name it."""
        return f"Helm's release {self.namespace}/{self.name}"

    @property
    def advice(self) -> str:
        """Return what to do about it instead."""
        return (
            f"upgrade it with `helm upgrade`, or remove it with `helm uninstall {self.name} -n {self.namespace}`, "
            "which leaves CRDs and objects"
        )


def release_of(obj: Mapping[str, Any]) -> Release | None:
    """Return the release whose marks an object has, None for one without."""
    annotations = obj["metadata"].get("annotations") or {}
    if labels(obj).get(MANAGED_BY) != "Helm" or not annotations.get(_NAME):
        return None
    return Release(annotations.get(_NAMESPACE, ""), annotations[_NAME])


def chart_of(obj: Mapping[str, Any]) -> str:
    """Return name and version of the chart that an object is from; empty where it does not say."""
    return labels(obj).get(_CHART, "")


class Releases:
    """The releases of a cluster that install tagline."""

    def __init__(self, cluster: "Cluster") -> None:
        """Ask for nothing yet: most clusters have no release, and nothing with its marks."""
        self._cluster = cluster
        self._has_record: dict[Release, bool] = {}

    @cached_property
    def _deployments(self) -> dict[Release, list[Mapping[str, Any]]]:
        found: dict[Release, list[Mapping[str, Any]]] = {}
        for one in self._cluster.list(DEPLOYMENTS, labels=f"{PART_OF}=tagline,{MANAGED_BY}=Helm"):
            release = release_of(one)
            if release is not None:
                found.setdefault(release, []).append(one)
        return found

    def in_namespace(self, namespace: str) -> Release | None:
        """Return the release whose controllers run in a namespace. Raises ApiError."""
        return next((one for one in self._deployments if one.namespace == namespace), None)

    def holder(self, obj: Mapping[str, Any]) -> Release | None:
        """Return the release that an object belongs to; None for one of a release that is gone. Raises ApiError."""
        release = release_of(obj)
        if release is None or release in self._deployments:
            return release
        if release not in self._has_record:
            self._has_record[release] = self._find_record(release)
        return release if self._has_record[release] else None

    def refuse(self, options: Options) -> None:
        """Raise Failed where controllers of a release look after the same objects or are in the namespace, ApiError."""
        for release, deployments in self._deployments.items():
            watches_all = any("--watch-all-namespaces=false" not in _arguments(one) for one in deployments)
            if release.namespace == options.namespace or options.watch_all_namespaces or watches_all:
                raise Failed(
                    f"tagline is installed as {release} already, and both would write the same objects: "
                    f"{release.advice}; --force installs all the same, and takes over what has the same names"
                )

    def _find_record(self, release: Release) -> bool:
        from controllers.runtime.kube.errors import ApiError  # noqa: PLC0415

        selector = f"owner=helm,name={release.name}"
        for kind in (SECRETS, CONFIG_MAPS):
            try:
                if next(iter(self._cluster.list(kind, release.namespace, labels=selector)), None) is not None:
                    return True
            except ApiError:  # whoever may not see it, is not to take anything from it
                return True
        return False


def _arguments(deployment: Mapping[str, Any]) -> list[str]:
    arguments: list[str] = deployment["spec"]["template"]["spec"]["containers"][0].get("args") or []
    return arguments
