"""`e2e.apifaults.__main__`: a run that a signal has ended is no run without violations."""

import asyncio
import os
import signal

import pytest

from e2e.apifaults.__main__ import until_stopped


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_the_work_and_what_it_has_started(number: signal.Signals) -> None:
    closed = []

    async def work() -> None:
        asyncio.get_running_loop().call_soon(os.kill, os.getpid(), number)
        try:
            await asyncio.Event().wait()
        finally:
            closed.append(number)

    before = signal.getsignal(number)
    try:
        assert not await until_stopped(work())
    finally:
        asyncio.get_running_loop().remove_signal_handler(number)
        signal.signal(number, before)
    assert closed == [number]


async def test_work_that_was_done_is_whole() -> None:
    assert await until_stopped(asyncio.sleep(0))
