"""The parts that the tests run on: given by the environment, or started here and stopped by process id."""

import os
import re
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from e2e.attacked import Attack
from e2e.cluster import Space
from e2e.commits import JudgedHost
from e2e.fleet import Fleet
from e2e.kubeapi import KubeApi
from e2e.objects import deployment, git_repository, image_repository, semver_policy
from e2e.running import Pods, Running
from hack import controllers as local_controllers
from hack.controllers import Controllers, Kubectl
from hack.env import environment
from hack.githost import GitHost
from hack.oci import Pusher
from testing.address import HOST
from testing.history import History, Part, followed
from testing.observer import Observer

FLAGS = ("--concurrent=10", "--log-level=debug", *os.environ.get("E2E_FLAGS", "").split())
"""Of the session's processes. E2E_FLAGS: more of them."""

PRIVATE_REGISTRIES = dict.fromkeys(("imagerepository", "imagepolicy"), ("--registry-plain-http=private",))
"""For registries that are not on loopback, as containers without TLS have such addresses."""


@dataclass(frozen=True, slots=True)
class Parts:
    """Where the real parts are."""

    folder: Path
    kubectl: Kubectl
    registry: str
    registry_user: str
    registry_password: str
    open_registry: str
    git_url: str
    git_user: str
    git_password: str


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark everything below e2e/, so that `-m "not e2e"` leaves it out."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker("e2e")


@pytest.fixture(scope="session")
def parts() -> Iterator[Parts]:
    """Yield the real parts: those that the environment names, else a local environment of this session's own."""
    folder = Path(tempfile.mkdtemp(prefix="tagline-e2e-"))
    with _variables(folder / "env") as started:
        os.environ.update(started)
        kubectl = os.environ.get("KUBECTL") or shutil.which("kubectl") or "kubectl"
        yield Parts(
            folder,
            Kubectl(Path(kubectl), Path(os.environ["KUBECONFIG"])),
            os.environ["E2E_REGISTRY"],
            os.environ.get("E2E_REGISTRY_USER", ""),
            os.environ.get("E2E_REGISTRY_PASSWORD", ""),
            os.environ["E2E_OPEN_REGISTRY"],
            os.environ["E2E_GIT_URL"],
            os.environ["E2E_GIT_USER"],
            os.environ["E2E_GIT_PASSWORD"],
        )
    for name in started:
        os.environ.pop(name, None)
    if os.environ.get("E2E_KEEP_LOGS"):
        print(f"\nlogs kept in {folder}")
    else:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _variables(folder: Path) -> Iterator[Mapping[str, str]]:
    """Yield the variables that name what is started here; none where the parts are given."""
    if os.environ.get("E2E_REGISTRY"):
        yield {}
    elif os.environ.get("E2E_ENV") == "containers":
        from e2e import containers  # noqa: PLC0415 -- needs Docker's client, and is for those who ask for it

        with containers.started(folder) as variables:
            yield variables
    else:
        env = environment.up(folder)
        try:
            yield env.variables()
        finally:
            environment.down(env, keep_folder=True)


@pytest.fixture(scope="session")
def cluster(parts: Parts) -> Parts:
    """Return the parts with the manifests installed (CRDs served), by us unless the controllers run in the cluster."""
    if os.environ.get("E2E_CONTROLLERS") == "deployed":
        local_controllers.wait_for_crds(parts.kubectl)
    else:
        local_controllers.install(parts.kubectl)
    return parts


@pytest.fixture(scope="session")
def kubeconfig(cluster: Parts) -> str:
    """Return a kubeconfig with administrator's rights."""
    return str(cluster.kubectl.kubeconfig)


@pytest.fixture(scope="session")
def kubectl(cluster: Parts) -> Kubectl:
    """Return kubectl with administrator's rights."""
    return cluster.kubectl


@pytest.fixture(scope="session")
def controllers(cluster: Parts) -> Iterator[Controllers | None]:
    """Yield the controllers as processes with their ServiceAccounts' rights; None when they run in the cluster."""
    if os.environ.get("E2E_CONTROLLERS") == "deployed":
        yield None
        return
    server, authority = local_controllers.cluster_server(cluster.kubectl)
    folder = cluster.folder / "controllers"
    folder.mkdir()
    configs = {
        kind: local_controllers.write_account_kubeconfig(
            cluster.kubectl, kind, folder, server=server, authority=authority
        )
        for kind in local_controllers.KINDS
    }
    local = all(address.startswith("127.") for address in (cluster.registry, HOST))
    running = Controllers(folder, configs, FLAGS, kind_flags={} if local else PRIVATE_REGISTRIES)
    running.start()
    yield running
    running.stop()
    _no_secret_in(running, (cluster.registry_password, cluster.git_password))


def _no_secret_in(stopped: Controllers, secrets: tuple[str, ...]) -> None:
    """Assert, after all that the tests did at log level debug, that no log has a password."""
    for kind in local_controllers.KINDS:
        text = stopped.log(kind).read_text(errors="replace")
        assert text, f"{kind} has logged nothing: this check would look at nothing"
        assert not [kind for secret in secrets if secret and secret in text]


@pytest.fixture(scope="session")
def kube_api(cluster: Parts) -> Iterator[KubeApi]:
    """Yield the API server with administrator's rights."""
    client = KubeApi(cluster.kubectl, cluster.folder)
    yield client
    client.close()


@pytest.fixture(scope="session")
def any_controllers(controllers: Controllers | None, kubectl: Kubectl, kube_api: KubeApi) -> Running:
    """Return the controllers wherever they run: the session's processes, or the pods of the cluster."""
    return controllers or Pods(kubectl, kube_api)


@pytest.fixture
def namespace(kube_api: KubeApi, request: pytest.FixtureRequest) -> Iterator[str]:
    """Yield the name of a fresh namespace; it is deleted afterwards, without waiting for it."""
    base = re.sub(r"[^a-z0-9]+", "-", request.node.name.lower())[:40].strip("-")
    name = f"{base}-{time.time_ns() % 36**6:x}"
    kube_api.create_namespace(name)
    yield name
    kube_api.delete_namespace(name)


@pytest.fixture
def space(kubectl: Kubectl, kube_api: KubeApi, namespace: str, controllers: Controllers | None) -> Space:
    """Return a fresh namespace in which the controllers work."""
    return Space(kubectl, kube_api, namespace)


@pytest.fixture(scope="session")
def history(kube_api: KubeApi) -> Iterator[History]:
    """Yield all versions of all objects; what has changed since the last test is checked at the end, too."""
    with followed(lambda: Observer(kube_api.url)) as history:
        yield history


@pytest.fixture(autouse=True)
def _observed(request: pytest.FixtureRequest) -> Iterator[None]:
    """Check every version of the cluster's objects against `testing.invariants` when a test and its fixtures end.

    `unobserved("why")` exempts the objects that come into being in a test.
    """
    if "cluster" not in request.fixturenames:
        yield
        return
    history: History = request.getfixturevalue("history")
    mark = request.node.get_closest_marker("unobserved")
    history.begin(Part(request.node.nodeid, is_exempt=mark is not None))
    yield
    history.require()


@pytest.fixture
def local_git_proxies(any_controllers: Running) -> Iterator[None]:
    """Let the operator allow proxies of the tests to automations for a while."""
    with proxies_allowed(any_controllers, "imageupdateautomation"):
        yield


@contextmanager
def proxies_allowed(controllers: Running, *kinds: str) -> Iterator[None]:
    """Let Secrets of tenants name proxies of the tests. Those on loopback are for the operator to allow."""
    if not HOST.startswith("127."):
        yield
        return
    controllers.stop(*kinds)
    controllers.start(*kinds, flags=("--allowed-networks=127.0.0.0/8",))
    try:
        yield
    finally:
        controllers.stop(*kinds)
        controllers.start(*kinds)


@pytest.fixture
def attacker(kubectl: Kubectl, kube_api: KubeApi, namespace: str) -> Iterator[Space]:
    """Yield the namespace of a tenant who means harm."""
    name = f"{namespace[:50]}-attack"
    kube_api.create_namespace(name)
    yield Space(kubectl, kube_api, name)
    kube_api.delete_namespace(name)


@pytest.fixture
def attack(any_controllers: Running, record_property: Callable[[str, object], None]) -> Attack:
    """Return what watches the controllers while a test attacks them."""
    return Attack(any_controllers, record_property)


@pytest.fixture
def registry(parts: Parts) -> Iterator[Pusher]:
    """Yield a pusher to the registry that asks for a password."""
    with Pusher(parts.registry, user=parts.registry_user, password=parts.registry_password) as pusher:
        yield pusher


@pytest.fixture
def open_registry(parts: Parts) -> Iterator[Pusher]:
    """Yield a pusher to the registry that is open to all."""
    with Pusher(parts.open_registry) as pusher:
        yield pusher


@pytest.fixture
def git_host(parts: Parts, request: pytest.FixtureRequest) -> Iterator[GitHost]:
    """Yield the Git host as its administrator sees it; what automations have committed there has to keep the rules.

    `uncommon_commits("why")` exempts a test whose automations have to change more than marked scalars.
    """
    host = JudgedHost(parts.git_url, parts.git_user, parts.git_password)
    yield host
    if request.node.get_closest_marker("uncommon_commits") is None:
        host.require()
    host.close()


@pytest.fixture
def fleet(space: Space, parts: Parts, open_registry: Pusher, git_host: GitHost) -> Iterator[Fleet]:
    """Set up everything but the automation."""
    image = f"{parts.open_registry}/{space.name}/app"
    open_registry.push_tags(f"{space.name}/app", ["1.0.0", "1.0.1"])
    image_repository(space, "app", image)
    semver_policy(space, "app")
    files = {"app.yaml": deployment(f"{image}:1.0.0", f"{space.name}:app"), "README.md": "# fleet\n"}
    repository = git_host.create_repository(space.name, files)
    git_repository(space, "fleet", repository)
    space.wait_ready("ImagePolicy", "app")
    yield Fleet(space, repository, image, open_registry)
    git_host.delete_repository(space.name)
