"""One node for all tests of this folder, with the image of the Dockerfile and the manifests as they are."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e import journeys
from e2e.cluster import Space
from e2e.conftest import Parts
from e2e.journeys import Journey
from e2e.node.workload import Workload
from hack import deployed
from hack.controllers import KINDS, Kubectl
from hack.env import environment as environments
from hack.env.environment import Environment
from hack.env.node import Node
from hack.githost import GitHost
from hack.oci import Pusher


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what needs a node: only `make e2e-node` runs it."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker("node")


@pytest.fixture(scope="session")
def environment() -> Iterator[Environment]:
    """Yield an environment with a node: the one that E2E_NODE_DIR names, else one of this session's own."""
    if given := os.environ.get("E2E_NODE_DIR"):
        yield environments.load(Path(given))
        return
    folder = Path(tempfile.mkdtemp(prefix="tagline-node-"))
    try:
        started = environments.up(folder / "env", node=True)
        try:
            yield started
        finally:
            environments.down(started, keep_folder=bool(os.environ.get("E2E_KEEP_LOGS")))
    finally:
        if os.environ.get("E2E_KEEP_LOGS"):
            print(f"\nlogs kept in {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def node(environment: Environment) -> Node:
    """Return the node."""
    assert environment.node
    return environment.node


@pytest.fixture(scope="session")
def parts(environment: Environment, tmp_path_factory: pytest.TempPathFactory) -> Parts:
    """Return the servers, all at an address that pods reach."""
    return Parts(
        tmp_path_factory.mktemp("parts"),
        Kubectl(environment.kubectl, environment.kubeconfig),
        environment.registry,
        environment.registry_user,
        environment.registry_password,
        environment.open_registry,
        environment.git_url,
        environment.git_user,
        environment.git_password,
    )


@pytest.fixture(scope="session")
def image(node: Node) -> str:
    """Load the image of the controllers into the node and return its name."""
    (name,) = node.load_image(Path(os.environ["E2E_IMAGE"]))
    return name


@pytest.fixture(scope="session")
def cluster(parts: Parts, image: str) -> Parts:
    """Return the parts with the manifests installed, unchanged but for the image, and all pods ready."""
    deployed.install(parts.kubectl, image)
    return parts


@pytest.fixture(scope="session")
def controllers(cluster: Parts) -> None:
    """Say that the controllers run in the cluster."""


@pytest.fixture(params=KINDS)
def any_workload(request: pytest.FixtureRequest, cluster: Parts, node: Node) -> Workload:
    """Return each of the three Deployments."""
    return Workload(cluster.kubectl, node, f"{request.param}-controller")


@pytest.fixture
def workloads(cluster: Parts, node: Node) -> list[Workload]:
    """Return all three."""
    return [Workload(cluster.kubectl, node, f"{kind}-controller") for kind in KINDS]


@pytest.fixture
def automation(cluster: Parts, node: Node) -> Workload:
    """Return the Deployment that pushes to Git."""
    return Workload(cluster.kubectl, node, "imageupdateautomation-controller")


@pytest.fixture
def journey(space: Space, parts: Parts, open_registry: Pusher, git_host: GitHost) -> Iterator[Journey]:
    """Yield a repository in which staging follows an image; its first tag is deployed."""
    staging = journeys.staging(space, git_host, open_registry, host=parts.open_registry, tag=journeys.build(0))
    yield staging
    git_host.delete_repository(staging.repository.name)


@pytest.fixture
def restored(automation: Workload) -> Iterator[Workload]:
    """Yield the Deployment that pushes to Git; its spec is put back afterwards as it was."""
    automation.wait_ready()
    before = automation.spec()
    yield automation
    automation.replace(before)
    automation.wait_ready()
