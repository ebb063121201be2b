"""A lifecycle with everything around it scripted: server, cache, reconciler, leadership, events, time."""

import logging
from collections.abc import Callable
from datetime import timedelta
from random import Random
from typing import Any, TypeVar

import msgspec

from api.meta import REQUESTED_AT, Condition, ObjectMeta
from api.resource import Resource
from controllers.runtime.key import Key
from controllers.runtime.kube.errors import Conflict, NotFound
from controllers.runtime.reconcile import merge_patch
from controllers.runtime.reconcile.conditions import find_condition
from controllers.runtime.reconcile.events import EventType, InvolvedObject
from controllers.runtime.reconcile.leader import LostLeadership
from controllers.runtime.reconcile.lifecycle import Lifecycle
from controllers.runtime.reconcile.outcome import Outcome, Ready, Retry
from controllers.runtime.reconcile.run import Run
from controllers.runtime.reconcile.supersede import Superseder
from testing.clock import START, VirtualClock
from testing.thing import THINGS, Thing, ThingSpec, ThingStatus

KEY = Key("ns", "app")
T = TypeVar("T")


class ThingServer:
    """An API server with one Thing, which is also the informer's cache; records every write."""

    def __init__(self) -> None:
        self.stored: dict[str, Any] = {}
        self.cached: Thing | None = None
        self.patches: list[tuple[str, dict[str, Any]]] = []
        self.gets = 0
        self.recorded_writes: list[Thing] = []
        self.before_patch: list[Callable[[], None]] = []
        """Each is called before one PATCH is looked at, the first before the first; may raise."""

    def put(self, thing: Thing) -> None:
        self.stored = msgspec.to_builtins(thing)
        self.cached = thing

    def change(self, change: dict[str, object]) -> None:
        """What somebody else does; the cache does not see it yet."""
        self.stored = merge_patch.merge(self.stored, change)
        self._moved()

    def thing(self) -> Thing:
        return msgspec.convert(self.stored, Thing)

    async def get(self, resource: Resource, namespace: str, name: str, *, into: type[T]) -> T:
        self.gets += 1
        if not self.stored:
            raise NotFound("get", "not found", status=404)
        return msgspec.convert(self.stored, into)

    async def create(self, resource: Resource, namespace: str, body: object, *, into: type[T]) -> T:
        raise AssertionError("a lifecycle creates nothing")

    async def patch(
        self,
        resource: Resource,
        namespace: str,
        name: str,
        body: object,
        *,
        into: type[T],
        subresource: str = "",
        field_manager: str = "",
    ) -> T:
        assert isinstance(body, dict)
        assert (resource, namespace, name, field_manager) == (THINGS, *KEY, "thing-controller")
        self.patches.append((subresource, body))
        if self.before_patch:
            self.before_patch.pop(0)()
        if not self.stored:
            raise NotFound("patch", "not found", status=404)
        if body["metadata"]["resourceVersion"] != self.stored["metadata"]["resourceVersion"]:
            raise Conflict("patch", "the object has been modified", status=409)
        self.stored = merge_patch.merge(self.stored, body)
        self._moved()
        return msgspec.convert(self.stored, into)

    def _moved(self) -> None:
        version = int(self.stored["metadata"]["resourceVersion"]) + 1
        self.stored = merge_patch.merge(self.stored, {"metadata": {"resourceVersion": str(version)}})


class ThingCache:
    """The informer's face of the server."""

    def __init__(self, server: ThingServer) -> None:
        self._server = server

    def get(self, key: Key) -> Thing | None:
        return self._server.cached if key == KEY else None

    def record_write(self, obj: Thing) -> None:
        self._server.cached = obj
        self._server.recorded_writes.append(obj)


class FakeRecorder:
    """Recorder that keeps what it is recorded: (type, reason, message, no_change)."""

    def __init__(self) -> None:
        self.events: list[tuple[str, str, str, bool]] = []

    def record(
        self, involved: InvolvedObject, type: EventType, *, reason: str, message: str, no_change: bool = False
    ) -> None:
        assert (involved.kind, involved.namespace, involved.name) == ("Thing", *KEY)
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
        """What happens while a run waits for something."""


class FakeLeader:
    """Leader that can lose its post."""

    def __init__(self) -> None:
        self.lost = False

    def check(self) -> None:
        if self.lost:
            raise LostLeadership("lost")


class LifecycleHarness:
    def __init__(self, *, handle_requests_while_suspended: bool = True) -> None:
        self.clock = VirtualClock(auto_advance=True)
        self.server = ThingServer()
        self.recorded = FakeRecorder()
        self.reconciler = FakeReconciler()
        self.leader = FakeLeader()
        self.forgotten: list[Key] = []
        self.superseder = Superseder()
        self.lifecycle = Lifecycle[Thing, ThingStatus](
            self.server,
            THINGS,
            ThingCache(self.server),
            self.reconciler,
            events=self.recorded,
            clock=self.clock,
            log=logging.getLogger("controllers.test"),
            field_manager="thing-controller",
            leader=self.leader,
            forget=self.forgotten.append,
            handle_requests_while_suspended=handle_requests_while_suspended,
            superseder=self.superseder,
            rng=Random(1),  # noqa: S311
        )

    async def run(self, end: Outcome | Exception | None = None, **facts: object) -> Outcome | Exception | None:
        """One pass whose reconciler stores `facts` and ends with `end`."""

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

    def condition(self, type: str) -> Condition:
        found = find_condition(self.server.thing().status.conditions, type)
        assert found
        return found

    @property
    def types(self) -> list[str]:
        return [condition.type for condition in self.server.thing().status.conditions]


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
