"""`controllers.runtime.reconcile`: conflicts, one write a run, election and events on a real API server.

The objects are ImageRepositories that are suspended, so that controllers which may be running leave them alone;
the view of them that is decoded here does not know that field.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from random import Random
from typing import Any

import msgspec
import pytest

from api.imagerepository import ImageRepositoryStatus
from api.meta import ObjectMeta
from api.names import FINALIZER, IMAGE_REPOSITORIES
from controllers.clock import SYSTEM_CLOCK
from controllers.runtime.key import Key
from controllers.runtime.kube.client import KubeClient
from controllers.runtime.kube.config import load_config
from controllers.runtime.process.flags import parse
from controllers.runtime.process.kind import Kind
from controllers.runtime.process.process import Process
from controllers.runtime.reconcile.events import EVENTS, EventRecorder, EventType, InvolvedObject
from controllers.runtime.reconcile.leader import AlwaysLeader, ElectionConfig, LeaderElector, LostLeadership
from controllers.runtime.reconcile.lifecycle import Lifecycle
from controllers.runtime.reconcile.outcome import Outcome, Ready, Retry
from controllers.runtime.reconcile.run import Run
from testing.kube import FakeCache
from testing.lifecycle import FakeRecorder

COMPONENT = "runtime-test"
LOG = logging.getLogger("controllers.test")
TEST_TIMEOUT_SECONDS = 20


class ViewSpec(msgspec.Struct, frozen=True):
    suspend: bool = msgspec.field(name="notThere", default=False)


class View(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """An ImageRepository as far as these tests look."""

    api_version: str
    kind: str
    metadata: ObjectMeta
    spec: ViewSpec = ViewSpec()
    status: ImageRepositoryStatus = ImageRepositoryStatus()


class CoreEvent(msgspec.Struct, frozen=True, rename="camel"):
    metadata: ObjectMeta
    type: str
    message: str
    count: int
    first_timestamp: str
    last_timestamp: str


class AdminClient:
    """The server as an administrator sees it, counting requests."""

    def __init__(self, kubeconfig: str, namespace: str) -> None:
        self.requests: Counter[tuple[str, int]] = Counter()
        self.namespace = namespace
        self.client = KubeClient(load_config(kubeconfig), user_agent=COMPONENT, observe=self._seen)

    def _seen(self, method: str, status: int) -> None:
        self.requests[method, status] += 1

    async def create(self, name: str = "app", **metadata: object) -> View:
        body = {
            "apiVersion": IMAGE_REPOSITORIES.api_version,
            "kind": IMAGE_REPOSITORIES.kind,
            "metadata": {"name": name, "namespace": self.namespace, **metadata},
            "spec": {"image": "registry.invalid/org/app", "interval": "1h", "suspend": True},
        }
        return await self.client.create(IMAGE_REPOSITORIES, self.namespace, body, into=View)

    async def change(self, change: dict[str, object], *, subresource: str = "") -> View:
        return await self.client.patch(
            IMAGE_REPOSITORIES, self.namespace, "app", change, into=View, subresource=subresource
        )

    async def get(self) -> View:
        return await self.client.get(IMAGE_REPOSITORIES, self.namespace, "app", into=View)

    async def until_observed(self, view: View) -> None:
        while (await self.get()).status.observed_generation != view.metadata.generation:  # noqa: ASYNC110
            await asyncio.sleep(0.05)

    async def until_gone(self) -> None:
        while (await self.client.list(IMAGE_REPOSITORIES, into=View, namespace=self.namespace)).items:  # noqa: ASYNC110
            await asyncio.sleep(0.05)

    async def events(self) -> list[CoreEvent]:
        return (await self.client.list(EVENTS, into=CoreEvent, namespace=self.namespace)).items


@pytest.fixture
async def api(kubeconfig: str, namespace: str) -> AsyncIterator[AdminClient]:
    api = AdminClient(kubeconfig, namespace)
    yield api
    await api.client.close()


class ScriptedReconciler:
    """Stores a fact, runs what the test wants to happen meanwhile, and ends with the given outcome."""

    def __init__(self) -> None:
        self.meanwhile: Callable[[], Any] | None = None
        self.end: Outcome = Ready("all well", timedelta(hours=1))

    async def reconcile(self, run: Run[View, ImageRepositoryStatus]) -> Outcome:
        run.status = msgspec.structs.replace(run.status, canonical_image_name="registry.invalid/org/app")
        if self.meanwhile:
            await self.meanwhile()
        return self.end


def lifecycle_on(
    api: AdminClient, held: FakeCache[View], reconciler: ScriptedReconciler
) -> Lifecycle[View, ImageRepositoryStatus]:
    return Lifecycle(
        api.client,
        IMAGE_REPOSITORIES,
        held,
        reconciler,
        events=FakeRecorder(),
        clock=SYSTEM_CLOCK,
        log=LOG,
        field_manager=COMPONENT,
        leader=AlwaysLeader(),
    )


async def test_a_run_is_one_write_and_the_next_without_news_is_none(api: AdminClient) -> None:
    held = FakeCache(await api.create())
    lifecycle, key = lifecycle_on(api, held, ScriptedReconciler()), Key(api.namespace, "app")
    assert await lifecycle(key) == Ready("all well", timedelta(hours=1))
    assert api.requests == {("POST", 201): 1, ("PATCH", 200): 1}
    stored = await api.get()
    assert stored.status.observed_generation == stored.metadata.generation == 1
    assert stored == held.get(key)
    await lifecycle(key)
    assert api.requests["PATCH", 200] == 1


async def test_failure_and_recovery_pass_the_schema(api: AdminClient) -> None:
    reconciler = ScriptedReconciler()
    lifecycle, key = lifecycle_on(api, FakeCache(await api.create()), reconciler), Key(api.namespace, "app")
    reconciler.end = Retry("ReadOperationFailed", "scan failed: " + "é" * 4000)
    assert await lifecycle(key) == reconciler.end
    failing = (await api.get()).status
    assert [(c.type, c.status) for c in failing.conditions] == [("Reconciling", "True"), ("Ready", "False")]
    assert failing.observed_generation == -1
    assert failing.canonical_image_name == "registry.invalid/org/app"
    reconciler.end = Ready("all well", None)
    assert await lifecycle(key) == reconciler.end
    assert [(c.type, c.status) for c in (await api.get()).status.conditions] == [("Ready", "True")]


async def test_on_a_conflict_both_writers_words_are_kept(api: AdminClient) -> None:
    foreign = {
        "type": "example.com/Checked",
        "status": "True",
        "reason": "Checked",
        "message": "by somebody else",
        "lastTransitionTime": "2024-01-01T00:00:00Z",
    }
    reconciler = ScriptedReconciler()
    held = FakeCache(await api.create())
    reconciler.meanwhile = lambda: api.change({"status": {"conditions": [foreign]}}, subresource="status")
    await lifecycle_on(api, held, reconciler)(Key(api.namespace, "app"))
    assert (api.requests["PATCH", 409], api.requests["PATCH", 200], api.requests["GET", 200]) == (1, 2, 1)
    conditions = (await api.get()).status.conditions
    assert [condition.type for condition in conditions] == ["Ready", "example.com/Checked"]


async def test_ready_is_not_reported_for_a_spec_that_changed_meanwhile(api: AdminClient) -> None:
    reconciler = ScriptedReconciler()
    held = FakeCache(await api.create())
    reconciler.meanwhile = lambda: api.change({"spec": {"image": "registry.invalid/org/other"}})
    await lifecycle_on(api, held, reconciler)(Key(api.namespace, "app"))
    stored = await api.get()
    assert (stored.metadata.generation, stored.status.observed_generation) == (2, -1)
    assert stored.status.conditions == ()
    assert stored.status.canonical_image_name == "registry.invalid/org/app"


async def test_an_object_deleted_meanwhile_is_no_error(api: AdminClient) -> None:
    reconciler = ScriptedReconciler()
    held = FakeCache(await api.create())
    reconciler.meanwhile = lambda: api.client.delete(IMAGE_REPOSITORIES, api.namespace, "app")
    assert await lifecycle_on(api, held, reconciler)(Key(api.namespace, "app")) is None


async def test_two_candidates_never_lead_at_once_and_the_second_follows_the_first(api: AdminClient) -> None:
    leading: set[str] = set()
    overlaps: list[set[str]] = []

    def candidate(name: str) -> LeaderElector:
        def observe(leads: bool) -> None:
            (leading.add if leads else leading.discard)(name)
            if len(leading) > 1:
                overlaps.append(set(leading))

        election = ElectionConfig(
            api.namespace,
            "test-leader-election",
            lease_duration=timedelta(seconds=3),
            renew_deadline=timedelta(seconds=2),
            retry_period=timedelta(seconds=0.3),
            identity=name,
        )
        return LeaderElector(
            api.client,
            election,
            clock=SYSTEM_CLOCK,
            rng=Random(),  # noqa: S311
            log=LOG,
            observe=observe,
        )

    async def run(elector: LeaderElector) -> None:
        await elector.acquire()
        await elector.renew()

    async with asyncio.timeout(TEST_TIMEOUT_SECONDS):
        one, two = candidate("one"), candidate("two")
        await one.acquire()
        first, second = asyncio.create_task(one.renew()), asyncio.create_task(run(two))
        await asyncio.sleep(4)  # longer than a lease: only renewing keeps the second waiting
        assert leading == {"one"}
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        await one.release()
        while leading != {"two"}:  # noqa: ASYNC110 - it happens on the server
            await asyncio.sleep(0.05)
        two.check()
        with pytest.raises(LostLeadership):
            one.check()
        assert overlaps == []
        second.cancel()
        await asyncio.gather(second, return_exceptions=True)


async def test_equal_events_are_one_object_that_counts(api: AdminClient) -> None:
    subject = InvolvedObject.of(await api.create(annotations={"event.toolkit.fluxcd.io/env": "prod"}))
    recorder = EventRecorder(api.client, component=COMPONENT, instance="here", clock=SYSTEM_CLOCK, log=LOG)
    task = asyncio.create_task(recorder.run())
    for _ in range(3):
        recorder.record(subject, EventType.NORMAL, reason="Succeeded", message="all well")
        await recorder.flush()
    recorder.record(subject, EventType.WARNING, reason="Denied", message="no")
    await recorder.flush()
    task.cancel()
    events = {event.message: event for event in await api.events()}
    assert {message: (event.type, event.count) for message, event in events.items()} == {
        "all well": ("Normal", 3),
        "no": ("Warning", 1),
    }
    assert events["all well"].metadata.annotations == {"event.toolkit.fluxcd.io/env": "prod"}
    assert api.requests["POST", 201] == 1 + 2


async def test_a_process_reconciles_releases_and_ends(
    api: AdminClient, kubeconfig: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUNTIME_NAMESPACE", api.namespace)
    options = parse(
        ["--metrics-addr=", "--health-addr=127.0.0.1:0", "--watch-all-namespaces=false", "--enable-leader-election"]
    )
    process = Process(options, name="runtime-test", config=load_config(kubeconfig))
    Kind(process, IMAGE_REPOSITORIES, into=View, component=COMPONENT).reconcile_with(ScriptedReconciler())
    running = asyncio.create_task(process.run())
    async with asyncio.timeout(TEST_TIMEOUT_SECONDS):
        created = await api.create(finalizers=[FINALIZER])
        await api.until_observed(created)
        changed = await api.change({"spec": {"interval": "2h"}})
        await api.until_observed(changed)
        await api.client.delete(IMAGE_REPOSITORIES, api.namespace, "app")
        await api.until_gone()
        process.stop()
        assert await running == 0
    assert [(event.message, event.count) for event in await api.events()] == [("all well", 1)]
