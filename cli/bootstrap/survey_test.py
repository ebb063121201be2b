import io
from collections.abc import Mapping
from typing import Any

import pytest

from api.names import CUSTOM_RESOURCE_DEFINITIONS, DEPLOYMENTS, GIT_REPOSITORIES, KUSTOMIZATIONS
from api.resource import Resource
from cli.bootstrap import survey
from cli.bootstrap.argocd import APPLICATIONS, ArgoPlace
from cli.grammar.session import Failed
from cli.installing import preflight
from cli.installing.build import GIT_REPOSITORY_CRD
from testing.bootstrap_flags import wishes
from testing.cluster import FakeCluster, Object, session_on

STATEFUL_SETS = Resource("apps", "v1", "statefulsets", "StatefulSet")
COMPONENT, APP = "app.kubernetes.io/component", "app.kubernetes.io/name"


class Server(FakeCluster):
    """Answers what somebody may do."""

    denied: tuple[str, ...] = ()

    def create(self, resource: Resource, namespace: str, body: Mapping[str, Any], **options: Any) -> Object:
        if resource.kind != "SelfSubjectAccessReview":
            return super().create(resource, namespace, body, **options)
        attributes = body["spec"]["resourceAttributes"]
        return {"status": {"allowed": attributes["resource"] not in self.denied}}


def run_by(cluster: FakeCluster, resource: Resource, name: str, namespace: str, **labels: str) -> None:
    cluster.put(resource, {"metadata": {"name": name, "namespace": namespace, "labels": labels}, "spec": {}})


def flux(cluster: FakeCluster) -> None:
    run_by(cluster, DEPLOYMENTS, "kustomize-controller", "flux-system", **{COMPONENT: "kustomize-controller"})


def argo(cluster: FakeCluster) -> None:
    run_by(cluster, STATEFUL_SETS, "argocd-application-controller", "ops", **{APP: "argocd-application-controller"})


def look(cluster: FakeCluster, **given: Any) -> survey.Survey:
    with session_on(cluster) as (session, _):
        return survey.look(session, wishes(**given))


def test_who_is_installed_syncs_and_flux_where_nobody_is() -> None:
    cluster = Server()
    assert look(cluster).engine == "flux"
    argo(cluster)
    assert (look(cluster).engine, look(cluster).argo) == ("argocd", ArgoPlace("ops"))
    flux(cluster)
    with pytest.raises(Failed, match="--engine=flux or --engine=argocd"):
        look(cluster)
    assert look(cluster, engine="flux").engine == "flux"
    assert look(cluster, engine="none").argo is None


def test_argo_cd_has_to_be_there_to_sync() -> None:
    with pytest.raises(Failed, match="--engine=argocd: there is no argocd-application-controller"):
        look(Server(), engine="argocd")


def test_fluxs_image_controllers_are_not_installed_beside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preflight, "flux_image_controllers", lambda _: ["flux-system/image-reflector-controller"])
    with pytest.raises(Failed, match=r"image-reflector-controller.*--force"):
        look(Server())
    look(Server(), force=True)


def test_an_installation_of_helm_is_not_changed_unasked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    cluster = Server()
    labels = {"app.kubernetes.io/managed-by": "Helm"}
    cluster.put(CUSTOM_RESOURCE_DEFINITIONS, {"metadata": {"name": GIT_REPOSITORY_CRD, "labels": labels}, "spec": {}})
    with pytest.raises(Failed, match="--force"):
        look(cluster)
    assert look(cluster, force=True).sources_are_of_flux


def test_missing_rights_are_said_before_anything_is_done() -> None:
    cluster = Server()
    cluster.denied = ("secrets", "clusterrolebindings")
    with pytest.raises(
        Failed,
        match=r"you may not create secrets in the namespace flux-system, create "
        r"clusterrolebindings\.rbac\.authorization\.k8s\.io in this cluster",
    ):
        look(cluster)


@pytest.mark.parametrize(
    ("synced", "path"), [("./clusters/a", "clusters/a"), ("clusters/a/", "./clusters/a"), ("", "")]
)
def test_the_path_that_is_synced_may_be_bootstrapped_again(synced: str, path: str) -> None:
    cluster = Server()
    cluster.put(
        KUSTOMIZATIONS, {"metadata": {"name": "flux-system", "namespace": "flux-system"}, "spec": {"path": synced}}
    )
    survey.check_path(look(cluster), wishes(path=path))


def test_another_path_is_refused() -> None:
    cluster = Server()
    spec = {"path": "./clusters/my-cluster"}
    cluster.put(KUSTOMIZATIONS, {"metadata": {"name": "flux-system", "namespace": "flux-system"}, "spec": spec})
    with pytest.raises(Failed) as caught:
        survey.check_path(look(cluster), wishes(path="clusters/other"))
    assert str(caught.value) == (
        'sync path configuration ("./clusters/other") would overwrite path ("./clusters/my-cluster") of existing '
        "Kustomization"
    )


@pytest.mark.parametrize(
    ("url", "applied", "is_refused"),
    [
        ("ssh://git@git.test/org/fleet.git", True, False),
        ("https://git.test/Org/Fleet", True, False),
        ("https://git.test/org/other", True, True),
        ("https://elsewhere.test/org/fleet", True, True),
        ("https://git.test/org/other", False, False),
    ],
)
def test_a_namespace_that_another_repository_syncs_is_not_taken(url: str, applied: bool, is_refused: bool) -> None:
    cluster = Server()
    metadata = {"name": "flux-system", "namespace": "flux-system"}
    state = {"lastAppliedRevision": "main@sha1:aa"} if applied else {}
    cluster.put(KUSTOMIZATIONS, {"metadata": metadata, "spec": {"path": "./"}, "status": state})
    cluster.put(GIT_REPOSITORIES, {"metadata": metadata, "spec": {"url": url}})
    if not is_refused:
        survey.check_source(look(cluster), wishes())
        return
    with pytest.raises(Failed, match=rf"is synced from {url} already.*--force"):
        survey.check_source(look(cluster), wishes())
    survey.check_source(look(cluster), wishes(force=True))


def test_an_application_that_has_synced_goes_on_doing_so_for_its_path() -> None:
    cluster = Server()
    argo(cluster)
    app = {
        "metadata": {"name": "flux-system", "namespace": "ops"},
        "spec": {"source": {"path": "clusters/my-cluster"}},
        "status": {"sync": {"revision": "aa"}},
    }
    cluster.put(APPLICATIONS, app)
    found = look(cluster)
    assert found.was_ever_applied
    survey.check_path(found, wishes(path="clusters/my-cluster"))
    with pytest.raises(Failed, match=r"would overwrite path .* of existing Application"):
        survey.check_path(found, wishes(path="clusters/other"))


def synced(cluster: FakeCluster, **source_ref: str) -> None:
    metadata = {"name": "flux-system", "namespace": "flux-system"}
    spec = {"path": "./", "sourceRef": source_ref}
    cluster.put(KUSTOMIZATIONS, {"metadata": metadata, "spec": spec, "status": {"lastAppliedRevision": "main@sha1:aa"}})


def test_what_a_kustomization_syncs_is_what_it_names() -> None:
    cluster = Server()
    for name, url in (("flux-system", "https://git.test/org/fleet"), ("theirs", "https://git.test/org/other")):
        cluster.put(GIT_REPOSITORIES, {"metadata": {"name": name, "namespace": "flux-system"}, "spec": {"url": url}})
    synced(cluster, kind="GitRepository", name="flux-system")
    survey.check_source(look(cluster), wishes())
    synced(cluster, kind="GitRepository", name="theirs")
    with pytest.raises(Failed, match=r"is synced from https://git\.test/org/other already"):
        survey.check_source(look(cluster), wishes())
    synced(cluster, kind="OCIRepository", name="manifests", namespace="ops")
    with pytest.raises(Failed, match="is synced from OCIRepository ops/manifests already"):
        survey.check_source(look(cluster), wishes())
    survey.check_source(look(cluster, force=True), wishes(force=True))


def test_an_application_that_syncs_another_repository_is_not_taken() -> None:
    cluster = Server()
    argo(cluster)
    metadata, status = {"name": "flux-system", "namespace": "ops"}, {"sync": {"revision": "aa"}}
    for url in ("https://git.test/org/fleet.git", "https://me:hunter2@git.test/org/other"):
        source = {"path": ".", "repoURL": url}
        cluster.put(APPLICATIONS, {"metadata": metadata, "spec": {"source": source}, "status": status})
        if url.endswith("other"):
            with pytest.raises(Failed, match=r"is synced from https://\S*git\.test/org/other already") as caught:
                survey.check_source(look(cluster), wishes())
            assert "hunter2" not in str(caught.value)
        else:
            survey.check_source(look(cluster), wishes())


def test_a_repository_that_somebody_uses_otherwise_is_not_taken() -> None:
    cluster = Server()
    metadata = {"name": "flux-system", "namespace": "flux-system"}
    cluster.put(GIT_REPOSITORIES, {"metadata": metadata, "spec": {"url": "https://git.test/org/other"}})
    with pytest.raises(Failed, match="is synced from"):
        survey.check_source(look(cluster), wishes())
