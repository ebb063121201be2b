"""`controllers.runtime.reconcile.leader`: of two replicas one acts, and the other takes over in time."""

import os
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from e2e import journeys, metrics
from e2e.cluster import Space, eventually
from e2e.conftest import FLAGS, Parts
from e2e.journeys import Journey
from hack.controllers import NAMESPACE, Controllers
from hack.env import process
from hack.githost import GitHost
from hack.oci import Pusher

KIND = "imageupdateautomation"
LEASE = f"{KIND}-controller-leader-election"
LEASE_SECONDS = 3
RETRY_SECONDS = 0.4
TAKEOVER_SECONDS = LEASE_SECONDS + 1.2 * RETRY_SECONDS
"""A candidate tries every 1.2 retry periods at the latest, and takes what it has seen unchanged for a lease."""
SLACK_SECONDS = 2.5
"""For a busy machine and for the requests themselves."""
ELECTION = (
    "--enable-leader-election",
    f"--leader-election-lease-duration={LEASE_SECONDS}s",
    "--leader-election-renew-deadline=2s",
    f"--leader-election-retry-period={RETRY_SECONDS}s",
)


@dataclass(slots=True)
class Replica:
    """One of the two processes."""

    controllers: Controllers

    @property
    def process(self) -> process.Process:
        return self.controllers.processes[KIND]

    def leads(self) -> bool:
        return metrics.total(self.controllers.metrics[KIND], "leader_election_master_status") == 1

    def runs(self) -> float:
        return metrics.total(self.controllers.metrics[KIND], "controller_runtime_reconcile_total")

    def signal(self, number: signal.Signals) -> None:
        os.kill(self.process.pid, number)


@pytest.fixture(scope="module")
def without_controller(controllers: Controllers | None) -> Iterator[Controllers]:
    """Stop the process that is replicated here while the other controllers of the session go on."""
    if controllers is None:
        pytest.skip("the controllers run in the cluster: their processes are not ours to kill")
    controllers.stop(KIND)
    yield controllers
    controllers.start(KIND)


@pytest.fixture
def replicas(without_controller: Controllers, cluster: Parts, namespace: str) -> Iterator[list[Replica]]:
    """Yield two replicas in place of the session's process; the first to be started leads."""
    # An earlier test's leader may have died with it.
    cluster.kubectl("delete", "lease", LEASE, "-n", NAMESPACE, "--ignore-not-found")
    out: list[Replica] = []
    try:
        for number in range(2):
            folder = without_controller.folder / f"{namespace}-{number}"
            folder.mkdir()
            replica = Replica(Controllers(folder, without_controller.kubeconfigs, (*FLAGS, *ELECTION)))
            out.append(replica)
            replica.controllers.start(KIND)
            if number == 0:
                eventually(replica.leads, what="the only replica to lead")
        yield out
    finally:
        for replica in out:
            for running in replica.controllers.processes.values():
                process.stop(running, kill=True)


@pytest.fixture
def journey(
    replicas: list[Replica], space: Space, parts: Parts, open_registry: Pusher, git_host: GitHost
) -> Iterator[Journey]:
    staging = journeys.staging(space, git_host, open_registry, host=parts.open_registry, tag=build(0))
    yield staging
    git_host.delete_repository(staging.repository.name)


def build(number: int) -> str:
    return f"main-{number:07x}-{1611906956 + number}"


def holder(space: Space) -> str:
    found = space.kubectl("get", "lease", LEASE, "-n", NAMESPACE, "-o", "jsonpath={.spec.holderIdentity}")
    return found.stdout


def publish(journey: Journey, number: int) -> None:
    journey.push(build(number))
    journey.scan()


def test_one_of_two_replicas_acts_and_the_other_follows_within_the_lease_when_it_is_killed(
    replicas: list[Replica], journey: Journey
) -> None:
    first, second = replicas
    publish(journey, 1)
    journey.settle(build(1))
    assert (first.leads(), second.leads()) == (True, False)
    assert first.runs() > 0
    assert second.runs() == 0
    before = holder(journey.space)

    first.controllers.stop(KIND, kill=True)
    died = time.monotonic()
    publish(journey, 2)
    eventually(journey.repository_has(build(2)), what="the second replica's commit")
    assert time.monotonic() - died < TAKEOVER_SECONDS + SLACK_SECONDS
    assert second.leads()
    assert holder(journey.space) not in ("", before)
    journey.settle(build(2))
    journey.require_exact(journey.commits(), [build(0), build(1), build(2)])


def test_leader_that_ends_in_order_hands_over_without_the_lease_running_out(
    replicas: list[Replica], journey: Journey
) -> None:
    first, second = replicas
    first.controllers.stop(KIND)
    ended = time.monotonic()
    eventually(second.leads, what="the second replica to lead")
    assert time.monotonic() - ended < LEASE_SECONDS
    publish(journey, 1)
    journey.settle(build(1))
    journey.require_exact(journey.commits(), [build(0), build(1)])


def test_leader_that_was_frozen_does_not_act_when_it_wakes_up(replicas: list[Replica], journey: Journey) -> None:
    first, second = replicas
    first.signal(signal.SIGSTOP)
    publish(journey, 1)
    eventually(second.leads, what="the second replica to lead")
    eventually(journey.repository_has(build(1)), what="the second replica's commit")
    publish(journey, 2)
    eventually(journey.repository_has(build(2)), what="the second replica's next commit")
    first.signal(signal.SIGCONT)
    # It finds its lease gone and ends; the Deployment would start it again as a candidate.
    eventually(lambda: not process.is_running(first.process), what="the frozen replica to end")
    publish(journey, 3)
    journey.settle(build(3))
    journey.require_exact(journey.commits(), [build(number) for number in range(4)])
