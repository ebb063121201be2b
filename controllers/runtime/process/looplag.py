"""How late the event loop is: the measure of the rule that nothing holds it for more than 50 ms.

A task sleeps a fixed time and compares. It sees a hold that covers the moment it is due, which is every long one.
"""

import logging
from collections.abc import Callable

from controllers.runtime import logkey
from controllers.runtime.clock import Clock

INTERVAL_SECONDS = 0.1
LOG_THRESHOLD_SECONDS = 0.05


class LoopLagMonitor:
    """`run` measures until cancelled; `late` tells how late the loop is right now."""

    def __init__(self, clock: Clock, *, observe: Callable[[float], None], log: logging.Logger) -> None:
        self._clock = clock
        self._observe = observe
        self._log = log
        self._due: float | None = None

    async def run(self) -> None:
        while True:
            self._due = self._clock.monotonic() + INTERVAL_SECONDS
            await self._clock.sleep(INTERVAL_SECONDS)
            lag = self.late()
            self._observe(lag)
            if lag > LOG_THRESHOLD_SECONDS:
                self._log.debug("the event loop was held", extra={logkey.DURATION: round(lag, 3)})

    def late(self) -> float:
        """Seconds since the measurement was due; 0 before the first."""
        return 0.0 if self._due is None else max(self._clock.monotonic() - self._due, 0.0)
