from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from api.names import REQUESTED_AT
from controllers.runtime.kube.errors import ApiError, Throttled, Unreachable
from controllers.runtime.reconcile.leader import LostLeadership
from controllers.runtime.reconcile.outcome import Outcome, Ready, Retry
from controllers.runtime.reconcile.patcher import IDLE_SECONDS
from controllers.runtime.reconcile.run import Run
from testing.lifecycle import DENIED, KEY, READY, WELL, LifecycleHarness, thing
from testing.thing import THINGS, Thing, ThingStatus


@pytest.fixture
def harness() -> LifecycleHarness:
    harness = LifecycleHarness()
    harness.put(thing())
    return harness


def foreign_condition() -> dict[str, Any]:
    built: dict[str, Any] = msgspec.to_builtins(msgspec.structs.replace(READY, type="example.com/Checked"))
    return built


async def test_on_a_conflict_facts_and_foreign_changes_are_both_kept(harness: LifecycleHarness) -> None:
    harness.put(thing(status=msgspec.structs.replace(WELL, counts={"a": 1, "b": 1})))
    harness.before_patch = [
        lambda: harness.change({"status": {"counts": {"b": 7}, "conditions": [foreign_condition()]}})
    ]
    assert await harness.run(pushed="c1", counts={"a": 2, "b": 1}) == Ready("all well")
    now = harness.thing().status
    assert (now.pushed, now.counts) == ("c1", {"a": 2, "b": 7})
    assert harness.types == ["Ready", "example.com/Checked"]
    assert (len(harness.server.patches), harness.server.requests.count("get things ns/app")) == (2, 1)


async def test_an_outcome_of_an_old_spec_is_dropped_but_its_facts_are_recorded(harness: LifecycleHarness) -> None:
    harness.put(thing(requested="now"))
    harness.before_patch = [lambda: harness.change({"metadata": {"generation": 2}})]
    await harness.run(Ready("all well", None, event="pushed c1"), pushed="c1")
    now = harness.thing().status
    assert (now.pushed, now.conditions, now.observed_generation) == ("c1", (), -1)
    assert now.last_handled_reconcile_at == "now"
    assert harness.recorded.events == [("Normal", "Succeeded", "pushed c1", False)]


@pytest.mark.parametrize(
    "end",
    [pytest.param(DENIED, id="failure"), pytest.param(Ready("all well", None, no_change="q"), id="success")],
)
async def test_no_event_about_a_verdict_that_was_dropped(harness: LifecycleHarness, end: Outcome) -> None:
    harness.before_patch = [lambda: harness.change({"metadata": {"generation": 2}})]
    await harness.run(end, pushed="c1")
    assert harness.recorded.events == []


async def test_a_request_that_came_during_the_run_stays_unhandled(harness: LifecycleHarness) -> None:
    harness.put(thing(requested="one"))
    harness.before_patch = [lambda: harness.change({"metadata": {"annotations": {REQUESTED_AT: "two"}}})]
    await harness.run()
    assert harness.thing().status.last_handled_reconcile_at == "one"


async def test_an_object_replaced_by_its_namesake_is_not_written(harness: LifecycleHarness) -> None:
    harness.before_patch = [lambda: harness.change({"metadata": {"uid": "u2"}})]
    assert await harness.run(DENIED, pushed="c1") is None
    assert harness.thing().status == ThingStatus()
    assert harness.recorded.events == []


async def test_an_object_deleted_during_the_run_is_no_error(harness: LifecycleHarness) -> None:
    harness.before_patch = [lambda: harness.server.remove(THINGS.plural, *KEY)]
    assert await harness.run(DENIED) is None
    assert harness.recorded.events == []


DELETION = {"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z", "generation": 2}}


async def test_an_object_whose_deletion_began_during_the_run_is_left_as_it_is_until_it_is_gone(
    harness: LifecycleHarness,
) -> None:
    harness.put(thing(requested="now"))
    harness.before_patch = [lambda: harness.change(DELETION)]
    await harness.run(Ready("all well", None, event="pushed c1"), pushed="c1")
    assert harness.thing().status == ThingStatus()
    assert len(harness.server.patches) == 1  # the one that met the conflict
    assert harness.recorded.events == [("Normal", "Succeeded", "pushed c1", False)]


async def test_a_suspended_object_whose_deletion_began_meanwhile_is_left_as_it_is(harness: LifecycleHarness) -> None:
    harness.put(thing(suspend=True, requested="now", status=WELL))
    harness.before_patch = [lambda: harness.change(DELETION)]
    await harness.run()
    assert harness.thing().status == WELL


@pytest.fixture
def repeating() -> LifecycleHarness:
    harness = LifecycleHarness(repeat_outdated=True)
    harness.put(thing())
    return harness


def count_on(run: Run[Thing, ThingStatus]) -> Ready:
    """Conclude something from what the last run found."""
    run.status = msgspec.structs.replace(
        run.status, counts={**run.status.counts, "a": run.status.counts.get("a", 0) + 1}
    )
    return Ready("all well", None)


async def test_a_run_that_began_with_an_old_status_is_repeated(repeating: LifecycleHarness) -> None:
    repeating.reconciler.behaviour = count_on
    # As after a restart, with a list that lacks what this controller has written itself.
    repeating.before_patch = [lambda: repeating.change({"status": {"counts": {"a": 7}}})]
    assert await repeating.lifecycle(KEY) == Ready("all well")
    assert repeating.thing().status.counts == {"a": 8}
    assert len(repeating.reconciler.runs) == 2


async def test_a_run_that_has_acted_is_not_repeated(repeating: LifecycleHarness) -> None:
    def act(run: Run[Thing, ThingStatus]) -> Ready:
        run.has_acted = True
        return count_on(run)

    repeating.reconciler.behaviour = act
    repeating.before_patch = [lambda: repeating.change({"status": {"pushed": "c0"}})]
    await repeating.lifecycle(KEY)
    assert (repeating.thing().status.counts, repeating.thing().status.pushed) == ({"a": 1}, "c0")
    assert len(repeating.reconciler.runs) == 1


async def test_a_run_is_not_repeated_for_what_others_have_changed(repeating: LifecycleHarness) -> None:
    repeating.reconciler.behaviour = count_on
    repeating.before_patch = [
        lambda: repeating.change({"metadata": {"labels": {"x": "y"}}, "status": {"conditions": [foreign_condition()]}})
    ]
    await repeating.lifecycle(KEY)
    assert repeating.thing().status.counts == {"a": 1}
    assert len(repeating.reconciler.runs) == 1


async def test_a_run_is_not_repeated_because_the_answer_to_its_write_was_lost(repeating: LifecycleHarness) -> None:
    original = repeating.server.patch

    async def lossy(*args: Any, **kwargs: Any) -> Any:
        answer = await original(*args, **kwargs)
        if len(repeating.server.patches) == 1:
            raise Unreachable("patch", "reset")
        return answer

    repeating.server.patch = lossy  # type: ignore[method-assign]
    await repeating.run(Ready("all well", None, event="found"), counts={"a": 1})
    assert len(repeating.reconciler.runs) == 1
    assert repeating.recorded.events == [("Normal", "Succeeded", "found", False)]


async def test_runs_are_not_repeated_without_end(repeating: LifecycleHarness) -> None:
    numbers = iter(range(100, 200))

    def interfere() -> None:
        repeating.change({"status": {"counts": {"b": next(numbers)}}})

    repeating.reconciler.behaviour = count_on
    repeating.before_patch = [interfere] * 5
    await repeating.lifecycle(KEY)
    assert len(repeating.reconciler.runs) == 4
    assert repeating.thing().status.counts.keys() == {"a", "b"}


async def test_a_run_is_not_repeated_over_an_object_that_was_suspended_meanwhile(repeating: LifecycleHarness) -> None:
    repeating.reconciler.behaviour = count_on
    repeating.before_patch = [lambda: repeating.change({"spec": {"suspend": True}, "status": {"counts": {"a": 7}}})]
    assert await repeating.lifecycle(KEY) is None
    assert len(repeating.reconciler.runs) == 1
    assert repeating.thing().status.counts == {"a": 7}


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
async def test_a_write_that_fails_for_now_is_repeated(harness: LifecycleHarness, error: ApiError) -> None:
    harness.before_patch = [throw(error), throw(error)]
    assert await harness.run(pushed="c1") == Ready("all well")
    assert harness.thing().status.pushed == "c1"


async def test_a_write_that_was_applied_though_its_answer_was_lost_is_not_repeated(harness: LifecycleHarness) -> None:
    original = harness.server.patch

    async def lossy(*args: Any, **kwargs: Any) -> Any:
        answer = await original(*args, **kwargs)
        if len(harness.server.patches) == 1:
            raise Unreachable("patch", "reset")
        return answer

    harness.server.patch = lossy  # type: ignore[method-assign]
    assert await harness.run(pushed="c1") == Ready("all well")
    assert [body["metadata"]["resourceVersion"] for _, body in harness.server.patches] == ["10", "10"]
    assert harness.thing().metadata.resource_version == "11"


async def test_a_write_is_given_up_after_five_conflicts_and_the_run_repeated(harness: LifecycleHarness) -> None:
    patches = harness.server.patches
    harness.before_patch = [lambda: harness.change({"metadata": {"labels": {"x": str(len(patches))}}})] * 9
    outcome = await harness.run()
    assert isinstance(outcome, Retry)
    assert len(harness.server.patches) == 5
    assert harness.recorded.events == []


async def test_after_leadership_is_lost_nothing_is_written(harness: LifecycleHarness) -> None:
    async def steal(run: Run[Thing, ThingStatus]) -> Ready:
        harness.leader.lost = True
        run.check()
        return Ready("all well", None)

    harness.reconciler.reconcile = steal  # type: ignore[method-assign]
    with pytest.raises(LostLeadership):
        await harness.lifecycle(KEY)
    assert harness.server.patches == []
    assert harness.recorded.events == []


async def test_leadership_lost_during_the_run_is_noticed_before_the_write(harness: LifecycleHarness) -> None:
    async def outlive(run: Run[Thing, ThingStatus]) -> Ready:
        harness.leader.lost = True
        return Ready("all well", None)

    harness.reconciler.reconcile = outlive  # type: ignore[method-assign]
    with pytest.raises(LostLeadership):
        await harness.lifecycle(KEY)
    assert harness.server.patches == []


async def test_once_leadership_is_lost_no_run_begins(harness: LifecycleHarness) -> None:
    harness.leader.lost = True
    assert isinstance(await harness.run(), LostLeadership)
    assert harness.reconciler.runs == []


@pytest.fixture
def lacking() -> set[str]:
    """Fields of the status that the CRD does not know."""
    return {"counts"}


@pytest.fixture
def older(harness: LifecycleHarness, lacking: set[str]) -> LifecycleHarness:
    """One whose server drops what the schema of its CRD lacks, as structural schemas have it."""
    original = harness.server.patch

    async def prune(resource: Any, namespace: str, name: str, body: Any, **kwargs: Any) -> Any:
        status = {field: value for field, value in body["status"].items() if field not in lacking}
        return await original(resource, namespace, name, {**body, "status": status}, **kwargs)

    harness.server.patch = prune  # type: ignore[method-assign]
    return harness


async def test_what_an_older_crd_drops_is_written_once(older: LifecycleHarness) -> None:
    for _ in range(5):
        await older.run(counts={"a": 1})
    assert older.thing().metadata.resource_version == "11"
    assert len(older.server.patches) == 2, "the second one could not be known to have no effect"


async def test_what_an_older_crd_drops_is_tried_anew_once_the_object_or_the_field_has_changed(
    older: LifecycleHarness,
) -> None:
    for number in (1, 1, 2, 2, 2):
        await older.run(counts={"a": number})
    assert len(older.server.patches) == 3
    older.change({"metadata": {"labels": {"x": "y"}}})
    older.cache.objects[KEY] = older.thing()
    await older.run(counts={"a": 2})
    assert len(older.server.patches) == 4


async def test_what_an_older_crd_dropped_is_there_soon_after_its_upgrade(
    older: LifecycleHarness, lacking: set[str]
) -> None:
    for _ in range(2):
        await older.run(counts={"a": 1})
    lacking.clear()
    await older.clock.sleep(IDLE_SECONDS)
    await older.run(counts={"a": 1})
    assert older.thing().status.counts == {"a": 1}
