"""Several kinds in one process: what they share, and what each has for itself."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from api.resource import Resource
from controllers.runtime.key import Key, key_of
from controllers.runtime.process.process import Process
from controllers.runtime.queue.workqueue import Cause, Lane
from controllers.runtime.reconcile.events import EVENTS
from controllers.runtime.reconcile.leader import LEASES
from controllers.runtime.reconcile.outcome import Outcome, Waiting
from controllers.runtime.reconcile.run import Run
from testing.apiserver import ScriptedServer
from testing.clock import VirtualClock
from testing.process import TEST_TIMEOUT_SECONDS, ProcessHarness
from testing.scripted_answers import fail
from testing.thing import THINGS, Thing, ThingStatus

WIDGETS = Resource("example.com", "v1", "widgets", "Widget")
LEASE, SECOND_LEASE = "thing-controller-leader-election", "widget-controller-leader-election"


@pytest.fixture
async def api() -> AsyncIterator[ScriptedServer]:
    async with ScriptedServer() as api:
        for resource in (THINGS, WIDGETS):
            api.put(resource, {"metadata": {"namespace": "ns", "name": "app"}, "spec": {}})
        yield api


def holder(api: ScriptedServer, lease: str) -> str | None:
    stored = api.get(LEASES, "system", lease)
    return stored["spec"]["holderIdentity"] if stored else None


def occupy(api: ScriptedServer, lease: str) -> None:
    spec = {"holderIdentity": "somebody", "leaseDurationSeconds": 35, "leaseTransitions": 0}
    api.put(LEASES, {"metadata": {"namespace": "system", "name": lease}, "spec": spec})


async def until_second_runs(harness: ProcessHarness) -> None:
    async with asyncio.timeout(TEST_TIMEOUT_SECONDS):
        await harness.second_reconciler.started.wait()


async def test_each_kind_has_its_lease_its_metrics_and_its_component(api: ScriptedServer) -> None:
    harness = ProcessHarness(api, "--enable-leader-election", "--concurrent=3", second=WIDGETS)
    await harness.until_running()
    await until_second_runs(harness)
    assert holder(api, LEASE)
    assert holder(api, SECOND_LEASE)
    text = harness.process.metrics.render().decode()
    for kind in ("thing", "widget"):
        assert f'controller_runtime_max_concurrent_reconciles{{controller="{kind}"}} 3.0' in text
        assert f'leader_election_master_status{{name="{kind}-controller-leader-election"}} 1.0' in text
        assert f'workqueue_adds_total{{controller="{kind}",name="{kind}"}} 1.0' in text
    harness.process.stop()
    assert await harness.exit_status() == 0
    assert (holder(api, LEASE), holder(api, SECOND_LEASE)) == ("", "")
    recorded = [request.json for request in api.requests if request.path.endswith(f"/{EVENTS.plural}")]
    assert {event["involvedObject"]["kind"]: event["source"]["component"] for event in recorded} == {
        "Thing": "thing-operator",
        "Widget": "second-operator",
    }
    writes = [request for request in api.requests if request.path.endswith("/status")]
    assert {request.query["fieldManager"] for request in writes} == {"thing-operator", "second-operator"}


async def test_a_kind_that_another_process_leads_is_left_to_it(api: ScriptedServer) -> None:
    occupy(api, SECOND_LEASE)
    harness = ProcessHarness(api, "--enable-leader-election", second=WIDGETS)
    await harness.until_running()
    assert not harness.second_reconciler.started.is_set()
    harness.process.stop()
    assert await harness.exit_status() == 0
    assert holder(api, SECOND_LEASE) == "somebody"


async def test_a_process_with_one_lost_lease_cancels_the_runs_of_all_kinds(api: ScriptedServer) -> None:
    clock = VirtualClock()
    harness = ProcessHarness(api, "--enable-leader-election", clock=clock, second=WIDGETS)
    harness.reconciler.may_end.clear()
    harness.second_reconciler.may_end.clear()
    await harness.until_running()
    await until_second_runs(harness)
    api.script("patch", *[fail(500)] * 100)
    await clock.advance(30)
    assert harness.reconciler.ended == harness.second_reconciler.ended == ["cancelled"]
    await clock.advance(10)
    assert await harness.exit_status() == 1


async def test_flags_reach_the_runs(api: ScriptedServer) -> None:
    clock = VirtualClock()
    harness = ProcessHarness(api, "--requeue-dependency=7s", "--interval-jitter-percentage=9", clock=clock)
    runs: asyncio.Queue[tuple[float, int]] = asyncio.Queue()

    async def wait(run: Run[Thing, ThingStatus]) -> Outcome:
        runs.put_nowait((clock.monotonic(), run.jitter_percentage))
        return Waiting("DependencyNotReady", "not there yet")

    harness.reconciler.reconcile = wait  # type: ignore[method-assign]
    async with asyncio.timeout(TEST_TIMEOUT_SECONDS):
        began, jitter = await runs.get()
        await clock.wait_for_wake(7)
        await clock.advance(7)
        assert (await runs.get(), jitter) == ((began + 7, 9), 9)
    harness.process.stop()
    assert await harness.exit_status() == 0


async def test_kinds_share_the_caches_of_what_both_read(api: ScriptedServer) -> None:
    harness = ProcessHarness(api, second=WIDGETS)
    both = harness.process.informer(THINGS, into=Thing, indexers={"name": lambda thing: [thing.metadata.name]})
    assert both is harness.kind.objects
    await harness.until_running()
    assert both.by_index("name", "app") == both.list()
    assert [request.path for request in api.requests if request.verb == "list"].count(
        f"/apis/example.com/v1/{THINGS.plural}"
    ) == 1
    harness.process.stop()
    assert await harness.exit_status() == 0


async def test_objects_that_the_selector_leaves_out_are_read_where_they_are_referred_to(api: ScriptedServer) -> None:
    harness = ProcessHarness(api, "--watch-label-selector=shard=1")
    everything = harness.process.informer(THINGS, into=Thing)
    assert everything is not harness.kind.objects
    await harness.until_running()
    selectors = [request.query.get("labelSelector", "") for request in api.requests if request.verb == "list"]
    assert sorted(selectors) == ["", "shard=1"]
    harness.process.stop()
    assert await harness.exit_status() == 0


async def test_what_caches_count_is_exported_by_kind(api: ScriptedServer) -> None:
    api.put(THINGS, {"metadata": {"namespace": "ns", "name": "odd"}, "spec": {"suspend": "perhaps"}})
    harness = ProcessHarness(api, "--watch-label-selector=shard=1", second=WIDGETS)
    everything = harness.process.informer(THINGS, into=Thing)

    def fail_on(old: Thing | None, new: Thing | None) -> None:
        raise ValueError("bug")

    everything.add_handler(fail_on)
    await harness.until_running()
    await until_second_runs(harness)
    text = harness.process.metrics.render().decode()
    for counts in (("lists", 2, 1), ("unreadable_objects", 2, 0), ("handler_errors", 1, 0)):
        name, things, widgets = counts
        assert f'tagline_informer_{name}_total{{kind="Thing"}} {things}.0' in text
        assert f'tagline_informer_{name}_total{{kind="Widget"}} {widgets}.0' in text
    harness.process.stop()
    assert await harness.exit_status() == 0


async def test_what_several_kinds_use_is_made_once(api: ScriptedServer) -> None:
    harness = ProcessHarness(api)
    made: list[str] = []

    def make(process: Process) -> object:
        made.append(process.user_agent)
        return object()

    assert harness.process.share(make) is harness.process.share(make)
    assert len(made) == 1
    harness.process.stop()
    assert await harness.exit_status() == 0


async def test_a_watch_wakes_the_keys_of_changes_that_matter(api: ScriptedServer) -> None:
    harness = ProcessHarness(api, second=WIDGETS)
    widgets = harness.process.informer(WIDGETS, into=Thing)
    woken: asyncio.Queue[tuple[Key, Lane]] = asyncio.Queue()

    def add(key: Key, lane: Lane = Lane.USER, *, cause: Cause = Cause.REQUEST) -> None:
        woken.put_nowait((key, lane))

    harness.kind.queue.add = add  # type: ignore[method-assign]

    def is_new(old: Thing | None, new: Thing | None) -> bool:
        return old is None

    harness.kind.watch(widgets, when=is_new, wake=lambda widget: [key_of(widget), Key("ns", "x")], lane=Lane.RESYNC)
    async with asyncio.timeout(TEST_TIMEOUT_SECONDS):
        await widgets.synced.wait()
        await harness.kind.objects.synced.wait()
    keys = [woken.get_nowait() for _ in range(woken.qsize())]
    assert sorted(keys) == [
        (Key("ns", "app"), Lane.RESYNC),  # as Thing
        (Key("ns", "app"), Lane.RESYNC),  # as Widget
        (Key("ns", "x"), Lane.RESYNC),
    ]
    api.remove(WIDGETS, "ns", "app")
    api.put(WIDGETS, {"metadata": {"namespace": "ns", "name": "last"}, "spec": {}})
    async with asyncio.timeout(TEST_TIMEOUT_SECONDS):
        assert await woken.get() == (Key("ns", "last"), Lane.RESYNC)
    harness.process.stop()
    assert await harness.exit_status() == 0


async def test_what_a_change_wakes_may_wait_and_what_changes_meanwhile_does_not_make_it_longer() -> None:
    clock = VirtualClock()
    async with ScriptedServer() as api:
        api.put(THINGS, {"metadata": {"namespace": "ns", "name": "app"}, "spec": {}})
        harness = ProcessHarness(api, clock=clock)
        widgets = harness.process.informer(WIDGETS, into=Thing)
        harness.kind.watch(
            widgets,
            when=lambda old, new: True,
            wake=lambda _: [Key("ns", "app")],
            delay=lambda key: timedelta(seconds=60) if key == Key("ns", "app") else timedelta(),
        )
        await harness.until_running()
        first = len(harness.reconciler.ended)
        for seconds in (20, 20):
            api.put(WIDGETS, {"metadata": {"namespace": "ns", "name": f"w{seconds}"}, "spec": {}})
            await clock.advance(seconds)
        assert len(harness.reconciler.ended) == first
        async with asyncio.timeout(TEST_TIMEOUT_SECONDS):
            while len(harness.reconciler.ended) == first:
                await clock.advance(5)
        assert clock.monotonic() <= 70
        harness.process.stop()
        assert await harness.exit_status() == 0
