"""`manifests`: the short way through a node: pods run, a tag is committed, the leader goes and is followed."""

from e2e.cluster import eventually
from e2e.journeys import Journey, build
from e2e.node.workload import Workload
from hack.controllers import NAMESPACE

SECONDS = 120


def test_pods_run_commit_a_tag_and_go_on_when_the_leader_is_gone(workloads: list[Workload], journey: Journey) -> None:
    for workload in workloads:
        workload.wait_ready()
        assert workload.restarts() == 0, workload.name
    deliver(journey, 1)
    automation = workloads[-1]
    (gone,) = automation.wait_ready()
    automation.kubectl("delete", "pod", gone["metadata"]["name"], "-n", NAMESPACE, "--wait=false")
    deliver(journey, 2)
    (follower,) = automation.wait_ready()
    assert follower["metadata"]["uid"] != gone["metadata"]["uid"]
    eventually(lambda: automation.leader() == follower["metadata"]["name"], what="the follower to lead")
    journey.require_exact(journey.commits(), [build(number) for number in range(3)])


def deliver(journey: Journey, number: int) -> None:
    """Push a tag and wait until it is committed and reported."""
    journey.push(build(number))
    journey.scan()
    eventually(journey.repository_has(build(number)), what=f"build {number} in Git", seconds=SECONDS)
    journey.settle(build(number))
