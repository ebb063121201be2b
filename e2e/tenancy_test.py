"""`manifests`: what one namespace can do to another, with the flags and the rights that are installed."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e import manifests
from e2e.cluster import Space, condition
from e2e.conftest import FLAGS, Parts
from e2e.fleet import Fleet
from e2e.kubeapi import KubeApi
from e2e.objects import automation, deployment, docker_secret, git_repository, image_repository, semver_policy
from e2e.running import Running
from hack import controllers as local_controllers
from hack.controllers import KINDS, Controllers, Kubectl
from hack.githost import GitHost, Repository
from hack.oci import Pusher

AUTOMATION = "imageupdateautomation"
BLOCKED = "can't access 'GitRepository/{namespace}/fleet', cross-namespace references have been blocked"
WITHOUT_ELECTION = "--enable-leader-election=false"  # a lease of earlier tests may have died with its process


@pytest.fixture
def neighbour(kubectl: Kubectl, kube_api: KubeApi, namespace: str) -> Iterator[Space]:
    """Yield another tenant's namespace."""
    name = f"{namespace[:50]}-other"
    kube_api.create_namespace(name)
    yield Space(kubectl, kube_api, name)
    kube_api.delete_namespace(name)


@pytest.fixture(params=[(), ("cross-namespace-sources",)], ids=["as-installed", "opened"])
def opened(request: pytest.FixtureRequest, any_controllers: Running, parts: Parts, tmp_path: Path) -> Iterator[bool]:
    """Run the automations' controller with the arguments of its Deployment; yield whether references are opened."""
    rendered = manifests.parse(manifests.render(parts.kubectl, tmp_path, *request.param))
    flags = manifests.arguments(rendered, f"{AUTOMATION}-controller")
    any_controllers.stop(AUTOMATION)
    any_controllers.start(AUTOMATION, flags=(*flags, WITHOUT_ELECTION))
    try:
        yield bool(request.param)
    finally:
        any_controllers.stop(AUTOMATION)
        any_controllers.start(AUTOMATION)


def test_automation_of_one_namespace_pushes_as_another_only_where_that_was_opened(
    opened: bool, fleet: Fleet, neighbour: Space
) -> None:
    theirs = fleet.space.name
    image_repository(neighbour, "app", fleet.image)
    semver_policy(neighbour, "app")
    neighbour.wait_ready("ImagePolicy", "app")
    fleet.repository.commit({"app.yaml": deployment(f"{fleet.image}:1.0.0", f"{neighbour.name}:app")}, "their marker")
    source = {"kind": "GitRepository", "name": "fleet", "namespace": theirs}
    automation(neighbour, "thief", source="fleet", sourceRef=source)
    if opened:
        neighbour.wait_ready("ImageUpdateAutomation", "thief", message="committed and pushed commit")
        fleet.wait_commits(3)
    else:
        message = BLOCKED.format(namespace=theirs)
        neighbour.wait_not_ready("ImageUpdateAutomation", "thief", reason="AccessDenied", message=message)
        automation(fleet.space, "fleet", source="fleet")
        fleet.space.wait_ready("ImageUpdateAutomation", "fleet")
        assert len(fleet.repository.messages()) == 2


@pytest.fixture
def tenant(
    controllers: Controllers | None, parts: Parts, kubectl: Kubectl, kube_api: KubeApi, namespace: str, tmp_path: Path
) -> Iterator[Space]:
    """Yield a namespace with an installation of its own, in place of the session's for all namespaces."""
    if controllers is None:
        pytest.skip("the controllers run in the cluster: an installation of its own would take pods, and their image")
    text = manifests.render(parts.kubectl, tmp_path, "namespaced", namespace=namespace)
    kubectl("apply", "-f", "-", stdin=text)
    controllers.stop()
    server, authority = local_controllers.cluster_server(kubectl)
    configs = {
        kind: local_controllers.write_account_kubeconfig(
            kubectl, kind, tmp_path, server=server, authority=authority, namespace=namespace
        )
        for kind in KINDS
    }
    ours = Controllers(tmp_path, configs, FLAGS, namespace=namespace)
    try:
        for kind in KINDS:
            ours.start(kind, flags=manifests.arguments(manifests.parse(text), f"{kind}-controller"))
        yield Space(kubectl, kube_api, namespace)
    finally:
        ours.stop()
        controllers.start()


@pytest.fixture
def repository(git_host: GitHost, namespace: str) -> Iterator[Repository]:
    """Yield an empty repository named like the namespace."""
    yield git_host.create_repository(namespace, {"README.md": "# fleet\n"})
    git_host.delete_repository(namespace)


def test_installation_in_one_namespace_does_the_whole_job_there_and_nothing_elsewhere(
    tenant: Space, neighbour: Space, repository: Repository, parts: Parts, registry: Pusher, tmp_path: Path
) -> None:
    image = f"{parts.registry}/{tenant.name}/app"
    registry.push_tags(f"{tenant.name}/app", ["1.0.0", "1.0.1"])
    repository.commit({"app.yaml": deployment(f"{image}:1.0.0", f"{tenant.name}:app")}, "add")
    for space in (neighbour, tenant):
        docker_secret(space, "pull", parts.registry, parts.registry_user, parts.registry_password)
        image_repository(space, "app", image, secretRef={"name": "pull"})
        semver_policy(space, "app", digestReflectionPolicy="IfNotPresent")
        git_repository(space, "fleet", repository)
        automation(space, "fleet", source="fleet")
    tenant.wait_ready("ImageUpdateAutomation", "fleet", message="committed and pushed commit")
    assert f"{image}:1.0.1@sha256:" in repository.file("app.yaml")

    semver_policy(tenant, "abroad", repository="app", imageRepositoryRef={"name": "app", "namespace": neighbour.name})
    tenant.wait_not_ready("ImagePolicy", "abroad", reason="AccessDenied", message="cross-namespace references")
    for kind in ("ImageRepository", "ImagePolicy"):
        assert not condition(neighbour.get(kind, "app"), "Ready")
    for kind in KINDS:
        as_account = Kubectl(tenant.kubectl.program, tmp_path / f"{kind}.kubeconfig")
        assert as_account("get", "secret", "pull", "-n", tenant.name, "-o", "name").stdout == "secret/pull\n"
        for others in (neighbour.name, "kube-system"):
            refused = as_account("get", "secret", "pull", "-n", others, check=False)
            assert "Forbidden" in refused.stderr
        assert "Forbidden" in as_account("get", "secrets", "-n", tenant.name, check=False).stderr


@pytest.fixture
def secrets_by_namespace(any_controllers: Running, kubectl: Kubectl, tmp_path: Path) -> Iterator[None]:
    """Install the rights of the component for the duration of a test."""
    manifests.apply(kubectl, tmp_path, "secrets-by-namespace")
    yield
    kubectl("delete", "clusterrole", "tagline-credentials")
    manifests.apply(kubectl, tmp_path)


@pytest.mark.usefixtures("secrets_by_namespace")
def test_secrets_are_read_only_in_namespaces_that_have_said_so(space: Space, parts: Parts, registry: Pusher) -> None:
    registry.push(f"{space.name}/app", "1.0.0")
    docker_secret(space, "pull", parts.registry, parts.registry_user, parts.registry_password)
    image_repository(space, "app", f"{parts.registry}/{space.name}/app", secretRef={"name": "pull"})
    message = r'secrets "pull" is forbidden: User ".*imagerepository-controller" cannot get resource "secrets"'
    space.wait_not_ready("ImageRepository", "app", reason="AuthenticationFailed", message=message)
    space.kubectl(
        "create", "rolebinding", "tagline-credentials", "-n", space.name, "--clusterrole=tagline-credentials",
        *(f"--serviceaccount=tagline-system:{kind}-controller" for kind in KINDS),
    )  # fmt: skip
    space.request("ImageRepository", "app")
    space.wait_ready("ImageRepository", "app")
