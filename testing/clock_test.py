import asyncio

import pytest

from testing.clock import START, VirtualClock


async def test_sleepers_wake_in_order_of_deadline_at_their_own_time() -> None:
    clock = VirtualClock()
    woken: list[tuple[str, float]] = []

    async def sleeper(name: str, seconds: float) -> None:
        await clock.sleep(seconds)
        woken.append((name, clock.monotonic()))

    async with asyncio.TaskGroup() as group:
        for name, seconds in (("late", 3.0), ("soon", 1.0), ("soon-too", 1.0)):
            group.create_task(sleeper(name, seconds))
        await clock.advance(2)
        assert woken == [("soon", 1.0), ("soon-too", 1.0)]
        assert clock.sleeper_count == 1
        assert clock.next_wake == 1.0
        await clock.advance(1)
    assert woken[-1] == ("late", 3.0)
    assert (clock.now() - START).total_seconds() == 3


async def test_a_woken_task_may_sleep_again_within_one_advance() -> None:
    clock = VirtualClock()
    ticks: list[float] = []

    async def ticker() -> None:
        while True:
            await clock.sleep(10)
            ticks.append(clock.monotonic())

    task = asyncio.create_task(ticker())
    await clock.advance(35)
    assert ticks == [10, 20, 30]
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert clock.sleeper_count == 0
    assert clock.next_wake is None


async def test_waiting_for_sleepers_ends_when_they_sleep() -> None:
    clock = VirtualClock()
    waiting = asyncio.create_task(clock.wait_for_sleepers(2))
    tasks = [asyncio.create_task(clock.sleep(1)) for _ in range(2)]
    async with asyncio.timeout(5):
        await waiting
    await clock.advance(1)
    await asyncio.gather(*tasks)


async def test_waiting_for_a_wake_passes_over_those_that_sleep_long() -> None:
    clock = VirtualClock()
    tasks = [asyncio.create_task(clock.sleep(90))]
    waiting = asyncio.create_task(clock.wait_for_wake(30))
    await clock.wait_for_sleepers()
    assert not waiting.done()
    tasks.append(asyncio.create_task(clock.sleep(20)))
    async with asyncio.timeout(5):
        assert await waiting == 20
    await clock.advance(90)
    await asyncio.gather(*tasks)


async def test_wall_clock_steps_leave_monotonic_time_alone() -> None:
    clock = VirtualClock()
    clock.step_wall_clock(-60)
    assert (clock.now() - START).total_seconds() == -60
    assert clock.monotonic() == 0
