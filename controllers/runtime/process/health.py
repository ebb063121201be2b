"""`/healthz`, `/readyz` and `/metrics`: what kubelet and Prometheus ask, and how late the event loop is.

Alive means that the event loop runs what is due. Ready means that every cache is synced and fresh; it does not mean
being the leader, so that a standby replica is ready, too (Flux's rule).
"""

import asyncio
import logging
from collections.abc import Callable
from functools import partial
from http import HTTPStatus

from prometheus_client import CONTENT_TYPE_LATEST
from prometheus_client.openmetrics.exposition import CONTENT_TYPE_LATEST as OPENMETRICS

from controllers.clock import Clock
from controllers.runtime import logkey
from controllers.runtime.process.httpserver import Request, Response
from controllers.singleflight import Singleflight

MAX_LOOP_LAG_SECONDS = 30.0
_LAG_INTERVAL_SECONDS = 0.5
"""Nothing else wakes a process that has nothing to do, so this is what it costs then."""
_REST_SHARE = 4  # of the time that a render of the metrics took
_LAG_LOG_THRESHOLD_SECONDS = 0.05  # the rule is that nothing holds the event loop for longer

HealthCheck = Callable[[], str | None]
"""Returns what is wrong; None when all is well. Costs nothing."""


class HealthChecks:
    """Named checks behind one path. Add them before serving, or any time later."""

    def __init__(self) -> None:
        self._checks: list[tuple[str, HealthCheck]] = []

    def add(self, name: str, check: HealthCheck) -> None:
        """Add a check; several may have the same name, as caches of one kind with different selectors do."""
        self._checks.append((name, check))

    async def __call__(self, _: Request) -> Response:
        """Return 200 `ok`, or 503 with one line for each check that fails."""
        wrong = [(name, reason) for name, check in self._checks if (reason := check()) is not None]
        if not wrong:
            return Response(b"ok")
        lines = "".join(f"{name}: {reason}\n" for name, reason in sorted(wrong))
        return Response(lines.encode(), HTTPStatus.SERVICE_UNAVAILABLE)


class LoopLagMonitor:
    """Measures how late a timer fires: sees each hold of the loop that covers the moment it is due, as long ones do."""

    def __init__(self, clock: Clock, *, observe: Callable[[float], None], log: logging.Logger) -> None:
        self._clock = clock
        self._observe = observe
        self._log = log
        self._due: float | None = None

    async def run(self) -> None:
        """Measure until cancelled."""
        while True:
            self._due = self._clock.monotonic() + _LAG_INTERVAL_SECONDS
            await self._clock.sleep(_LAG_INTERVAL_SECONDS)
            lag = self.lag_seconds()
            self._observe(lag)
            if lag > _LAG_LOG_THRESHOLD_SECONDS:
                self._log.debug("the event loop was held", extra={logkey.DURATION: round(lag, 3)})

    def lag_seconds(self) -> float:
        """Return how long the measurement has been due; 0 before the first."""
        return 0.0 if self._due is None else max(self._clock.monotonic() - self._due, 0.0)


def make_loop_check(lag_seconds: Callable[[], float]) -> HealthCheck:
    """Return the check that fails when the event loop has not run what was due for half a minute."""

    def check() -> str | None:
        seconds = lag_seconds()
        return f"the event loop is {seconds:.0f} s late" if seconds > MAX_LOOP_LAG_SECONDS else None

    return check


class MetricsPage:
    """The page that renders the metrics, in a thread since that takes long with many objects.

    Who asks for OpenMetrics, as Prometheus does, gets it, and with it the exemplars; others get Prometheus' own text.
    Whoever asks gets what is so at that moment or later, one render for all who wait. Renders take a fifth of the time
    at most: otherwise, any pod that may read the metrics could keep the process busy with them.
    """

    def __init__(self, render: Callable[[bool], bytes], clock: Clock) -> None:
        """render: returns the text, of OpenMetrics where it is called with True."""
        self._render = render
        self._clock = clock
        self._calls: Singleflight[bytes] = Singleflight()
        self._turn = asyncio.Lock()
        self._rendering: asyncio.Future[bytes] | None = None
        self._next = 0.0
        """When the next render may begin, in monotonic seconds."""

    async def __call__(self, request: Request) -> Response:
        content_type = OPENMETRICS if accepts_openmetrics(request.accept) else CONTENT_TYPE_LATEST
        render = partial(self._render, content_type is OPENMETRICS)
        return Response(
            await self._calls.join(content_type, partial(self._render_next, render)), content_type=content_type
        )

    async def _render_next(self, render: Callable[[], bytes], begins: Callable[[], None]) -> bytes:
        async with self._turn:
            if self._rendering:  # a thread goes on when those who asked are gone
                await asyncio.wait({self._rendering})
            if (rest := self._next - self._clock.monotonic()) > 0:
                await self._clock.sleep(rest)
            begins()
            self._rendering = asyncio.ensure_future(self._render_in_thread(render))
            return await asyncio.shield(self._rendering)

    async def _render_in_thread(self, render: Callable[[], bytes]) -> bytes:
        began = self._clock.monotonic()
        try:
            return await asyncio.to_thread(render)
        finally:
            ended = self._clock.monotonic()
            self._next = ended + _REST_SHARE * (ended - began)


def accepts_openmetrics(accept: str) -> bool:
    """Return whether an Accept header has OpenMetrics 1.0, which is what is served, and does not refuse it (q=0)."""
    for one in accept.split(","):
        media_type, *parameters = (part.strip() for part in one.lower().split(";"))
        given = dict(name.partition("=")[::2] for name in parameters)
        if media_type == "application/openmetrics-text" and given.get("version", "1.0.0") == "1.0.0":
            return given.get("q", "1").strip("0.") != ""
    return False
