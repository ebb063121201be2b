"""`/healthz`, `/readyz` and `/metrics`: what kubelet and Prometheus ask.

Alive means that the event loop runs what is due. Ready means that every cache is synced and fresh; it does not mean
being the leader, so that a standby replica is ready, too (Flux's rule).
"""

import asyncio
from collections.abc import Callable
from http import HTTPStatus

from prometheus_client import CONTENT_TYPE_LATEST

from controllers.runtime.process.httpserver import RequestHandler, Response

MAX_LOOP_LAG_SECONDS = 30.0

HealthCheck = Callable[[], str | None]
"""Returns what is wrong; None when all is well. Costs nothing."""


class HealthChecks:
    """Named checks behind one path. Add them before serving, or any time later."""

    def __init__(self) -> None:
        self._checks: dict[str, HealthCheck] = {}

    def add(self, name: str, check: HealthCheck) -> None:
        self._checks[name] = check

    async def __call__(self) -> Response:
        """200 `ok`, or 503 with one line for each check that fails."""
        wrong = {name: reason for name, check in self._checks.items() if (reason := check()) is not None}
        if not wrong:
            return Response(b"ok")
        lines = "".join(f"{name}: {reason}\n" for name, reason in sorted(wrong.items()))
        return Response(lines.encode(), HTTPStatus.SERVICE_UNAVAILABLE)


def make_loop_check(late: Callable[[], float]) -> HealthCheck:
    """Return the check that fails when the event loop has not run what was due for half a minute."""

    def check() -> str | None:
        seconds = late()
        return f"the event loop is {seconds:.0f} s late" if seconds > MAX_LOOP_LAG_SECONDS else None

    return check


def make_metrics_handler(render: Callable[[], bytes]) -> RequestHandler:
    """Return the page that renders the metrics, in a thread since that takes long with many objects."""

    async def page() -> Response:
        return Response(await asyncio.to_thread(render), content_type=CONTENT_TYPE_LATEST)

    return page
