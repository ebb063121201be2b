import asyncio
import logging
from datetime import datetime, timedelta
from random import Random

import pytest

from controllers.clock import Clock
from controllers.runtime.kube.errors import ApiError, Unreachable
from controllers.runtime.reconcile.leader import (
    LEASES,
    AlwaysLeader,
    ElectionConfig,
    LeaderElector,
    LostLeadership,
    lease_name,
)
from testing.apistore import ApiStore, Json
from testing.clock import VirtualClock, settle
from testing.kube import FakeKube


class FakeLeaseApi:
    """A server with one lease, and who wrote it when."""

    def __init__(self, clock: VirtualClock) -> None:
        self.clock = clock
        self.writes: list[tuple[float, str]] = []
        self.store = ApiStore(self._record)

    def _record(self, event: str, plural: str, lease: Json) -> None:
        self.writes.append((self.clock.monotonic(), lease["spec"]["holderIdentity"]))

    @property
    def lease(self) -> Json | None:
        return next(iter(self.store.list(LEASES.plural)), None)


class LeaseConnection(FakeKube):
    """One candidate's connection to the server; can be cut off, or be slow."""

    def __init__(self, api: FakeLeaseApi) -> None:
        super().__init__(api.store)
        self.error: ApiError | None = None
        self.delay = 0.0
        self.before = self._reach
        self._clock = api.clock

    async def _reach(self, _: str) -> None:
        if self.delay:
            await self._clock.sleep(self.delay)
        if self.error:
            raise self.error


class ElectorHarness:
    """An elector that runs like a process does."""

    def __init__(self, api: FakeLeaseApi, identity: str, *, clock: Clock | None = None) -> None:
        self.line = LeaseConnection(api)
        self.observed: list[bool] = []
        self.elector = LeaderElector(
            self.line,
            ElectionConfig("ns", "thing-leader-election", identity=identity),
            clock=clock or api.clock,
            rng=Random(1),  # noqa: S311
            log=logging.getLogger("controllers.test"),
            observe=self.observed.append,
        )
        self.task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        await self.elector.acquire()
        await self.elector.renew()

    def leads(self) -> bool:
        try:
            self.elector.check()
        except LostLeadership:
            return False
        return True

    async def stop(self) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)
        await self.elector.release()

    async def kill(self) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def api(clock: VirtualClock) -> FakeLeaseApi:
    return FakeLeaseApi(clock)


def holder(api: FakeLeaseApi) -> str:
    assert api.lease
    found: str = api.lease["spec"]["holderIdentity"]
    return found


async def test_the_first_candidate_creates_the_lease_and_renews_it(api: FakeLeaseApi) -> None:
    one = ElectorHarness(api, "one")
    await api.clock.advance(60)
    assert one.leads()
    assert api.lease
    assert api.lease["metadata"]["resourceVersion"] == "13"
    assert api.lease["spec"] == {
        "holderIdentity": "one",
        "leaseDurationSeconds": 35,
        "acquireTime": "2024-01-01T00:00:00.000000Z",
        "renewTime": "2024-01-01T00:01:00.000000Z",
        "leaseTransitions": 0,
    }
    await one.stop()


async def test_never_two_leaders_and_the_second_takes_over_soon_after_a_release(api: FakeLeaseApi) -> None:
    one, two = ElectorHarness(api, "one"), ElectorHarness(api, "two")
    await api.clock.advance(100)
    assert (one.leads(), two.leads()) == (True, False)
    await one.stop()
    assert not one.leads()
    assert holder(api) == ""
    await api.clock.advance(6.1)
    assert two.leads()
    assert api.lease
    assert api.lease["spec"]["leaseTransitions"] == 1
    assert (one.observed, two.observed) == ([True, False], [True])
    await two.stop()


async def test_a_dead_leader_s_lease_is_taken_after_its_duration_and_not_before(api: FakeLeaseApi) -> None:
    one, two = ElectorHarness(api, "one"), ElectorHarness(api, "two")
    await api.clock.advance(50)
    await one.kill()
    renewed = api.writes[-1][0]
    await api.clock.advance(renewed + 35 - api.clock.monotonic() - 0.1)
    assert not two.leads()
    await api.clock.advance(12)
    assert two.leads()
    assert api.writes[-1][1] == "two"
    await two.stop()


async def test_a_leader_that_is_cut_off_stops_before_another_may_start(api: FakeLeaseApi) -> None:
    one, two = ElectorHarness(api, "one"), ElectorHarness(api, "two")
    await api.clock.advance(50)
    one.line.error = Unreachable("patch", "reset")
    leaders = []
    for _ in range(600):
        await api.clock.advance(0.1)
        leaders.append((one.leads(), two.leads()))
    assert (True, True) not in leaders
    assert leaders[-1] == (False, True)
    with pytest.raises(LostLeadership):
        await one.task
    await two.stop()


async def test_a_short_outage_of_the_api_loses_nothing(api: FakeLeaseApi) -> None:
    one = ElectorHarness(api, "one")
    await api.clock.advance(50)
    one.line.error = Unreachable("patch", "reset")
    await api.clock.advance(20)
    one.line.error = None
    await api.clock.advance(60)
    assert one.leads()
    assert one.observed == [True]
    await one.stop()


async def test_a_request_that_hangs_is_cut_at_the_renew_deadline(api: FakeLeaseApi) -> None:
    one = ElectorHarness(api, "one")
    await api.clock.advance(50)
    one.line.delay = 1000
    await api.clock.advance(31)
    with pytest.raises(LostLeadership):
        await one.task


async def test_check_does_not_wait_for_the_renew_loop_to_notice(clock: VirtualClock) -> None:
    """A process that was stopped, or whose loop was held: time passes and nothing runs."""
    api = FakeLeaseApi(clock)
    frozen = VirtualClock()
    one = ElectorHarness(api, "one", clock=frozen)
    await settle()
    assert one.leads()
    frozen.skip(30)
    assert not one.leads()
    await one.kill()


class Skewed:
    """The same time, by a wall clock that is wrong."""

    def __init__(self, clock: VirtualClock, by: timedelta) -> None:
        self._clock = clock
        self._by = by

    def now(self) -> datetime:
        return self._clock.now() + self._by

    def monotonic(self) -> float:
        return self._clock.monotonic()

    async def sleep(self, seconds: float) -> None:
        await self._clock.sleep(seconds)


@pytest.mark.parametrize("skew", [pytest.param(-1, id="a-day-behind"), pytest.param(1, id="a-day-ahead")])
async def test_wall_clocks_are_never_compared(api: FakeLeaseApi, skew: int) -> None:
    one = ElectorHarness(api, "one", clock=Skewed(api.clock, timedelta(days=skew)))
    await settle()
    two = ElectorHarness(api, "two")
    await api.clock.advance(150)
    assert (one.leads(), two.leads()) == (True, False)
    await one.kill()
    await api.clock.advance(45)
    assert two.leads()
    await two.kill()


async def test_a_candidate_that_just_arrived_waits_a_whole_lease_duration(api: FakeLeaseApi) -> None:
    one = ElectorHarness(api, "one")
    await api.clock.advance(20)
    await one.kill()
    await api.clock.advance(34)  # nearly over, but a newcomer cannot know
    two = ElectorHarness(api, "two")
    await api.clock.advance(34)
    assert not two.leads()
    await api.clock.advance(10)
    assert two.leads()
    await two.kill()


async def test_a_leader_whose_lease_was_taken_stops(api: FakeLeaseApi) -> None:
    one = ElectorHarness(api, "one")
    await api.clock.advance(10)
    stolen = {"spec": {"holderIdentity": "thief", "renewTime": "2030-01-01T00:00:00.000000Z"}}
    api.store.change(LEASES.plural, "ns", "thing-leader-election", stolen)
    await api.clock.advance(31)
    with pytest.raises(LostLeadership):
        await one.task
    assert holder(api) == "thief"
    await one.elector.release()
    assert holder(api) == "thief"


async def test_of_two_that_create_at_once_one_wins(api: FakeLeaseApi) -> None:
    candidates = [ElectorHarness(api, name) for name in ("one", "two")]
    await api.clock.advance(60)
    assert sorted(candidate.leads() for candidate in candidates) == [False, True]
    for candidate in candidates:
        await candidate.kill()


async def test_release_can_be_switched_off(api: FakeLeaseApi) -> None:
    line = LeaseConnection(api)
    election = ElectionConfig("ns", "lease", identity="one", release_on_cancel=False)
    elector = LeaderElector(
        line,
        election,
        clock=api.clock,
        rng=Random(1),  # noqa: S311
        log=logging.getLogger("controllers.test"),
    )
    await elector.acquire()
    await elector.release()
    assert holder(api) == "one"


@pytest.mark.parametrize(
    ("component", "selector", "name"),
    [
        pytest.param("image-reflector-controller", "", "image-reflector-controller-leader-election", id="plain"),
        pytest.param(
            "image-reflector-controller",
            "sharding.fluxcd.io/key=shard1",
            "image-reflector-controller-leader-election-73fdc1be",
            id="shard",
        ),
    ],
)
def test_lease_names(component: str, selector: str, name: str) -> None:
    assert lease_name(component, selector) == name


@pytest.mark.parametrize(
    ("lease", "renew", "retry"),
    [
        pytest.param(30, 30, 5, id="no-margin-before-others-take-over"),
        pytest.param(35, 5, 5, id="no-time-for-a-retry"),
        pytest.param(35, 30, 0, id="busy-loop"),
    ],
)
def test_durations_that_cannot_work_are_refused(lease: float, renew: float, retry: float) -> None:
    with pytest.raises(ValueError, match="leader election needs"):
        ElectionConfig(
            "ns",
            "name",
            lease_duration=timedelta(seconds=lease),
            renew_deadline=timedelta(seconds=renew),
            retry_period=timedelta(seconds=retry),
        )


def test_without_election_everybody_leads() -> None:
    AlwaysLeader().check()
