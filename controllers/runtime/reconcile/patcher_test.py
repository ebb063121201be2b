from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from api.meta import REQUESTED_AT
from controllers.runtime.kube.errors import ApiError, Throttled, Unreachable
from controllers.runtime.reconcile.controller import Done, Retriable
from controllers.runtime.reconcile.leader import LostLeadership
from controllers.runtime.reconcile.run import Ready, Run
from testing.lifecycle import DENIED, KEY, READY, WELL, World, thing
from testing.thing import Thing, ThingStatus


@pytest.fixture
def world() -> World:
    world = World()
    world.server.put(thing())
    return world


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
    async def outlive(run: Run[Thing, ThingStatus]) -> Ready:
        world.leader.lost = True
        return Ready("all well", None)

    world.reconciler.reconcile = outlive  # type: ignore[method-assign]
    with pytest.raises(LostLeadership):
        await world.lifecycle(KEY)
    assert world.server.patches == []


async def test_once_leadership_is_lost_no_run_begins(world: World) -> None:
    world.leader.lost = True
    assert isinstance(await world.run(), LostLeadership)
    assert world.reconciler.runs == []
