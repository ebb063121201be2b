import asyncio
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from api.names import FINALIZER
from controllers.runtime.kube.errors import Forbidden, Throttled
from controllers.runtime.reconcile.outcome import Outcome, Ready, Retry, Stalled, Waiting
from controllers.runtime.reconcile.run import Run
from testing.clock import START
from testing.lifecycle import DENIED, KEY, WELL, LifecycleHarness, thing
from testing.thing import Thing, ThingStatus


@pytest.fixture
def harness() -> LifecycleHarness:
    harness = LifecycleHarness()
    harness.put(thing())
    return harness


async def test_a_first_success_is_one_write_with_everything(harness: LifecycleHarness) -> None:
    outcome = Ready("all well", timedelta(seconds=60))
    assert await harness.run(outcome, pushed="c1") == outcome
    assert harness.server.patches == [
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
    assert harness.recorded.events == [("Normal", "Succeeded", "all well", False)]
    assert harness.cache.writes == [harness.thing()]


async def test_a_run_that_changes_nothing_writes_nothing(harness: LifecycleHarness) -> None:
    harness.put(thing(status=WELL))
    outcome = Ready("all well", None, no_change="nothing new")
    assert await harness.run(outcome) == outcome
    assert harness.server.patches == []
    assert harness.recorded.events == [("Normal", "Succeeded", "nothing new", True)]


async def test_the_run_says_what_is_new(harness: LifecycleHarness) -> None:
    harness.put(thing(generation=3, requested="now", status=WELL))
    await harness.run()
    [run] = harness.reconciler.runs
    assert (run.progress, run.requested, run.new_generation) == (
        "processing object: new generation 1 -> 3",
        True,
        True,
    )
    await harness.run()
    run = harness.reconciler.runs[-1]
    assert (run.progress, run.requested, run.new_generation) == ("reconciliation in progress", False, False)


async def test_an_interval_has_its_jitter_and_keeps_it(harness: LifecycleHarness) -> None:
    await harness.run()
    [run] = harness.reconciler.runs
    hour, before = timedelta(hours=1), START - timedelta(days=1)
    assert run.spread(hour) == run.spread(hour, since=START) != hour
    assert run.spread(hour) != run.spread(hour, since=before)
    assert abs(run.spread(hour) - hour) <= hour / 5


async def test_a_failure_keeps_observed_generation_and_facts_and_is_retried(harness: LifecycleHarness) -> None:
    harness.put(thing(generation=2, requested="now", status=WELL))

    def fail(run: Run[Thing, ThingStatus]) -> Outcome:
        run.progress = "scanning: reconcile requested"
        run.status = msgspec.structs.replace(run.status, pushed="c2")
        return DENIED

    harness.reconciler.behaviour = fail
    assert await harness.lifecycle(KEY) == Retry("Denied", "registry said no")
    now = harness.thing().status
    assert (now.observed_generation, now.pushed, now.last_handled_reconcile_at) == (1, "c2", "now")
    assert harness.types == ["Reconciling", "Ready"]
    assert harness.condition("Reconciling").message == "scanning: reconcile requested"
    assert harness.condition("Ready").observed_generation == 2
    assert harness.recorded.events == [("Warning", "Denied", "registry said no", False)]


async def test_facts_that_cannot_be_shown_are_written_in_escapes_and_once(harness: LifecycleHarness) -> None:
    def push(run: Run[Thing, ThingStatus]) -> Outcome:
        run.status = msgspec.structs.replace(run.status, pushed="\udce9\x1b[31m")
        return Ready("all well", None)

    harness.reconciler.behaviour = push
    for _ in range(2):
        await harness.lifecycle(KEY)
        assert harness.thing().status.pushed == r"\xe9\x1b[31m"
    assert len(harness.server.patches) == 1


async def test_a_request_whose_run_failed_stays_owed_until_a_run_succeeds(harness: LifecycleHarness) -> None:
    harness.put(thing(requested="now", status=WELL))
    for end in (DENIED, DENIED, None, None):
        await harness.run(end)
    assert [run.requested for run in harness.reconciler.runs] == [True, True, True, False]


async def test_the_same_failure_again_writes_nothing_but_warns_again(harness: LifecycleHarness) -> None:
    await harness.run(DENIED)
    await harness.run(DENIED)
    assert len(harness.server.patches) == 1
    assert len(harness.recorded.events) == 2


async def test_recovery_is_reported_even_with_the_old_message(harness: LifecycleHarness) -> None:
    harness.put(thing(status=WELL))
    await harness.run(DENIED)
    await harness.run(Ready("all well", None, no_change="nothing new"))
    assert harness.recorded.events[-1] == ("Normal", "Succeeded", "all well", False)
    assert harness.types == ["Ready"]


@pytest.mark.parametrize(
    ("end", "event"),
    [
        pytest.param(Ready("new words", None), ("new words", False), id="message-changed"),
        pytest.param(Ready("new words", None, no_change="q"), ("q", True), id="said-to-be-nothing-though-worded-anew"),
        pytest.param(
            Ready("all well", None, event="pushed c1", no_change="q"), ("pushed c1", False), id="something-happened"
        ),
        pytest.param(Ready("all well", None, no_change="q"), ("q", True), id="nothing-happened"),
        pytest.param(Ready("all well", None), None, id="nothing-happened-and-nothing-to-say"),
    ],
)
async def test_the_event_of_a_success(harness: LifecycleHarness, end: Ready, event: tuple[str, bool] | None) -> None:
    harness.put(thing(status=WELL))
    await harness.run(end)
    assert harness.recorded.events == ([("Normal", "Succeeded", *event)] if event else [])


async def test_stalled_is_terminal_and_observes_the_generation(harness: LifecycleHarness) -> None:
    harness.put(thing(generation=2, status=WELL))
    outcome = Stalled("BadImage", "no such form")
    assert await harness.run(outcome) == outcome
    assert harness.types == ["Stalled", "Ready"]
    assert harness.condition("Ready").reason == "BadImage"
    assert harness.thing().status.observed_generation == 2
    assert harness.recorded.events == [("Warning", "BadImage", "no such form", False)]


async def test_waiting_for_another_object_neither_retries_nor_warns(harness: LifecycleHarness) -> None:
    outcome = Waiting("DependencyNotReady", "not scanned yet", warn=False)
    assert await harness.run(outcome) == outcome
    assert harness.condition("Ready").reason == "DependencyNotReady"
    assert harness.recorded.events == []


async def test_a_wait_that_goes_on_warns_once(harness: LifecycleHarness) -> None:
    missing = Waiting("DependencyNotReady", "repository is missing")
    for _ in range(3):
        assert await harness.run(missing) == missing
    warning = ("Warning", "DependencyNotReady", "repository is missing", False)
    assert harness.recorded.events == [warning]
    await harness.run(Waiting("DependencyNotReady", "repository is empty"))
    await harness.run(missing)
    assert [message for _, _, message, _ in harness.recorded.events[1:]] == [
        "repository is empty",
        "repository is missing",
    ]


async def test_a_wait_of_a_new_spec_warns_again(harness: LifecycleHarness) -> None:
    missing = Waiting("DependencyNotReady", "repository is missing")
    await harness.run(missing)
    harness.put(thing(generation=2, status=harness.thing().status))
    await harness.run(missing)
    assert len(harness.recorded.events) == 2


async def test_a_status_that_the_server_throttles_does_not_set_the_pace_of_runs(harness: LifecycleHarness) -> None:
    def throttle() -> None:
        raise Throttled("patch", "too many", status=429, retry_after=1)

    harness.before_patch += [throttle] * 5
    outcome = await harness.run()
    assert isinstance(outcome, Retry)
    assert outcome.retry_after is None


async def test_a_crash_whose_status_cannot_be_written_is_still_a_crash(
    harness: LifecycleHarness, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse() -> None:
        raise Forbidden("patch", "no", status=403)

    harness.before_patch.append(refuse)
    assert isinstance(await harness.run(KeyError("oops")), KeyError)
    assert caplog.messages == ["the status does not say that a run crashed"]


async def test_a_success_with_findings_warns_of_each(harness: LifecycleHarness) -> None:
    await harness.run(Ready("all well", None, warnings=(("Unparsable", "a.yaml: line 3"),)))
    assert harness.recorded.events == [
        ("Warning", "Unparsable", "a.yaml: line 3", False),
        ("Normal", "Succeeded", "all well", False),
    ]


async def test_a_server_that_asks_to_retry_at_once_gets_the_usual_backoff(harness: LifecycleHarness) -> None:
    outcome = await harness.run(Throttled("get", "later", status=429, retry_after=0))
    assert isinstance(outcome, Retry)
    assert outcome.retry_after is None


async def test_a_time_to_retry_reaches_the_queue(harness: LifecycleHarness) -> None:
    outcome = await harness.run(Throttled("get", "too many", status=429, retry_after=9))
    assert isinstance(outcome, Retry)
    assert outcome.retry_after == timedelta(seconds=9)


async def test_an_api_error_is_a_failure_with_its_text(harness: LifecycleHarness) -> None:
    outcome = await harness.run(Forbidden("get secrets ns/pull", "no", status=403))
    assert isinstance(outcome, Retry)
    assert harness.condition("Ready").reason == "Failed"
    assert harness.condition("Ready").message == "get secrets ns/pull: 403 Forbidden: no"


async def test_a_crash_is_reported_by_class_only_and_reaches_the_controller(harness: LifecycleHarness) -> None:
    outcome = await harness.run(KeyError("password=hunter2"))
    assert isinstance(outcome, KeyError)
    ready = harness.condition("Ready")
    assert (ready.reason, ready.status) == ("Failed", "False")
    assert "KeyError" in ready.message
    assert "hunter2" not in ready.message
    assert harness.recorded.events[0][:2] == ("Warning", "Failed")


async def test_messages_are_cut_alike_in_condition_and_event(harness: LifecycleHarness) -> None:
    await harness.run(Retry("Denied", "x" * 5000))
    assert harness.condition("Ready").message == harness.recorded.events[0][2] == "x" * 1021 + "..."


async def test_a_missing_object_is_forgotten(harness: LifecycleHarness) -> None:
    harness.cache.objects.clear()
    assert await harness.run() is None
    assert harness.forgotten == [KEY]
    assert harness.reconciler.runs == []


@pytest.mark.parametrize(
    ("finalizers", "patches"),
    [
        pytest.param((FINALIZER,), [{"finalizers": [], "resourceVersion": "10"}], id="flux-only"),
        pytest.param(("a/b", FINALIZER), [{"finalizers": ["a/b"], "resourceVersion": "10"}], id="others-stay"),
        pytest.param(("a/b",), [], id="not-ours"),
    ],
)
async def test_a_deletion_removes_the_old_finalizer_and_forgets(
    harness: LifecycleHarness, finalizers: tuple[str, ...], patches: list[dict[str, object]]
) -> None:
    harness.put(thing(deleted=START, finalizers=finalizers))
    assert await harness.run() is None
    assert harness.server.patches == [("", {"metadata": patch}) for patch in patches]
    assert (harness.forgotten, harness.reconciler.runs, harness.cache.writes) == ([KEY], [], [])


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
    harness = LifecycleHarness(handle_requests_while_suspended=counts)
    harness.put(thing(generation=2, requested="now", suspend=True, status=before))
    assert await harness.run() is None
    now = harness.thing().status
    assert (now.last_handled_reconcile_at, now.observed_generation) == (handled, observed)
    assert now.conditions == before.conditions
    assert (harness.reconciler.runs, harness.recorded.events) == ([], [])


async def test_a_failing_suspended_object_keeps_its_generation(harness: LifecycleHarness) -> None:
    await harness.run(DENIED)
    failing = harness.thing().status
    harness.put(thing(generation=2, suspend=True, status=failing))
    await harness.run()
    assert harness.thing().status == failing


async def test_requests_are_told_apart_by_their_text_and_not_by_their_time(harness: LifecycleHarness) -> None:
    harness.put(
        thing(requested="2024-01-01T00:00:00Z", status=msgspec.structs.replace(WELL, last_handled_reconcile_at="2099"))
    )
    await harness.run()
    assert harness.reconciler.runs[-1].requested
    assert harness.thing().status.last_handled_reconcile_at == "2024-01-01T00:00:00Z"


async def test_a_run_that_has_to_make_room_says_so_and_is_repeated(harness: LifecycleHarness) -> None:
    async def crowded() -> None:
        harness.superseder.interrupt(KEY)
        await asyncio.Event().wait()

    harness.reconciler.meanwhile = crowded  # type: ignore[method-assign]
    outcome = await harness.run()
    assert isinstance(outcome, Retry)
    assert "to make room for others" in outcome.message
    assert harness.condition("Ready").message == outcome.message


async def test_a_run_of_an_outdated_spec_is_ended_and_leaves_no_trace(harness: LifecycleHarness) -> None:
    async def edited() -> None:
        harness.superseder.on_change(thing(), thing(generation=2))
        await asyncio.Event().wait()

    harness.reconciler.meanwhile = edited  # type: ignore[method-assign]
    assert await harness.run() is None
    assert (harness.server.patches, harness.recorded.events) == ([], [])


UNWANTED = [
    pytest.param({"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z", "generation": 2}}, id="going"),
    pytest.param({"metadata": {"uid": "u2"}}, id="replaced"),
    pytest.param({"spec": {"suspend": True}}, id="suspended"),
]


def change_meanwhile(harness: LifecycleHarness, change: dict[str, Any]) -> None:
    """Have the watch bring a change during the next run."""

    async def change_it() -> None:
        harness.change(change)
        harness.cache.objects[KEY] = harness.thing()

    harness.reconciler.meanwhile = change_it  # type: ignore[method-assign]


@pytest.mark.parametrize("change", UNWANTED)
async def test_nothing_is_done_any_more_for_an_object_that_was_deleted_or_suspended_during_its_run(
    harness: LifecycleHarness, change: dict[str, Any]
) -> None:
    def act(run: Run[Thing, ThingStatus]) -> Outcome:
        run.check()
        raise AssertionError("it may not go on")

    change_meanwhile(harness, change)
    harness.reconciler.behaviour = act
    assert await harness.lifecycle(KEY) is None
    assert (harness.server.patches, harness.recorded.events) == ([], [])


async def test_an_object_that_is_gone_stops_its_run(harness: LifecycleHarness) -> None:
    def act(run: Run[Thing, ThingStatus]) -> Outcome:
        harness.cache.objects.clear()
        run.check()
        raise AssertionError("it may not go on")

    harness.reconciler.behaviour = act
    assert await harness.lifecycle(KEY) is None


async def test_a_run_goes_on_where_only_what_it_is_to_do_was_edited(harness: LifecycleHarness) -> None:
    def act(run: Run[Thing, ThingStatus]) -> Outcome:
        run.check()
        return Ready("all well", None)

    change_meanwhile(harness, {"spec": {"size": 2}})
    harness.reconciler.behaviour = act
    assert await harness.lifecycle(KEY) == Ready("all well", None)


async def test_what_a_run_had_done_before_its_object_was_suspended_is_recorded(harness: LifecycleHarness) -> None:
    def act(run: Run[Thing, ThingStatus]) -> Outcome:
        run.has_acted = True
        run.status = msgspec.structs.replace(run.status, pushed="c1")
        run.check()
        raise AssertionError("it may not go on")

    harness.put(thing(requested="now"))
    change_meanwhile(harness, {"spec": {"suspend": True}})
    harness.reconciler.behaviour = act
    assert await harness.lifecycle(KEY) is None
    status = harness.thing().status
    assert (status.pushed, status.conditions, status.last_handled_reconcile_at) == ("c1", (), "")
    assert harness.recorded.events == []


async def test_while_the_watch_is_broken_a_run_is_over_the_object_as_the_server_has_it(
    harness: LifecycleHarness,
) -> None:
    harness.cache.is_behind = True
    harness.change({"spec": {"size": 2}})
    harness.cache.server[KEY] = harness.thing()
    await harness.run()
    assert [run.object.spec.size for run in harness.reconciler.runs] == [2]
    assert harness.thing().status.observed_generation == 2


async def test_while_the_watch_is_broken_nothing_is_done_for_what_is_gone(harness: LifecycleHarness) -> None:
    harness.cache.is_behind = True
    assert await harness.run() is None
    assert harness.reconciler.runs == []
    assert harness.forgotten == [KEY]
