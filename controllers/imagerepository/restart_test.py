"""`controllers.imagerepository`: a restart with a thousand repositories scans only what is due and writes nothing."""

import logging
from datetime import timedelta
from random import Random

import pytest

from api.imagerepository import ImageRepository
from api.names import IMAGE_REPOSITORIES
from controllers.runtime.key import Key
from controllers.runtime.reconcile.leader import AlwaysLeader
from controllers.runtime.reconcile.lifecycle import Lifecycle
from controllers.runtime.reconcile.outcome import Ready
from testing.builders import image_repository
from testing.clock import VirtualClock
from testing.kube import FakeCache, FakeKube
from testing.lifecycle import FakeRecorder
from testing.repository_harness import MINUTE, RepositoryHarness

COUNT = 1000


class ScannerProcess:
    """One life of the scanner; what it knows is what it reads."""

    def __init__(self, kube: FakeKube, clock: VirtualClock, *, jitter: int) -> None:
        harness = RepositoryHarness(kube)
        self.registry, self.events = harness.registry, FakeRecorder()
        self.lifecycle = Lifecycle(
            kube,
            IMAGE_REPOSITORIES,
            FakeCache(*kube.all(IMAGE_REPOSITORIES.plural, ImageRepository)),
            harness.reconciler,
            events=self.events,
            clock=clock,
            log=logging.getLogger("test"),
            field_manager="test",
            leader=AlwaysLeader(),
            jitter_percentage=jitter,
            rng=Random(1),  # noqa: S311 - the test's own
        )

    async def run_all(self) -> list[timedelta]:
        """When each wants to run again."""
        outcomes = [await self.lifecycle(Key("apps", f"app-{number}")) for number in range(COUNT)]
        return [outcome.requeue_after for outcome in outcomes if isinstance(outcome, Ready) and outcome.requeue_after]


@pytest.mark.parametrize("jitter", [pytest.param(0, id="exact"), pytest.param(5, id="spread")])
async def test_a_restart_neither_scans_nor_writes(jitter: int) -> None:
    kube, clock = FakeKube(), VirtualClock()
    for number in range(COUNT):
        kube.put(IMAGE_REPOSITORIES.plural, image_repository(f"app-{number}"))
    first = ScannerProcess(kube, clock, jitter=jitter)
    delays = await first.run_all()
    assert len(first.registry.asked) == COUNT
    assert (len(set(delays)) > COUNT * 0.9) == bool(jitter)

    await clock.advance(MINUTE.total_seconds())
    kube.requests.clear()
    again = ScannerProcess(kube, clock, jitter=jitter)
    later = await again.run_all()
    assert (again.registry.asked, kube.requests, again.events.events) == ([], [], [])
    assert [delay + MINUTE for delay in later] == delays
