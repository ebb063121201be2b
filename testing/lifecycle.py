"""A lifecycle with everything around it scripted: server, cache, reconciler, leadership, events, time."""

import logging
from collections.abc import Callable
from datetime import timedelta
from random import Random
from typing import Any

import msgspec

from api.meta import Condition, ObjectMeta
from api.names import REQUESTED_AT
from controllers.runtime.key import Key
from controllers.runtime.reconcile.conditions import find_condition
from controllers.runtime.reconcile.events import EventType, InvolvedObject
from controllers.runtime.reconcile.leader import LostLeadership
from controllers.runtime.reconcile.lifecycle import Lifecycle
from controllers.runtime.reconcile.outcome import Outcome, Ready, Retry
from controllers.runtime.reconcile.run import Run
from controllers.runtime.reconcile.supersede import Superseder
from testing.clock import START, VirtualClock
from testing.kube import FakeCache, FakeKube
from testing.thing import THINGS, Thing, ThingSpec, ThingStatus

KEY = Key("ns", "app")


class FakeRecorder:
    """A `Recorder` that keeps its events: type, reason, message, no_change."""

    def __init__(self) -> None:
        self.events: list[tuple[str, str, str, bool]] = []
        self.involved: set[tuple[str, str, str]] = set()
        """Kind, namespace and name of the objects of the events."""

    def record(
        self, involved: InvolvedObject, type: EventType, *, reason: str, message: str, no_change: bool = False
    ) -> None:
        self.involved.add((involved.kind, involved.namespace, involved.name))
        self.events.append((type.value, reason, message, no_change))


class FakeReconciler:
    """A reconciler that does what the test says."""

    def __init__(self) -> None:
        self.behaviour: Callable[[Run[Thing, ThingStatus]], Outcome] = lambda _: Ready("all well", None)
        self.runs: list[Run[Thing, ThingStatus]] = []

    async def reconcile(self, run: Run[Thing, ThingStatus]) -> Outcome:
        self.runs.append(run)
        await self.meanwhile()
        return self.behaviour(run)

    async def meanwhile(self) -> None:
        """Do what happens while a run waits for something."""


class FakeLeader:
    """Leader that can lose its lease."""

    def __init__(self) -> None:
        self.lost = False

    def check(self) -> None:
        if self.lost:
            raise LostLeadership("lost")


class LifecycleHarness:
    """A lifecycle of one Thing; `before_patch` has what happens before the next PATCHes, each of which may raise."""

    def __init__(self, *, handle_requests_while_suspended: bool = True, repeat_outdated: bool = False) -> None:
        self.clock = VirtualClock(auto_advance=True)
        self.server = FakeKube()
        self.server.before = self._begin
        self.before_patch: list[Callable[[], object]] = []
        self.cache = FakeCache[Thing]()
        self.recorded = FakeRecorder()
        self.reconciler = FakeReconciler()
        self.leader = FakeLeader()
        self.forgotten: list[Key] = []
        self.superseder = Superseder()
        self.lifecycle = Lifecycle[Thing, ThingStatus](
            self.server,
            THINGS,
            self.cache,
            self.reconciler,
            events=self.recorded,
            clock=self.clock,
            log=logging.getLogger("controllers.test"),
            field_manager="thing-controller",
            leader=self.leader,
            forget=self.forgotten.append,
            handle_requests_while_suspended=handle_requests_while_suspended,
            superseder=self.superseder,
            repeat_outdated=repeat_outdated,
            jitter_percentage=20,
            rng=Random(1),  # noqa: S311
        )

    async def run(self, end: Outcome | Exception | None = None, **facts: object) -> Outcome | Exception | None:
        """Do a pass whose reconciler stores `facts` and ends with `end`."""

        def does(run: Run[Thing, ThingStatus]) -> Outcome:
            run.status = msgspec.structs.replace(run.status, **facts)
            if isinstance(end, Exception):
                raise end
            return end or Ready("all well", None)

        self.reconciler.behaviour = does
        try:
            return await self.lifecycle(KEY)
        except Exception as error:
            return error
        finally:
            assert self.server.field_managers <= {"thing-controller"}
            assert self.recorded.involved <= {("Thing", *KEY)}

    async def _begin(self, request: str) -> None:
        if request.startswith("patch") and self.before_patch:
            self.before_patch.pop(0)()

    def put(self, thing: Thing) -> None:
        """Store a Thing, and let the cache see it."""
        self.server.put(THINGS.plural, thing)
        self.cache.objects[KEY] = thing

    def change(self, change: dict[str, Any]) -> None:
        """Change the Thing as somebody else; the cache does not see it yet."""
        self.server.change(THINGS, *KEY, change)

    def thing(self) -> Thing:
        """Return the Thing as it is stored."""
        [stored] = self.server.all(THINGS.plural, Thing)
        return stored

    def condition(self, type: str) -> Condition:
        found = find_condition(self.thing().status.conditions, type)
        assert found
        return found

    @property
    def types(self) -> list[str]:
        return [condition.type for condition in self.thing().status.conditions]


def thing(*, generation: int = 1, requested: str = "", suspend: bool = False, **more: Any) -> Thing:
    annotations = {REQUESTED_AT: requested} if requested else {}
    meta = ObjectMeta(
        name="app",
        namespace="ns",
        uid="u1",
        resource_version="10",
        generation=generation,
        annotations=annotations,
        finalizers=more.get("finalizers", ()),
        deletion_timestamp=more.get("deleted"),
    )
    return Thing(metadata=meta, spec=ThingSpec(suspend=suspend), status=more.get("status", ThingStatus()))


READY = Condition(
    type="Ready",
    status="True",
    reason="Succeeded",
    message="all well",
    observed_generation=1,
    last_transition_time=START - timedelta(days=1),
)
WELL = ThingStatus(conditions=(READY,), observed_generation=1)
DENIED = Retry("Denied", "registry said no")
