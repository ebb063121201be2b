import asyncio

import pytest

from controllers.clock import wait_for
from testing.clock import VirtualClock, settle


async def work(clock: VirtualClock, seconds: float, log: list[str]) -> str:
    try:
        await clock.sleep(seconds)
    except asyncio.CancelledError:
        log.append("cancelled")
        raise
    return "done"


async def test_what_is_done_in_time_is_returned() -> None:
    clock = VirtualClock()
    task = asyncio.create_task(wait_for(clock, 5, work(clock, 4, [])))
    await clock.advance(4)
    assert await task == "done"
    assert clock.sleeper_count == 0


async def test_what_takes_longer_is_cancelled() -> None:
    clock, log = VirtualClock(), list[str]()
    task = asyncio.create_task(wait_for(clock, 5, work(clock, 6, log)))
    await clock.advance(5)
    with pytest.raises(TimeoutError, match="not done within 5 s"):
        await task
    assert log == ["cancelled"]


async def test_a_caller_that_is_cancelled_cancels_the_work() -> None:
    clock, log = VirtualClock(), list[str]()
    task = asyncio.create_task(wait_for(clock, 5, work(clock, 6, log)))
    await settle()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (log, clock.sleeper_count) == (["cancelled"], 0)


async def test_errors_pass() -> None:
    async def fail() -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await wait_for(VirtualClock(), 5, fail())
