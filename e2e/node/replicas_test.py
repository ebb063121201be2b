"""`manifests/components`: high-availability, two replicas through updates, drains and the death of the leader."""

import itertools
import os
import re
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest

from e2e.cluster import eventually
from e2e.conftest import Parts
from e2e.journeys import Journey, build
from e2e.node.workload import Workload, pids
from hack import deployed
from hack.controllers import NAMESPACE, KubectlFailed
from hack.env.node import Node

SECONDS = 120
LEASE_SECONDS = 35
HANDOVER_SECONDS = 10
BETWEEN_TAGS_SECONDS = 1.0

Record = Callable[[str, object], None]


@pytest.fixture(scope="module")
def replicated(cluster: Parts, image: str) -> Iterator[None]:
    """Install the component; afterwards one replica is left, and no budget."""
    deployed.install(cluster.kubectl, image, components=["high-availability"])
    yield
    cluster.kubectl("delete", "poddisruptionbudgets", "--all", "-n", NAMESPACE)
    deployed.install(cluster.kubectl, image)


@pytest.fixture
def pair(replicated: None, automation: Workload) -> Workload:
    """Return the Deployment that pushes to Git once it has two ready pods, of which one leads."""
    automation.wait_ready(2)
    eventually(lambda: len(automation.leaders()) == 1, what="a leader", seconds=SECONDS)
    return automation


@dataclass(slots=True)
class Watch:
    """Notes how long nobody led, by what each pod says of itself every few hundredths of a second."""

    workload: Workload
    gaps: list[float] = field(default_factory=list)
    together: int = 0
    """How often two said so at the same time."""

    def follow(self, ended: threading.Event) -> None:
        """Look until the event comes."""
        since = time.monotonic()
        while not ended.is_set():
            leaders = len(self.workload.leaders())
            now = time.monotonic()
            self.together += leaders > 1
            if leaders:
                if now - since > 0.5:
                    self.gaps.append(now - since)
                since = now
            time.sleep(0.05)


@dataclass(slots=True)
class Stream:
    """Tags that CI pushes one after the other, each followed by a request for a scan."""

    journey: Journey
    last: int = 0

    def flow(self, ended: threading.Event) -> None:
        """Push until the event comes."""
        for number in itertools.count(1):
            self.journey.push(build(number))
            self.last = number
            self.journey.scan()
            if ended.wait(BETWEEN_TAGS_SECONDS):
                return


@contextmanager
def meanwhile(*activities: Callable[[threading.Event], None]) -> Iterator[None]:
    """Run activities in threads until the block ends."""
    ended = threading.Event()
    threads = [threading.Thread(target=activity, args=(ended,)) for activity in activities]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        ended.set()
        for thread in threads:
            thread.join()


def require_every_commit_once(journey: Journey, last: int) -> int:
    """Assert that commits went through ever newer builds up to the last, each once; return how many there are."""
    commits = journey.commits()
    tags = [re.sub(r".*:", "", commit.message) for commit in commits]
    assert tags == sorted(set(tags))
    assert tags[-1] == build(last)
    journey.require_exact(commits, [build(0), *tags])
    return len(commits)


def test_update_to_another_version_hands_over_and_commits_everything_once(
    pair: Workload, node: Node, image: str, journey: Journey, record_property: Record
) -> None:
    """For a while both versions are there; the newer one takes over when the older one ends."""
    other = node.tag_image(image, "tagline.local/tagline:next")
    old = {pod["metadata"]["uid"] for pod in pair.pods()}
    watch, stream = Watch(pair), Stream(journey)
    with meanwhile(watch.follow, stream.flow):
        time.sleep(3)
        pair.patch_container(image=other)
        pair.kubectl("rollout", "status", "-n", NAMESPACE, f"deployment/{pair.name}", f"--timeout={SECONDS}s")
        time.sleep(3)
    journey.settle(build(stream.last))
    commits = require_every_commit_once(journey, stream.last)
    assert not old & {pod["metadata"]["uid"] for pod in pair.wait_ready(2)}
    longest = max(watch.gaps, default=0.0)
    print(f"\nrolling update: {longest:.1f} s without a leader, {stream.last} tags, {commits} commits, each once")
    record_property("leaderless_seconds", round(longest, 1))
    assert longest < HANDOVER_SECONDS
    assert watch.together == 0
    pair.patch_container(image=image)


def test_rollout_restart_replaces_all_pods_and_commits_everything_once(pair: Workload, journey: Journey) -> None:
    def rollout(*command: str) -> None:
        pair.kubectl("rollout", *command, "-n", NAMESPACE, f"deployment/{pair.name}")

    old = {pod["metadata"]["uid"] for pod in pair.pods()}
    watch, stream = Watch(pair), Stream(journey)
    with meanwhile(watch.follow, stream.flow):
        time.sleep(3)
        rollout("restart")
        rollout("status", f"--timeout={SECONDS}s")
        time.sleep(3)
    journey.settle(build(stream.last))
    require_every_commit_once(journey, stream.last)
    assert not old & {pod["metadata"]["uid"] for pod in pair.wait_ready(2)}
    assert watch.together == 0
    rollout("undo")
    rollout("status", f"--timeout={SECONDS}s")
    pair.wait_ready(2)


def test_leader_that_dies_is_followed_within_its_lease(pair: Workload, journey: Journey) -> None:
    (leader,) = pair.leaders()
    (pod,) = [pod for pod in pair.pods() if pod["metadata"]["name"] == leader]
    for pid in pids(pair.node, pod):  # as on a node that has lost its network or its power
        os.kill(pid, signal.SIGSTOP)
    died = time.monotonic()
    journey.push(build(1))
    journey.scan()
    eventually(journey.repository_has(build(1)), what="the commit", seconds=LEASE_SECONDS + SECONDS)
    took = time.monotonic() - died
    print(f"\nleader frozen: the next tag was committed after {took:.1f} s")
    assert took < LEASE_SECONDS + 2 * HANDOVER_SECONDS
    pair.wait_ready(2)
    journey.settle(build(1))
    require_every_commit_once(journey, 1)


def test_drain_takes_one_replica_at_a_time_and_the_other_works_on(pair: Workload, node: Node, journey: Journey) -> None:
    drain = ["drain", node.name, f"--pod-selector=app={pair.name}", "--timeout=15s", "--delete-emptydir-data"]
    before = {pod["metadata"]["uid"] for pod in pair.pods()}
    try:
        with pytest.raises(KubectlFailed, match=r"disruption budget|timeout"):
            pair.kubectl(*drain, "--ignore-daemonsets")  # there is no other node for the second one's successor
        assert len(pair.ready_pods()) == 1
        eventually(lambda: len(pair.leaders()) == 1, what="a leader", seconds=SECONDS)
        journey.push(build(1))
        journey.scan()
        journey.settle(build(1))
    finally:
        pair.kubectl("uncordon", node.name)
    after = {pod["metadata"]["uid"] for pod in pair.wait_ready(2)}
    assert len(before & after) == 1
    require_every_commit_once(journey, 1)
