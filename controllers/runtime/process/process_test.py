import asyncio
import json
import socket
from collections.abc import AsyncIterator

import pytest

from controllers.runtime.key import Key
from controllers.runtime.process.httpserver import Request
from controllers.runtime.process.process import CannotStart
from controllers.runtime.queue.workqueue import Cause, Lane
from controllers.runtime.reconcile.events import EVENTS
from controllers.runtime.reconcile.leader import LEASES
from controllers.runtime.reconcile.outcome import Outcome, Retry
from controllers.runtime.reconcile.run import Run
from testing.apiserver import ScriptedServer
from testing.clock import VirtualClock
from testing.process import TEST_TIMEOUT_SECONDS, ProcessHarness
from testing.scripted_answers import fail
from testing.thing import THINGS, Thing, ThingStatus

LEASE = "thing-controller-leader-election"


@pytest.fixture
async def api() -> AsyncIterator[ScriptedServer]:
    async with ScriptedServer() as api:
        api.put(THINGS, {"metadata": {"namespace": "ns", "name": "app"}, "spec": {}})
        yield api


def events(api: ScriptedServer) -> list[str]:
    return [request.json["message"] for request in api.requests if request.path.endswith(f"/{EVENTS.plural}")]


async def test_a_process_works_and_ends_in_order(api: ScriptedServer) -> None:
    harness = ProcessHarness(api, "--enable-leader-election")
    harness.reconciler.may_end.clear()
    await harness.until_running()
    harness.process.stop()
    harness.reconciler.may_end.set()
    assert await harness.exit_status() == 0
    assert harness.reconciler.ended == ["finished"]
    thing = api.get(THINGS, "ns", "app")
    assert thing
    assert thing["status"]["conditions"][0]["message"] == "all well"
    assert events(api) == ["all well"]
    lease = api.get(LEASES, "system", LEASE)
    assert lease
    assert lease["spec"]["holderIdentity"] == ""
    assert harness.closed == ["second", "first"]
    await api.wait_for_watches(0)


async def test_a_run_that_outlasts_the_grace_period_is_cancelled(api: ScriptedServer) -> None:
    clock = VirtualClock()
    harness = ProcessHarness(api, clock=clock)
    harness.reconciler.may_end.clear()
    await harness.until_running()
    harness.process.stop()
    await clock.advance(6.3)
    assert harness.reconciler.ended == []
    await clock.advance(0.2)
    assert harness.reconciler.ended == ["cancelled"]
    assert await harness.exit_status() == 0


async def test_a_lost_lease_cancels_runs_at_once_and_fails(
    api: ScriptedServer, caplog: pytest.LogCaptureFixture
) -> None:
    clock = VirtualClock()
    harness = ProcessHarness(api, "--enable-leader-election", clock=clock)
    harness.reconciler.may_end.clear()
    await harness.until_running()
    api.script("patch", *[fail(500)] * 100)
    await clock.advance(30)
    assert harness.reconciler.ended == ["cancelled"]
    await clock.advance(10)
    assert await harness.exit_status() == 1
    assert "stop, another replica may act" in json.dumps([vars(record).get("error") for record in caplog.records])


async def test_a_standby_is_ready_and_does_nothing(api: ScriptedServer) -> None:
    spec = {"holderIdentity": "somebody", "leaseDurationSeconds": 35, "leaseTransitions": 0}
    api.put(LEASES, {"metadata": {"namespace": "system", "name": LEASE}, "spec": spec})
    harness = ProcessHarness(api, "--enable-leader-election", clock=VirtualClock())
    async with asyncio.timeout(TEST_TIMEOUT_SECONDS):
        await harness.kind.objects.synced.wait()
    assert (await harness.process.readiness(Request())).body == b"ok"
    harness.process.stop()
    assert await harness.exit_status() == 0
    assert not harness.reconciler.started.is_set()
    lease = api.get(LEASES, "system", LEASE)
    assert lease
    assert lease["spec"]["holderIdentity"] == "somebody"


async def test_before_the_first_list_the_process_is_not_ready(api: ScriptedServer) -> None:
    api.script("list", *[fail(403, "Forbidden")] * 100)
    harness = ProcessHarness(api, clock=VirtualClock())
    async with asyncio.timeout(TEST_TIMEOUT_SECONDS):
        await api.wait_for_watches(0)
    assert (await harness.process.readiness(Request())).body == b"things.example.com: not listed yet\n"
    assert (await harness.process.liveness(Request())).body == b"ok"
    harness.process.stop()
    assert await harness.exit_status() == 0


async def test_a_kind_that_cannot_be_listed_ends_the_process_with_advice(
    api: ScriptedServer, caplog: pytest.LogCaptureFixture
) -> None:
    api.script("list", *[fail(403, "Forbidden")] * 1000)
    clock = VirtualClock()
    harness = ProcessHarness(api, clock=clock)
    await clock.wait_for_sleepers(2)
    await clock.advance(120)
    assert await harness.exit_status() == 1
    [error] = [vars(record)["error"] for record in caplog.records if record.msg == "stopping"]
    assert error.startswith("no complete list of things.example.com within 2m0s: are the CRDs installed")


async def test_an_address_in_use_ends_the_process(api: ScriptedServer, caplog: pytest.LogCaptureFixture) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        harness = ProcessHarness(api, f"--health-addr=127.0.0.1:{taken.getsockname()[1]}")
        assert await harness.exit_status() == 1
    assert "cannot listen" in caplog.text
    await harness.process.client.close()


async def test_what_is_there_at_start_is_behind_what_users_do(api: ScriptedServer) -> None:
    harness = ProcessHarness(api)
    added: asyncio.Queue[tuple[str, Lane]] = asyncio.Queue()

    def add(key: Key, lane: Lane = Lane.USER, *, cause: Cause = Cause.REQUEST) -> None:
        added.put_nowait((key.name, lane))

    harness.kind.queue.add = add  # type: ignore[method-assign]
    async with asyncio.timeout(TEST_TIMEOUT_SECONDS):
        assert await added.get() == ("app", Lane.RESYNC)
        api.put(THINGS, {"metadata": {"namespace": "ns", "name": "new"}, "spec": {}})
        assert await added.get() == ("new", Lane.USER)
    harness.process.stop()
    assert await harness.exit_status() == 0


async def test_only_the_own_namespace_is_watched_with_the_flag(api: ScriptedServer) -> None:
    harness = ProcessHarness(api, "--watch-all-namespaces=false", "--watch-label-selector=shard=1")
    async with asyncio.timeout(TEST_TIMEOUT_SECONDS):
        await harness.kind.objects.synced.wait()
    first = api.requests[0]
    assert first.path == "/apis/example.com/v1/namespaces/system/things"
    assert first.query["labelSelector"] == "shard=1"
    harness.process.stop()
    assert await harness.exit_status() == 0


@pytest.mark.parametrize(
    ("flag", "message"),
    [
        pytest.param("--metrics-addr=8080", "is not an address", id="address"),
        pytest.param("--leader-election-renew-deadline=1h", "leader election needs", id="durations"),
    ],
)
async def test_settings_that_cannot_work_are_refused(api: ScriptedServer, flag: str, message: str) -> None:
    with pytest.raises(CannotStart, match=message):
        ProcessHarness(api, "--enable-leader-election", flag)


async def test_a_failing_object_does_not_hold_up_the_end(api: ScriptedServer) -> None:
    harness = ProcessHarness(api)

    async def refuse(run: Run[Thing, ThingStatus]) -> Outcome:
        harness.reconciler.started.set()
        return Retry("Denied", "no")

    harness.reconciler.reconcile = refuse  # type: ignore[method-assign]
    await harness.until_running()
    harness.process.stop()
    assert await harness.exit_status() == 0
