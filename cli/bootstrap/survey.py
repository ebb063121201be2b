"""What a cluster has already: who syncs there, and what speaks against a bootstrap. Changes nothing."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from api.names import (
    CUSTOM_RESOURCE_DEFINITIONS,
    DEPLOYMENTS,
    GIT_REPOSITORIES,
    KUSTOMIZATIONS,
    NAMESPACES,
    SECRETS,
)
from api.resource import Resource
from cli.bootstrap.argocd import APPLICATIONS, ArgoPlace
from cli.bootstrap.argocd import CONTROLLER as ARGO_CONTROLLER
from cli.bootstrap.places import safe_path
from cli.bootstrap.wishes import Wishes
from cli.fields import mapping, text
from cli.grammar.session import Failed, Reporter, Session
from cli.installing import inventory, preflight
from cli.installing.build import COMPONENT, GIT_REPOSITORY_CRD
from cli.installing.ownership import MANAGED_BY, labels
from controllers.net.url import show_remote

if TYPE_CHECKING:
    from cli.kube.client import Cluster

_STATEFUL_SETS: Final = Resource("apps", "v1", "statefulsets", "StatefulSet")
_RBAC: Final = "rbac.authorization.k8s.io"
_MADE: Final = (
    NAMESPACES,
    CUSTOM_RESOURCE_DEFINITIONS,
    Resource(_RBAC, "v1", "clusterroles", "ClusterRole", namespaced=False),
    Resource(_RBAC, "v1", "clusterrolebindings", "ClusterRoleBinding", namespaced=False),
    DEPLOYMENTS,
)
"""What a bootstrap makes that an ordinary user may not."""
_ACCESS_REVIEWS: Final = Resource(
    "authorization.k8s.io", "v1", "selfsubjectaccessreviews", "SelfSubjectAccessReview", namespaced=False
)
VERSION: Final = "app.kubernetes.io/version"
_APP: Final = "app.kubernetes.io/name"


@dataclass(frozen=True, slots=True)
class Survey:
    """What was found."""

    engine: str
    argo: ArgoPlace | None
    kustomization: Mapping[str, Any] | None
    """The one of Flux that syncs the namespace's repository."""
    sources_are_of_flux: bool
    """Whether the CRD of GitRepositories is somebody else's."""
    application: Mapping[str, Any] | None = None
    """The one of Argo CD that syncs it."""
    source: Mapping[str, Any] | None = None
    """The GitRepository that is synced, or the one that has the name of the one to come."""

    @property
    def syncs(self) -> Mapping[str, Any] | None:
        """What syncs the namespace, None where nothing does."""
        return self.application if self.engine == "argocd" else self.kustomization

    @property
    def synced_url(self) -> str:
        """The repository that is synced, "" for none; a source that is none by its name, as in `Bucket ops/fleet`."""
        if self.engine == "argocd" and self.application is not None:
            return text(self.application, "spec", "source", "repoURL")
        kind, namespace, name = _source_ref(self.kustomization)
        if self.engine == "flux" and kind not in ("", GIT_REPOSITORIES.kind):
            return f"{kind} {namespace}/{name}"
        return text(self.source, "spec", "url")

    @property
    def was_ever_applied(self) -> bool:
        """Whether the engine has applied the repository once, and goes on doing so."""
        if self.engine == "argocd":
            return bool(text(self.application, "status", "sync", "revision"))
        return self.engine == "flux" and bool(text(self.kustomization, "status", "lastAppliedRevision"))


def look(session: Session, wishes: Wishes) -> Survey:
    """Return what the cluster has. Raises Failed for what speaks against it, ApiError."""
    cluster = session.cluster
    crds = preflight.installed_crds(cluster, [GIT_REPOSITORY_CRD])
    _confirm_override(session.report, crds, force=wishes.force)
    argo = _find_argo(cluster) if wishes.engine in ("", "argocd") else None
    engine = wishes.engine or _installed_engine(cluster, argo)
    if engine == "argocd" and argo is None:
        raise Failed(
            f"--engine=argocd: there is no {ARGO_CONTROLLER} in this cluster; install Argo CD first, or choose "
            "--engine=flux"
        )
    if wishes.own and not wishes.force:
        preflight.refuse_beside_flux(cluster)
        preflight.refuse_second_installation(inventory.read_all(cluster), wishes.own)
    kustomization = _find(cluster, KUSTOMIZATIONS, wishes.namespace, wishes.namespace)
    kind, namespace, name = _source_ref(kustomization)
    if engine != "flux" or kind != GIT_REPOSITORIES.kind:
        namespace = name = wishes.namespace
    survey = Survey(
        engine,
        argo,
        kustomization,
        preflight.leaves_git_repositories_to_flux(crds),
        _find(cluster, APPLICATIONS, argo.namespace, wishes.namespace) if argo and engine == "argocd" else None,
        _find(cluster, GIT_REPOSITORIES, namespace, name),
    )
    _check_rights(cluster, wishes.namespace, is_running=survey.was_ever_applied)
    return survey


def check_path(survey: Survey, wishes: Wishes) -> None:
    """Raise Failed where another path is synced already."""
    syncs, kind = (survey.kustomization, KUSTOMIZATIONS.kind) if survey.engine == "flux" else (
        survey.application, APPLICATIONS.kind
    )  # fmt: skip
    if syncs is None:
        return
    synced = text(syncs, "spec", *(() if kind == KUSTOMIZATIONS.kind else ("source",)), "path") or "./"
    if safe_path(synced) != wishes.places.path:
        raise Failed(
            f'sync path configuration ("{wishes.places.shown}") would overwrite path ("{synced}") of existing {kind}'
        )


def check_source(survey: Survey, wishes: Wishes) -> None:
    """Raise Failed where the namespace is synced from another repository, unless that is to change.

    What syncs and has never done so is an attempt of this command's; a source that it does not use is somebody's.
    """
    url, is_an_attempt = survey.synced_url, survey.syncs is not None and not survey.was_ever_applied
    if is_an_attempt or wishes.force or not url or _place(url) == _place(wishes.sync_url):
        return
    raise Failed(
        f"the namespace {wishes.namespace} is synced from {show_remote(url)} already: what that repository has would "
        "be removed from the cluster; choose another namespace with --namespace, or move with --force"
    )


def _source_ref(kustomization: Mapping[str, Any] | None) -> tuple[str, str, str]:
    """Return kind, namespace and name of what a Kustomization syncs; all "" for nothing."""
    ref = mapping(kustomization, "spec", "sourceRef") if kustomization else {}
    namespace = text(ref, "namespace") or text(kustomization, "metadata", "namespace")
    return (text(ref, "kind"), namespace, text(ref, "name")) if ref else ("", "", "")


def _place(url: str) -> tuple[str, str]:
    """Return what makes out a repository, however it is reached."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "", url
    return parts.hostname or "", parts.path.strip("/").removesuffix(".git").lower()


def _check_rights(cluster: "Cluster", namespace: str, *, is_running: bool) -> None:
    """Raise Failed where whoever runs this may not make what a bootstrap makes. is_running: it is there already."""
    denied = []
    for resource in (SECRETS,) if is_running else (SECRETS, *_MADE):
        place = namespace if resource.namespaced else ""
        attributes = {"verb": "create", "group": resource.group, "resource": resource.plural, "namespace": place}
        answer = cluster.create(_ACCESS_REVIEWS, "", {"spec": {"resourceAttributes": attributes}})
        if not (answer.get("status") or {}).get("allowed"):
            name = ".".join(part for part in (resource.plural, resource.group) if part)
            denied.append(f"create {name}{f' in the namespace {place}' if place else ''}")
    if denied:
        raise Failed(f"you may not {', '.join(denied)} in this cluster: a bootstrap needs an administrator's rights")


def _installed_engine(cluster: "Cluster", argo: ArgoPlace | None) -> str:
    has_flux = next(iter(cluster.list(DEPLOYMENTS, labels=f"{COMPONENT}=kustomize-controller")), None) is not None
    if has_flux and argo:
        raise Failed("both Flux and Argo CD are in this cluster: say with --engine=flux or --engine=argocd who syncs")
    return "argocd" if argo else "flux"


def _find_argo(cluster: "Cluster") -> ArgoPlace | None:
    for resource in (_STATEFUL_SETS, DEPLOYMENTS):
        for found in cluster.list(resource, labels=f"{_APP}={ARGO_CONTROLLER}"):
            return ArgoPlace(found["metadata"]["namespace"])
    return None


def _find(cluster: "Cluster", resource: Resource, namespace: str, name: str) -> Mapping[str, Any] | None:
    from controllers.runtime.kube.errors import NotFound  # noqa: PLC0415

    try:
        return cluster.get(resource, namespace, name)
    except NotFound:
        return None


def _confirm_override(report: Reporter, crds: Mapping[str, Mapping[str, Any]], *, force: bool) -> None:
    """Ask before an installation is changed that another tool, like Helm, manages. Raises Failed for no."""
    crd = crds.get(GIT_REPOSITORY_CRD)
    manager = labels(crd).get(MANAGED_BY, "") if crd else ""
    if crd is None or manager in ("", "flux", "tagline") or force:
        return
    from cli.asking import confirm  # noqa: PLC0415

    report.plain(f"Flux {labels(crd).get(VERSION, '')} has been installed on this cluster with {manager}!")
    confirm(f"Are you sure you want to override the {manager} installation? Y/N", unless="--force")
