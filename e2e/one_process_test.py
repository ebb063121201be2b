"""All three kinds in one process, `tagline run KIND,KIND,KIND`: from a pushed tag to a commit."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from e2e import journeys, metrics
from e2e.cluster import Space, eventually
from e2e.conftest import FLAGS, Parts
from e2e.journeys import Journey
from hack.controllers import KINDS, NAMESPACE, ROOT, Controllers
from hack.env import process
from hack.githost import GitHost
from hack.oci import Pusher

COMPONENTS = {
    "ImageRepository": "image-reflector-controller",
    "ImagePolicy": "image-reflector-controller",
    "ImageUpdateAutomation": "image-automation-controller",
}


@dataclass(frozen=True, slots=True)
class Hosted:
    """The process, and where it says how it is."""

    process: process.Process
    metrics: str

    def total(self, sample: str, **labels: str) -> float:
        """Return the sum over the series of a sample that have these labels."""
        return metrics.total(self.metrics, sample, **labels)


def lease(kind: str) -> str:
    return f"{kind}-controller-leader-election"


@pytest.fixture
def hosted(controllers: Controllers | None, cluster: Parts, namespace: str, kubeconfig: str) -> Iterator[Hosted]:
    """One process in place of the session's three, with administrator's rights; it leads all kinds."""
    if controllers is None:
        pytest.skip("the controllers run in the cluster: their processes are not ours to stop")
    controllers.stop()
    # The leases of earlier tests' processes may have died with them.
    cluster.kubectl("delete", "lease", *map(lease, KINDS), "-n", NAMESPACE, "--ignore-not-found")
    folder = controllers.folder / namespace
    (folder / "tmp").mkdir(parents=True)
    running = _start(folder, kubeconfig)
    try:
        eventually(lambda: running.total("leader_election_master_status") == len(KINDS), what="to lead all kinds")
        yield running
    finally:
        process.stop(running.process, grace_seconds=15)
        controllers.start()


def _start(folder: Path, kubeconfig: str) -> Hosted:
    metrics_port, health_port = process.free_ports(2)
    command = [
        sys.executable, "-m", "cli.main", "run", ",".join(KINDS), f"--metrics-addr=127.0.0.1:{metrics_port}",
        f"--health-addr=127.0.0.1:{health_port}", "--enable-leader-election", *FLAGS,
    ]  # fmt: skip
    env = {
        "KUBECONFIG": kubeconfig,
        "RUNTIME_NAMESPACE": NAMESPACE,
        "PYTHONPATH": str(ROOT),
        "TMPDIR": str(folder / "tmp"),
    }
    running = process.start("all", command, folder, env)
    try:
        process.wait_until(process.answers(f"http://127.0.0.1:{health_port}/readyz", below=300), running)
    except BaseException:
        process.stop(running, kill=True)
        raise
    return Hosted(running, f"http://127.0.0.1:{metrics_port}")


@pytest.fixture
def production(hosted: Hosted, space: Space, parts: Parts, registry: Pusher, git_host: GitHost) -> Iterator[Journey]:
    journey = journeys.production(
        space, git_host, registry, host=parts.registry, user=parts.registry_user, password=parts.registry_password
    )
    yield journey
    git_host.delete_repository(journey.repository.name)


def test_pushed_tag_becomes_a_commit(hosted: Hosted, production: Journey) -> None:
    production.push("1.0.1")
    production.scan()
    production.settle("1.0.1")
    production.require_exact(production.commits(), ["1.0.0", "1.0.1"])
    for kind, component in COMPONENTS.items():
        event = production.space.wait_event(kind, production.name, type="Normal", reason="Succeeded", message=".")
        assert event["source"]["component"] == component
        assert hosted.total("controller_runtime_reconcile_total", controller=kind.lower()) > 0
    assert hosted.total("controller_runtime_reconcile_panics_total") == 0
    assert hosted.total("tagline_informer_handler_errors_total") == 0


def test_process_that_ends_in_order_releases_the_leases_of_all_kinds(hosted: Hosted, space: Space) -> None:
    process.stop(hosted.process, grace_seconds=15)
    for kind in KINDS:
        found = space.kubectl("get", "lease", lease(kind), "-n", NAMESPACE, "-o", "jsonpath={.spec.holderIdentity}")
        assert found.stdout == ""
