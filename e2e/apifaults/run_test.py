import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from controllers.runtime.process.debug import PAGES
from e2e.apifaults.director import Director
from e2e.apifaults.faults import FAULTS, SIDE, Fault, is_event
from e2e.apifaults.play import Play
from e2e.apifaults.positions import Position, Trial
from e2e.apifaults.report import Report, Verdict
from e2e.apifaults.run import Runner
from e2e.apifaults.usage import count_tasks
from testing.invariants import Violation

TRIAL = Trial("tag", Position("imagepolicy", "patch", "imagepolicies/status", 1), "crash-before")
EVENT = Trial("tag", Position("imagepolicy", "event", "imagerepositories", 1), "event-late")
WORLD: Any = None


async def fail(*_: object) -> None:
    raise RuntimeError("the CRD was not loaded")


@pytest.mark.parametrize(
    ("verdicts", "passed"),
    [
        pytest.param([], False, id="nothing-tried"),
        pytest.param([Verdict(TRIAL, False, [], 1)], False, id="not-reached"),
        pytest.param([Verdict(TRIAL, True, [], 1, failed="no other replica took the lease")], False, id="not-injected"),
        pytest.param([Verdict(TRIAL, True, [], 1)], True, id="tried"),
        pytest.param([Verdict(TRIAL, True, [Violation("kstatus", "x", "y")], 1)], False, id="violated"),
    ],
)
def test_only_a_run_that_tried_something_passes(verdicts: list[Verdict], passed: bool) -> None:
    assert Report(1, verdicts).passed is passed


def test_process_that_holds_more_than_before_fails_a_run() -> None:
    report = Report(1, [Verdict(TRIAL, True, [], 1)], [Violation("flat", "imagepolicy tasks", "30 -> 90")])
    assert not report.passed
    assert "1 violations" in report.last_line()


async def test_play_that_breaks_is_a_violation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Runner, "attempt", fail)
    report = Report(1)
    await Runner(WORLD, Director(FAULTS), print).attempt_all([TRIAL], report)
    assert [str(violation) for violation in report.bad[0].violations] == [
        f"play: {TRIAL}: RuntimeError: the CRD was not loaded"
    ]


@pytest.mark.parametrize("times", [1, 2])
async def test_position_that_was_passed_by_is_tried_once_more(monkeypatch: pytest.MonkeyPatch, times: int) -> None:
    answers = iter([Verdict(TRIAL, number + 1 == times, [], 1) for number in range(2)])

    async def attempt(_: Runner, __: Trial) -> Verdict:
        return next(answers)

    monkeypatch.setattr(Runner, "attempt", attempt)
    report = Report(1)
    await Runner(WORLD, Director(FAULTS), print).attempt_all([TRIAL], report)
    assert len(report.reached) == 1
    assert len(list(answers)) == 2 - times


async def test_fault_that_could_not_be_done_was_not_injected() -> None:
    director, play = Director({EVENT.fault: Fault(3, SIDE, is_event, fail)}), Play(WORLD, EVENT)
    director.plays[play.namespace] = play
    stream: Any = SimpleNamespace(call=SimpleNamespace(process="imagepolicy", what="imagerepositories"))
    with pytest.raises(RuntimeError):
        await director.on_event(stream, play.namespace, b"")
    assert (play.fired, play.failed) == (True, "RuntimeError: the CRD was not loaded")


async def test_fault_that_could_not_be_ended_was_none() -> None:
    play = Play(WORLD, EVENT)
    play.spawn(fail())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert (play.tasks, play.failed) == (set(), "RuntimeError: the CRD was not loaded")


async def test_tasks_are_counted_as_the_debug_page_shows_them() -> None:
    waiting = [asyncio.create_task(asyncio.Event().wait()) for _ in range(7)]
    request: Any = None
    page = (await PAGES["/debug/tasks"](request)).body.decode()
    assert count_tasks(page) == len(asyncio.all_tasks())
    for task in waiting:
        task.cancel()
