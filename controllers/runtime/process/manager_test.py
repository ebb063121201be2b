import asyncio
import json
import socket
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from controllers.runtime.clock import SYSTEM_CLOCK, Clock
from controllers.runtime.key import Key
from controllers.runtime.process.flags import parse
from controllers.runtime.process.manager import CannotStart, Manager
from controllers.runtime.queue.workqueue import Lane
from controllers.runtime.reconcile.events import EVENTS
from controllers.runtime.reconcile.leader import LEASES
from controllers.runtime.reconcile.outcome import Outcome, Ready, Retry
from controllers.runtime.reconcile.run import Run
from testing.apiserver import ScriptedServer
from testing.clock import VirtualClock
from testing.scripted_answers import fail
from testing.thing import THINGS, Thing, ThingStatus

LEASE = "thing-controller-leader-election"
QUIET = ("--metrics-addr=", "--health-addr=127.0.0.1:0")
TEST_TIMEOUT_SECONDS = 10


class Signalling:
    """A reconciler that tells when it runs and waits for permission to end."""

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


class ManagerHarness:
    """A manager with one controller, against a scripted API server."""

    def __init__(self, api: ScriptedServer, *argv: str, clock: Clock = SYSTEM_CLOCK) -> None:
        self.reconciler = Signalling()
        self.closed: list[str] = []
        self.manager = Manager(
            parse((*QUIET, *argv)),
            name="thing",
            component="thing-operator",
            config=api.config,
            clock=clock,
            environ={"RUNTIME_NAMESPACE": "system"},
        )
        self.informer = self.manager.informer(THINGS, into=Thing, own=True)
        self.queue = self.manager.queue("thing")
        lifecycle = self.manager.lifecycle(THINGS, self.informer, self.reconciler)
        self.manager.controller("thing", lifecycle, self.queue, resource=THINGS)
        self.manager.enqueue_primary(self.informer, self.queue)
        for name in ("first", "second"):
            self.manager.add_cleanup(self._closer(name))
        self.task = asyncio.create_task(self.manager.run())

    def _closer(self, name: str) -> Any:
        async def close() -> None:
            self.closed.append(name)

        return close

    async def until_running(self) -> None:
        async with asyncio.timeout(TEST_TIMEOUT_SECONDS):
            await self.reconciler.started.wait()

    async def exit_status(self) -> int:
        async with asyncio.timeout(TEST_TIMEOUT_SECONDS):
            return await self.task


@pytest.fixture
async def api() -> AsyncIterator[ScriptedServer]:
    async with ScriptedServer() as api:
        api.put(THINGS, {"metadata": {"namespace": "ns", "name": "app"}, "spec": {}})
        yield api


def events(api: ScriptedServer) -> list[str]:
    return [seen.json["message"] for seen in api.requests if seen.path.endswith(f"/{EVENTS.plural}")]


async def test_a_process_works_and_ends_in_order(api: ScriptedServer) -> None:
    process = ManagerHarness(api, "--enable-leader-election")
    process.reconciler.may_end.clear()
    await process.until_running()
    process.manager.stop()
    process.reconciler.may_end.set()
    assert await process.exit_status() == 0
    assert process.reconciler.ended == ["finished"]
    thing = api.get(THINGS, "ns", "app")
    assert thing
    assert thing["status"]["conditions"][0]["message"] == "all well"
    assert events(api) == ["all well"]
    lease = api.get(LEASES, "system", LEASE)
    assert lease
    assert lease["spec"]["holderIdentity"] == ""
    assert process.closed == ["second", "first"]
    await api.wait_for_watches(0)


async def test_a_run_that_outlasts_the_grace_period_is_cancelled(api: ScriptedServer) -> None:
    clock = VirtualClock()
    process = ManagerHarness(api, clock=clock)
    process.reconciler.may_end.clear()
    await process.until_running()
    process.manager.stop()
    await clock.advance(6.3)
    assert process.reconciler.ended == []
    await clock.advance(0.2)
    assert process.reconciler.ended == ["cancelled"]
    assert await process.exit_status() == 0


async def test_a_lost_lease_cancels_runs_at_once_and_fails(
    api: ScriptedServer, caplog: pytest.LogCaptureFixture
) -> None:
    clock = VirtualClock()
    process = ManagerHarness(api, "--enable-leader-election", clock=clock)
    process.reconciler.may_end.clear()
    await process.until_running()
    api.script("patch", *[fail(500)] * 100)
    await clock.advance(30)
    assert process.reconciler.ended == ["cancelled"]
    await clock.advance(10)
    assert await process.exit_status() == 1
    assert "stop, another replica may act" in json.dumps([vars(record).get("error") for record in caplog.records])


async def test_a_standby_is_ready_and_does_nothing(api: ScriptedServer) -> None:
    spec = {"holderIdentity": "somebody", "leaseDurationSeconds": 35, "leaseTransitions": 0}
    api.put(LEASES, {"metadata": {"namespace": "system", "name": LEASE}, "spec": spec})
    process = ManagerHarness(api, "--enable-leader-election", clock=VirtualClock())
    async with asyncio.timeout(TEST_TIMEOUT_SECONDS):
        await process.informer.synced.wait()
    assert (await process.manager.ready()).body == b"ok"
    process.manager.stop()
    assert await process.exit_status() == 0
    assert not process.reconciler.started.is_set()
    lease = api.get(LEASES, "system", LEASE)
    assert lease
    assert lease["spec"]["holderIdentity"] == "somebody"


async def test_before_the_first_list_the_process_is_not_ready(api: ScriptedServer) -> None:
    api.script("list", *[fail(403, "Forbidden")] * 100)
    process = ManagerHarness(api, clock=VirtualClock())
    async with asyncio.timeout(TEST_TIMEOUT_SECONDS):
        await api.wait_for_watches(0)
    assert (await process.manager.ready()).body == b"things.example.com: not listed yet\n"
    assert (await process.manager.live()).body == b"ok"
    process.manager.stop()
    assert await process.exit_status() == 0


async def test_a_kind_that_cannot_be_listed_ends_the_process_with_advice(
    api: ScriptedServer, caplog: pytest.LogCaptureFixture
) -> None:
    api.script("list", *[fail(403, "Forbidden")] * 1000)
    clock = VirtualClock()
    process = ManagerHarness(api, clock=clock)
    await clock.wait_for_sleepers(2)
    await clock.advance(120)
    assert await process.exit_status() == 1
    [told] = [vars(record)["error"] for record in caplog.records if record.msg == "stopping"]
    assert told.startswith("no complete list of things.example.com within 2m0s: are the CRDs installed")


async def test_an_address_in_use_ends_the_process(api: ScriptedServer, caplog: pytest.LogCaptureFixture) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        process = ManagerHarness(api, f"--health-addr=127.0.0.1:{taken.getsockname()[1]}")
        assert await process.exit_status() == 1
    assert "cannot listen" in caplog.text
    await process.manager.client.close()


async def test_what_is_there_at_start_is_behind_what_users_do(api: ScriptedServer) -> None:
    process = ManagerHarness(api)
    added: asyncio.Queue[tuple[str, Lane]] = asyncio.Queue()

    def add(key: Key, lane: Lane = Lane.USER) -> None:
        added.put_nowait((key.name, lane))

    process.queue.add = add  # type: ignore[method-assign]
    async with asyncio.timeout(TEST_TIMEOUT_SECONDS):
        assert await added.get() == ("app", Lane.RESYNC)
        api.put(THINGS, {"metadata": {"namespace": "ns", "name": "new"}, "spec": {}})
        assert await added.get() == ("new", Lane.USER)
    process.manager.stop()
    assert await process.exit_status() == 0


async def test_only_the_own_namespace_is_watched_when_told_so(api: ScriptedServer) -> None:
    process = ManagerHarness(api, "--watch-all-namespaces=false", "--watch-label-selector=shard=1")
    async with asyncio.timeout(TEST_TIMEOUT_SECONDS):
        await process.informer.synced.wait()
    seen = api.requests[0]
    assert seen.path == "/apis/example.com/v1/namespaces/system/things"
    assert seen.query["labelSelector"] == "shard=1"
    process.manager.stop()
    assert await process.exit_status() == 0


@pytest.mark.parametrize(
    ("flag", "message"),
    [
        pytest.param("--metrics-addr=8080", "is not an address", id="address"),
        pytest.param("--leader-election-renew-deadline=1h", "leader election needs", id="durations"),
    ],
)
async def test_settings_that_cannot_work_are_refused(api: ScriptedServer, flag: str, message: str) -> None:
    with pytest.raises(CannotStart, match=message):
        Manager(parse(["--enable-leader-election", flag]), name="thing", component="c", config=api.config)


async def test_a_failing_object_does_not_hold_up_the_end(api: ScriptedServer) -> None:
    process = ManagerHarness(api)

    async def refuse(run: Run[Thing, ThingStatus]) -> Outcome:
        process.reconciler.started.set()
        return Retry("Denied", "no")

    process.reconciler.reconcile = refuse  # type: ignore[method-assign]
    await process.until_running()
    process.manager.stop()
    assert await process.exit_status() == 0
