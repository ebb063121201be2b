import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from random import Random
from typing import Any, TypeVar

import msgspec
import pytest

from api.meta import FINALIZER, REQUESTED_AT, Condition, ObjectMeta
from controllers.runtime import status
from controllers.runtime.conditions import find
from controllers.runtime.controller import After, Done, Outcome, Retriable, TerminalError
from controllers.runtime.errors import ApiError, Conflict, Forbidden, NotFound, Throttled, Unreachable
from controllers.runtime.events import EventType, Subject
from controllers.runtime.key import Key
from controllers.runtime.leader import LostLeadership
from controllers.runtime.lifecycle import Lifecycle
from controllers.runtime.objects import own_changes
from controllers.runtime.resource import Resource
from controllers.runtime.run import NotReady, Ready, Run, Stall
from controllers.runtime.testing import START, VirtualClock
from controllers.runtime.testing_thing import THINGS, Thing, ThingSpec, ThingStatus

KEY = Key("ns", "app")
T = TypeVar("T")


class Server:
    """An API server with one Thing, which is also the informer's cache; records every write."""

    def __init__(self) -> None:
        self.stored: dict[str, Any] = {}
        self.cached: Thing | None = None
        self.patches: list[tuple[str, dict[str, Any]]] = []
        self.gets = 0
        self.remembered: list[Thing] = []
        self.before_patch: list[Callable[[], None]] = []
        """Each is called before one PATCH is looked at, the first before the first; may raise."""

    def put(self, thing: Thing) -> None:
        self.stored = msgspec.to_builtins(thing)
        self.cached = thing

    def change(self, change: dict[str, object]) -> None:
        """What somebody else does; the cache does not see it yet."""
        self.stored = status.merge(self.stored, change)
        self._moved()

    def thing(self) -> Thing:
        return msgspec.convert(self.stored, Thing)

    async def get(self, resource: Resource, namespace: str, name: str, *, into: type[T]) -> T:
        self.gets += 1
        if not self.stored:
            raise NotFound("get", "not found", status=404)
        return msgspec.convert(self.stored, into)

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
        self.stored = status.merge(self.stored, body)
        self._moved()
        return msgspec.convert(self.stored, into)

    def _moved(self) -> None:
        version = int(self.stored["metadata"]["resourceVersion"]) + 1
        self.stored = status.merge(self.stored, {"metadata": {"resourceVersion": str(version)}})


class Cache:
    """The informer's face of the server."""

    def __init__(self, server: Server) -> None:
        self._server = server

    def get(self, key: Key) -> Thing | None:
        return self._server.cached if key == KEY else None

    def remember(self, obj: Thing) -> None:
        self._server.cached = obj
        self._server.remembered.append(obj)


class Told:
    """Recorder that keeps what it is told: (type, reason, message, quiet)."""

    def __init__(self) -> None:
        self.events: list[tuple[str, str, str, bool]] = []

    def record(self, about: Subject, type: EventType, *, reason: str, message: str, quiet: bool = False) -> None:
        assert (about.kind, about.namespace, about.name) == ("Thing", *KEY)
        self.events.append((type.value, reason, message, quiet))


class Scripted:
    """A reconciler that does what the test says."""

    def __init__(self) -> None:
        self.does: Callable[[Run[Thing, ThingStatus]], Ready] = lambda _: Ready("all well", None)
        self.runs: list[Run[Thing, ThingStatus]] = []

    async def reconcile(self, run: Run[Thing, ThingStatus]) -> Ready:
        self.runs.append(run)
        return self.does(run)


class Post:
    """Leader that can lose its post."""

    def __init__(self) -> None:
        self.lost = False

    def check(self) -> None:
        if self.lost:
            raise LostLeadership("lost")


class World:
    def __init__(self, *, requests_count_while_suspended: bool = True) -> None:
        self.clock = VirtualClock()
        self.server = Server()
        self.told = Told()
        self.reconciler = Scripted()
        self.leader = Post()
        self.forgotten: list[Key] = []
        self.lifecycle = Lifecycle[Thing, ThingStatus](
            self.server,
            THINGS,
            Cache(self.server),
            self.reconciler,
            events=self.told,
            clock=ImpatientClock(self.clock),
            log=logging.getLogger("controllers.test"),
            field_manager="thing-controller",
            leader=self.leader,
            forget=self.forgotten.append,
            requests_count_while_suspended=requests_count_while_suspended,
            rng=Random(1),  # noqa: S311
        )

    async def run(self, end: Ready | Exception | None = None, **facts: object) -> Outcome | Exception:
        """One pass whose reconciler stores `facts` and ends with `end`."""

        def does(run: Run[Thing, ThingStatus]) -> Ready:
            run.status = msgspec.structs.replace(run.status, **facts)
            if isinstance(end, Exception):
                raise end
            return end or Ready("all well", None)

        self.reconciler.does = does
        try:
            return await self.lifecycle(KEY)
        except Exception as error:
            return error

    def condition(self, type: str) -> Condition:
        found = find(self.server.thing().status.conditions, type)
        assert found
        return found

    @property
    def types(self) -> list[str]:
        return [condition.type for condition in self.server.thing().status.conditions]


class ImpatientClock:
    """Virtual time that passes by itself where somebody sleeps."""

    def __init__(self, clock: VirtualClock) -> None:
        self._clock = clock

    def now(self) -> datetime:
        return self._clock.now()

    def monotonic(self) -> float:
        return self._clock.monotonic()

    async def sleep(self, seconds: float) -> None:
        await self._clock.advance(seconds)


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
DENIED = NotReady("Denied", "registry said no")


@pytest.fixture
def world() -> World:
    world = World()
    world.server.put(thing())
    return world


async def test_a_first_success_is_one_write_with_everything(world: World) -> None:
    outcome = await world.run(Ready("all well", timedelta(seconds=60)), pushed="c1")
    assert outcome == After(timedelta(seconds=60))
    assert world.server.patches == [
        (
            "status",
            {
                "metadata": {"resourceVersion": "10"},
                "status": {
                    "conditions": (
                        {
                            "type": "Ready",
                            "status": "True",
                            "reason": "Succeeded",
                            "message": "all well",
                            "observedGeneration": 1,
                            "lastTransitionTime": "2024-01-01T00:00:00Z",
                        },
                    ),
                    "observedGeneration": 1,
                    "pushed": "c1",
                },
            },
        )
    ]
    assert world.told.events == [("Normal", "Succeeded", "all well", False)]
    assert world.server.remembered == [world.server.thing()]


async def test_a_run_that_changes_nothing_writes_nothing(world: World) -> None:
    world.server.put(thing(status=WELL))
    assert await world.run(Ready("all well", None, quiet="nothing new")) == Done()
    assert world.server.patches == []
    assert world.told.events == [("Normal", "Succeeded", "nothing new", True)]


async def test_the_run_says_what_is_new(world: World) -> None:
    world.server.put(thing(generation=3, requested="now", status=WELL))
    await world.run()
    [run] = world.reconciler.runs
    assert (run.progress, run.requested, run.new_generation) == (
        "processing object: new generation 1 -> 3",
        True,
        True,
    )
    await world.run()
    run = world.reconciler.runs[-1]
    assert (run.progress, run.requested, run.new_generation) == ("reconciliation in progress", False, False)


async def test_a_failure_keeps_observed_generation_and_facts_and_is_retried(world: World) -> None:
    world.server.put(thing(generation=2, requested="now", status=WELL))

    def fail(run: Run[Thing, ThingStatus]) -> Ready:
        run.progress = "scanning: reconcile requested"
        run.status = msgspec.structs.replace(run.status, pushed="c2")
        raise DENIED

    world.reconciler.does = fail
    with pytest.raises(Retriable, match="registry said no") as raised:
        await world.lifecycle(KEY)
    assert (raised.value.reason, raised.value.after) == ("Denied", None)
    now = world.server.thing().status
    assert (now.observed_generation, now.pushed, now.last_handled_reconcile_at) == (1, "c2", "now")
    assert world.types == ["Reconciling", "Ready"]
    assert world.condition("Reconciling").message == "scanning: reconcile requested"
    assert world.condition("Ready").observed_generation == 2
    assert world.told.events == [("Warning", "Denied", "registry said no", False)]


async def test_a_request_whose_run_failed_stays_owed_until_a_run_succeeds(world: World) -> None:
    world.server.put(thing(requested="now", status=WELL))
    for end in (DENIED, DENIED, None, None):
        await world.run(end)
    assert [run.requested for run in world.reconciler.runs] == [True, True, True, False]


async def test_the_same_failure_again_writes_nothing_but_warns_again(world: World) -> None:
    await world.run(DENIED)
    await world.run(DENIED)
    assert len(world.server.patches) == 1
    assert len(world.told.events) == 2


async def test_recovery_is_told_even_with_the_old_message(world: World) -> None:
    world.server.put(thing(status=WELL))
    await world.run(DENIED)
    await world.run(Ready("all well", None, quiet="nothing new"))
    assert world.told.events[-1] == ("Normal", "Succeeded", "all well", False)
    assert world.types == ["Ready"]


@pytest.mark.parametrize(
    ("end", "event"),
    [
        pytest.param(Ready("new words", None), ("new words", False), id="message-changed"),
        pytest.param(Ready("new words", None, quiet="q"), ("q", True), id="said-to-be-nothing-though-worded-anew"),
        pytest.param(
            Ready("all well", None, event="pushed c1", quiet="q"), ("pushed c1", False), id="something-happened"
        ),
        pytest.param(Ready("all well", None, quiet="q"), ("q", True), id="nothing-happened"),
        pytest.param(Ready("all well", None), None, id="nothing-happened-and-nothing-to-say"),
    ],
)
async def test_the_event_of_a_success(world: World, end: Ready, event: tuple[str, bool] | None) -> None:
    world.server.put(thing(status=WELL))
    await world.run(end)
    assert world.told.events == ([("Normal", "Succeeded", *event)] if event else [])


async def test_stalled_is_terminal_and_observes_the_generation(world: World) -> None:
    world.server.put(thing(generation=2, status=WELL))
    outcome = await world.run(Stall("BadImage", "no such form"))
    assert isinstance(outcome, TerminalError)
    assert outcome.reason == "BadImage"
    assert world.types == ["Stalled", "Ready"]
    assert world.condition("Ready").reason == "BadImage"
    assert world.server.thing().status.observed_generation == 2
    assert world.told.events == [("Warning", "BadImage", "no such form", False)]


async def test_waiting_for_another_object_neither_retries_nor_warns(world: World) -> None:
    assert await world.run(NotReady("DependencyNotReady", "not scanned yet", wait=True, warn=False)) == Done()
    assert world.condition("Ready").reason == "DependencyNotReady"
    assert world.told.events == []


async def test_a_success_with_findings_warns_of_each(world: World) -> None:
    await world.run(Ready("all well", None, warnings=(("Unparsable", "a.yaml: line 3"),)))
    assert world.told.events == [
        ("Warning", "Unparsable", "a.yaml: line 3", False),
        ("Normal", "Succeeded", "all well", False),
    ]


async def test_a_told_time_to_retry_reaches_the_queue(world: World) -> None:
    outcome = await world.run(NotReady("Throttled", "too many", retry_after=timedelta(seconds=9)))
    assert isinstance(outcome, Retriable)
    assert outcome.after == timedelta(seconds=9)


async def test_an_api_error_is_a_failure_with_its_text(world: World) -> None:
    outcome = await world.run(Forbidden("get secrets ns/pull", "no", status=403))
    assert isinstance(outcome, Retriable)
    assert world.condition("Ready").reason == "Failed"
    assert world.condition("Ready").message == "get secrets ns/pull: 403 Forbidden: no"


async def test_a_crash_is_told_by_kind_only_and_reaches_the_controller(world: World) -> None:
    outcome = await world.run(KeyError("password=hunter2"))
    assert isinstance(outcome, KeyError)
    ready = world.condition("Ready")
    assert (ready.reason, ready.status) == ("Failed", "False")
    assert "KeyError" in ready.message
    assert "hunter2" not in ready.message
    assert world.told.events[0][:2] == ("Warning", "Failed")


async def test_messages_are_cut_alike_in_condition_and_event(world: World) -> None:
    await world.run(NotReady("Denied", "x" * 5000))
    assert world.condition("Ready").message == world.told.events[0][2] == "x" * 1021 + "..."


# Conflicts.


def foreign_condition() -> dict[str, Any]:
    built: dict[str, Any] = msgspec.to_builtins(msgspec.structs.replace(READY, type="example.com/Checked"))
    return built


async def test_on_a_conflict_facts_and_foreign_changes_are_both_kept(world: World) -> None:
    world.server.put(thing(status=msgspec.structs.replace(WELL, counts={"a": 1, "b": 1})))
    world.server.before_patch = [
        lambda: world.server.change({"status": {"counts": {"b": 7}, "conditions": [foreign_condition()]}})
    ]
    assert await world.run(pushed="c1", counts={"a": 2, "b": 1}) == Done()
    now = world.server.thing().status
    assert (now.pushed, now.counts) == ("c1", {"a": 2, "b": 7})
    assert world.types == ["Ready", "example.com/Checked"]
    assert (len(world.server.patches), world.server.gets) == (2, 1)


async def test_a_verdict_on_an_old_spec_is_dropped_but_its_facts_are_recorded(world: World) -> None:
    world.server.put(thing(requested="now"))
    world.server.before_patch = [lambda: world.server.change({"metadata": {"generation": 2}})]
    await world.run(Ready("all well", None, event="pushed c1"), pushed="c1")
    now = world.server.thing().status
    assert (now.pushed, now.conditions, now.observed_generation) == ("c1", (), -1)
    assert now.last_handled_reconcile_at == "now"
    assert world.told.events == [("Normal", "Succeeded", "pushed c1", False)]


@pytest.mark.parametrize(
    "end",
    [pytest.param(DENIED, id="failure"), pytest.param(Ready("all well", None, quiet="q"), id="success")],
)
async def test_no_event_about_a_verdict_that_was_dropped(world: World, end: Ready | Exception) -> None:
    world.server.before_patch = [lambda: world.server.change({"metadata": {"generation": 2}})]
    await world.run(end, pushed="c1")
    assert world.told.events == []


async def test_a_request_that_came_during_the_run_stays_unhandled(world: World) -> None:
    world.server.put(thing(requested="one"))
    world.server.before_patch = [lambda: world.server.change({"metadata": {"annotations": {REQUESTED_AT: "two"}}})]
    await world.run()
    assert world.server.thing().status.last_handled_reconcile_at == "one"


async def test_an_object_replaced_by_its_namesake_is_not_written(world: World) -> None:
    world.server.before_patch = [lambda: world.server.change({"metadata": {"uid": "u2"}})]
    assert await world.run(DENIED, pushed="c1") == Done()
    assert world.server.thing().status == ThingStatus()
    assert world.told.events == []


async def test_an_object_deleted_during_the_run_ends_quietly(world: World) -> None:
    world.server.before_patch = [world.server.stored.clear]
    assert await world.run(DENIED) == Done()
    assert world.told.events == []


def throw(error: ApiError) -> Callable[[], None]:
    def raise_it() -> None:
        raise error

    return raise_it


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(Throttled("patch", "slow down", status=429), id="throttled"),
        pytest.param(Unreachable("patch", "reset"), id="unreachable"),
    ],
)
async def test_a_write_that_fails_for_now_is_repeated(world: World, error: ApiError) -> None:
    world.server.before_patch = [throw(error), throw(error)]
    assert await world.run(pushed="c1") == Done()
    assert world.server.thing().status.pushed == "c1"


async def test_a_write_that_was_applied_though_its_answer_was_lost_is_not_repeated(world: World) -> None:
    original = world.server.patch

    async def lossy(*args: Any, **kwargs: Any) -> Any:
        answer = await original(*args, **kwargs)
        if len(world.server.patches) == 1:
            raise Unreachable("patch", "reset")
        return answer

    world.server.patch = lossy  # type: ignore[method-assign]
    assert await world.run(pushed="c1") == Done()
    assert [body["metadata"]["resourceVersion"] for _, body in world.server.patches] == ["10", "10"]
    assert world.server.thing().metadata.resource_version == "11"


async def test_a_write_is_given_up_after_five_conflicts_and_the_run_repeated(world: World) -> None:
    world.server.before_patch = [lambda: world.server.change({"metadata": {"labels": {"x": "y"}}})] * 9
    outcome = await world.run()
    assert isinstance(outcome, Retriable)
    assert len(world.server.patches) == 5
    assert world.told.events == []


# Leadership.


async def test_after_leadership_is_lost_nothing_is_written(world: World) -> None:
    async def steal(run: Run[Thing, ThingStatus]) -> Ready:
        world.leader.lost = True
        await run.check_leader()
        return Ready("all well", None)

    world.reconciler.reconcile = steal  # type: ignore[method-assign]
    with pytest.raises(LostLeadership):
        await world.lifecycle(KEY)
    assert world.server.patches == []
    assert world.told.events == []


async def test_leadership_lost_during_the_run_is_noticed_before_the_write(world: World) -> None:
    world.leader.lost = True
    assert isinstance(await world.run(), LostLeadership)
    assert world.server.patches == []


# Deletion, absence, suspension.


async def test_a_missing_object_is_forgotten(world: World) -> None:
    world.server.cached = None
    assert await world.run() == Done()
    assert world.forgotten == [KEY]
    assert world.reconciler.runs == []


@pytest.mark.parametrize(
    ("finalizers", "patches"),
    [
        pytest.param((FINALIZER,), [{"finalizers": [], "resourceVersion": "10"}], id="flux-only"),
        pytest.param(("a/b", FINALIZER), [{"finalizers": ["a/b"], "resourceVersion": "10"}], id="others-stay"),
        pytest.param(("a/b",), [], id="not-ours"),
    ],
)
async def test_a_deletion_removes_the_old_finalizer_and_forgets(
    world: World, finalizers: tuple[str, ...], patches: list[dict[str, object]]
) -> None:
    world.server.put(thing(deleted=START, finalizers=finalizers))
    assert await world.run() == Done()
    assert world.server.patches == [("", {"metadata": patch}) for patch in patches]
    assert (world.forgotten, world.reconciler.runs, world.server.remembered) == ([KEY], [], [])


@pytest.mark.parametrize(
    ("counts", "before", "handled", "observed"),
    [
        pytest.param(True, ThingStatus(), "now", -1, id="new"),
        pytest.param(True, WELL, "now", 2, id="ready-advances-the-generation"),
        pytest.param(False, WELL, "", 2, id="requests-do-not-count"),
    ],
)
async def test_a_suspended_object_only_keeps_its_books(
    before: ThingStatus, handled: str, observed: int, *, counts: bool
) -> None:
    world = World(requests_count_while_suspended=counts)
    world.server.put(thing(generation=2, requested="now", suspend=True, status=before))
    assert await world.run() == Done()
    now = world.server.thing().status
    assert (now.last_handled_reconcile_at, now.observed_generation) == (handled, observed)
    assert now.conditions == before.conditions
    assert (world.reconciler.runs, world.told.events) == ([], [])


async def test_a_failing_suspended_object_keeps_its_generation(world: World) -> None:
    await world.run(DENIED)
    failing = world.server.thing().status
    world.server.put(thing(generation=2, suspend=True, status=failing))
    await world.run()
    assert world.server.thing().status == failing


# Triggers.

PLAIN = thing(requested="one")


@pytest.mark.parametrize(
    ("old", "new", "runs"),
    [
        pytest.param(None, PLAIN, True, id="created"),
        pytest.param(PLAIN, None, True, id="gone"),
        pytest.param(PLAIN, PLAIN, False, id="same"),
        pytest.param(PLAIN, thing(requested="one", status=WELL), False, id="status"),
        pytest.param(PLAIN, thing(requested="one", finalizers=("a/b",)), False, id="other-metadata"),
        pytest.param(PLAIN, thing(requested="one", generation=2), True, id="spec"),
        pytest.param(PLAIN, thing(requested="two"), True, id="another-request"),
        pytest.param(thing(), PLAIN, True, id="first-request"),
        pytest.param(PLAIN, thing(), False, id="request-removed"),
        pytest.param(PLAIN, thing(requested="one", deleted=START), True, id="deletion-began"),
        pytest.param(
            thing(requested="one", deleted=START), thing(requested="one", deleted=START), False, id="still-deleting"
        ),
    ],
)
def test_own_changes(old: Thing | None, new: Thing | None, *, runs: bool) -> None:
    assert own_changes(old, new) is runs


def test_a_replaced_object_counts_as_created() -> None:
    replaced = msgspec.structs.replace(PLAIN, metadata=msgspec.structs.replace(PLAIN.metadata, uid="u2"))
    assert own_changes(PLAIN, replaced)
