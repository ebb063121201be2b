"""`controllers.runtime.queue.failures` inside the queue: an outage, on virtual time."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from controllers.runtime.key import Key
from controllers.runtime.queue.failures import WAKE_SPACING
from controllers.runtime.queue.workqueue import Cause, QueueShutDown, WorkQueue
from testing.clock import VirtualClock

A = Key("ns", "a")
FAR = 10_000.0


class Outage:
    """A queue whose keys fail until `ends`; what it tried and what it was told."""

    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.queue = WorkQueue(self.clock)
        self.ends = FAR
        self.run_seconds = 0.0
        self.retry_after = 0.0
        self.left_alone = timedelta()
        self.tries: list[float] = []
        self.task = asyncio.create_task(self._work())

    async def _work(self) -> None:
        while True:
            try:
                key = await self.queue.get()
            except QueueShutDown:
                return
            self.tries.append(round(self.clock.monotonic(), 3))
            if self.run_seconds:
                await self.clock.sleep(self.run_seconds)
            if self.clock.monotonic() >= self.ends:
                self.queue.forget(key)
            elif self.retry_after:
                self.queue.retry_after(key, timedelta(seconds=self.retry_after))
            else:
                self.queue.add_rate_limited(key, left_alone=self.left_alone)
            self.queue.done(key)

    async def send(self, cause: Cause, *moments: float) -> None:
        """Add the key at each of these moments."""
        for moment in moments:
            await self.clock.advance(moment - self.clock.monotonic())
            self.queue.add(A, cause=cause)
            await self.clock.advance(0)

    async def run_until(self, moment: float) -> list[float]:
        await self.clock.advance(moment - self.clock.monotonic())
        return self.tries


@pytest.fixture
async def outage() -> AsyncIterator[Outage]:
    outage = Outage()
    yield outage
    outage.queue.shut_down()
    outage.task.cancel()
    await asyncio.gather(outage.task, return_exceptions=True)


@pytest.mark.parametrize(
    ("cause", "success"),
    [pytest.param(Cause.CHANGE, 10.25, id="changes"), pytest.param(Cause.REQUEST, 11.25, id="requests")],
)
async def test_fourteen_wake_ups_in_an_outage_of_ten_seconds_leave_the_backoff_as_it_is(
    outage: Outage, cause: Cause, success: float
) -> None:
    outage.ends = 10
    await outage.send(cause, *(number * 0.7 for number in range(14)))
    tries = await outage.run_until(FAR)
    assert [moment for moment in tries if moment >= 10] == [success]


async def test_changes_do_not_ask_a_host_that_is_down_more_often_than_every_few_seconds(outage: Outage) -> None:
    await outage.send(Cause.CHANGE, *(number / 10 for number in range(1000)))
    own = [0, 0.75, 2.25, 5.25, 11.25, 23.25, 47.25, 95.25]
    assert len(await outage.run_until(100)) <= len(own) + 100 / WAKE_SPACING.total_seconds()
    assert set(own) <= set(outage.tries)


@pytest.mark.parametrize("cause", list(Cause))
async def test_a_wake_up_after_a_long_outage_acts_at_once(outage: Outage, cause: Cause) -> None:
    await outage.send(Cause.CHANGE, 0)
    await outage.run_until(3000)
    outage.ends = 3000
    await outage.send(cause, 3001)
    assert (await outage.run_until(FAR))[-1] == 3001, "what it had planned is not needed any more"


async def test_a_change_right_after_a_failed_try_acts_within_seconds(outage: Outage) -> None:
    await outage.send(Cause.CHANGE, 0)
    await outage.run_until(3000)
    await outage.send(Cause.CHANGE, 3001, 3002)
    outage.ends = 3003
    assert (await outage.run_until(FAR))[-2:] == [3001, 3006]


async def test_a_change_during_a_try_that_fails_is_not_lost_and_not_at_once(outage: Outage) -> None:
    await outage.send(Cause.CHANGE, 0)
    await outage.run_until(3000)
    outage.run_seconds = 10
    await outage.send(Cause.CHANGE, 3001, 3002)
    outage.ends = 3012
    assert (await outage.run_until(FAR))[-2:] == [3001, 3016]


async def test_an_edit_starts_the_backoff_anew_also_during_a_try(outage: Outage) -> None:
    await outage.send(Cause.CHANGE, 0)
    await outage.run_until(3000)
    await outage.send(Cause.EDIT, 3001)
    assert (await outage.run_until(3004))[-3:] == [3001, 3001.75, 3003.25]
    outage.run_seconds = 10
    await outage.run_until(3008)
    await outage.send(Cause.EDIT, 3009)
    assert (await outage.run_until(3027.5))[-2:] == [3016.25, 3027], "at once, and after the first delay again"


async def test_a_try_from_outside_that_outlasts_the_pending_one_counts_as_its(outage: Outage) -> None:
    outage.run_seconds = 30
    await outage.send(Cause.REQUEST, 0, 30.2)
    assert (await outage.run_until(95))[:3] == [0, 30.2, 61.7], "1.5 s after the second, not at once"


async def test_a_time_that_the_other_side_named_is_kept_but_for_wake_ups(outage: Outage) -> None:
    outage.retry_after = 1000
    await outage.send(Cause.CHANGE, 0, 1, 2, 100)
    assert await outage.run_until(1050) == [0, 5, 100]
    assert (await outage.run_until(1150))[-1] == 1100


async def test_a_time_that_was_named_does_not_hold_another_failure(outage: Outage) -> None:
    outage.retry_after = 1000
    await outage.send(Cause.CHANGE, 0)
    outage.retry_after = 0
    await outage.send(Cause.CHANGE, 10, 11)
    assert await outage.run_until(14) == [0, 10, 10.75, 12.25]


async def test_a_wake_up_that_could_not_reach_a_host_left_alone_is_made_up_for(outage: Outage) -> None:
    await outage.send(Cause.CHANGE, 0)
    await outage.run_until(3000)
    outage.left_alone = timedelta(seconds=8)
    await outage.send(Cause.REQUEST, 3001)
    outage.ends = 3002
    assert (await outage.run_until(FAR))[-1] == 3009


async def test_the_queue_itself_does_not_try_while_a_host_is_left_alone(outage: Outage) -> None:
    outage.left_alone = timedelta(seconds=10)
    await outage.send(Cause.CHANGE, 0)
    assert await outage.run_until(60) == [0, 10, 20, 30, 40, 52]
