"""A whole process on a scripted API server, with reconcilers that a test holds and lets go."""

import asyncio
from datetime import timedelta
from typing import Any

from api.resource import Resource
from controllers.clock import SYSTEM_CLOCK, Clock
from controllers.runtime.process.flags import parse
from controllers.runtime.process.kind import Kind
from controllers.runtime.process.process import Process
from controllers.runtime.reconcile.outcome import Outcome, Ready
from controllers.runtime.reconcile.run import Run
from testing.apiserver import ScriptedServer
from testing.thing import THINGS, Thing, ThingStatus

QUIET = ("--metrics-addr=", "--health-addr=127.0.0.1:0")
TEST_TIMEOUT_SECONDS = 10


class SignallingReconciler:
    """A reconciler that signals when it runs and waits for permission to end."""

    def __init__(self) -> None:
        self.started = asyncio.Event()
        self.may_end = asyncio.Event()
        self.may_end.set()
        self.ended: list[str] = []

    async def reconcile(self, run: Run[Thing, ThingStatus]) -> Outcome:
        self.started.set()
        try:
            await self.may_end.wait()
        except asyncio.CancelledError:
            self.ended.append("cancelled")
            raise
        self.ended.append("finished")
        return Ready("all well", timedelta(hours=1))


class ProcessHarness:
    """A running process of one kind, THINGS, or two, against a scripted API server."""

    def __init__(
        self, api: ScriptedServer, *argv: str, clock: Clock = SYSTEM_CLOCK, second: Resource | None = None
    ) -> None:
        self.reconciler, self.second_reconciler = SignallingReconciler(), SignallingReconciler()
        self.closed: list[str] = []
        self.process = Process(
            parse((*QUIET, *argv)),
            name="thing",
            config=api.config,
            clock=clock,
            environ={"RUNTIME_NAMESPACE": "system"},
        )
        self.kind = Kind(self.process, THINGS, into=Thing, component="thing-operator")
        self.kind.reconcile_with(self.reconciler)
        if second:
            Kind(self.process, second, into=Thing, component="second-operator").reconcile_with(self.second_reconciler)
        for name in ("first", "second"):
            self.process.add_cleanup(self._closer(name))
        self.task = asyncio.create_task(self.process.run())

    def _closer(self, name: str) -> Any:
        async def close() -> None:
            self.closed.append(name)

        return close

    async def until_running(self) -> None:
        """Return when the first kind's reconciler runs."""
        async with asyncio.timeout(TEST_TIMEOUT_SECONDS):
            await self.reconciler.started.wait()

    async def exit_status(self) -> int:
        """Wait for the end of the process."""
        async with asyncio.timeout(TEST_TIMEOUT_SECONDS):
            return await self.task
