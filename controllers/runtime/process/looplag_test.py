import asyncio
import logging

import pytest

from controllers.runtime.process.looplag import LoopLagMonitor
from testing.clock import VirtualClock


async def test_a_held_loop_is_measured_and_told(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    clock = VirtualClock()
    seen: list[float] = []
    lag = LoopLagMonitor(clock, observe=seen.append, log=logging.getLogger("controllers.test"))
    assert lag.late() == 0
    task = asyncio.create_task(lag.run())
    await clock.advance(0.25)
    assert seen == pytest.approx([0, 0])
    assert "held" not in caplog.text
    clock.skip(3)  # the loop was held: time passed and nobody ran
    assert lag.late() == pytest.approx(2.95)
    await clock.advance(0)
    assert seen[-1] == pytest.approx(2.95)
    assert "the event loop was held" in caplog.text
    task.cancel()
