"""`hack.model` on the embedded API: a sample of random histories, and those that have found something."""

import logging
from collections.abc import Iterable, Iterator

import pytest

from hack.model import steps
from hack.model.embedded import embedded_world
from hack.model.machine import search
from hack.model.player import Different, play
from hack.model.steps import Step
from testing.invariants import Allowance, Version, Violation

SAMPLE_STEPS, SAMPLE_SEED = 60, 20_261_130

RESUMED_WITH_ANOTHER_RANGE: list[Step] = [
    steps.EditPolicy(0, suspended=True),
    steps.SetValue(2, "1.0.0"),
    steps.Restart((steps.EditPolicy(0, {"range": "~1.1.0"}, suspended=False),)),
]
"""A policy is suspended, a person puts an older tag into Git; then it is resumed and narrowed in one edit."""
EDITED_SO_THAT_IT_FAILS: list[Step] = [
    steps.EditPolicy(0, {"filter": "broken"}),
    steps.EditPolicy(0, {"deny": "broken"}),
]
CUT_OFF_BETWEEN_PUSH_AND_STATUS: list[Step] = [
    steps.EditAutomation(0, hold=True),
    steps.Push(0, "1.1.0"),
    *(steps.Crash(steps.Scan(0), write, is_written) for write in (1, 2, 3, 4) for is_written in (False, True)),
    steps.Revert(0),
    steps.Tick(),
    steps.Push(0, "1.2.0"),
    steps.Scan(0),
]
OUTAGES: list[Step] = [
    steps.FailRegistry("500"),
    steps.Push(0, "2.0.0"),
    steps.Delete("ImageRepository", 1),
    steps.Create("ImageRepository", 1),
    steps.FailGit("push"),
    steps.FailRegistry(""),
    steps.FailGit(""),
]
FIRST_SEEN: list[Step] = [
    steps.EditPolicy(0, {"kind": "newest", "min_age": True}),
    steps.Push(0, "1.1.0"),
    steps.Scan(0),
    steps.Push(0, "1.0.0.sig"),
    steps.Month(),
]
KEPT: list[Step] = [
    steps.EditPolicy(0, {"allow_downgrade": False}),
    steps.DeleteTag(0, "1.0.1"),
    steps.Scan(0),
    steps.EditPolicy(0, {"kind": "newest"}),
    steps.EditPolicy(0, {"allow_downgrade": True}),
]


@pytest.fixture(autouse=True)
def silence() -> Iterator[None]:
    """Let nothing be logged: the faults are meant."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


def test_random_histories_end_where_the_model_ends() -> None:
    assert search(embedded_world, steps=SAMPLE_STEPS, number=SAMPLE_SEED, has_own_clock=True) >= SAMPLE_STEPS / 2


@pytest.mark.parametrize(
    "history",
    [
        pytest.param(RESUMED_WITH_ANOTHER_RANGE, id="resumed-with-another-range"),
        pytest.param(EDITED_SO_THAT_IT_FAILS, id="edited-so-that-it-fails"),
        pytest.param(CUT_OFF_BETWEEN_PUSH_AND_STATUS, id="cut-off-between-push-and-status"),
        pytest.param(OUTAGES, id="outages"),
        pytest.param(FIRST_SEEN, id="first-seen"),
        pytest.param(KEPT, id="kept"),
    ],
)
async def test_history(history: list[Step]) -> None:
    async with embedded_world() as world:
        await play(world, history)


async def test_a_fault_is_found_and_what_is_printed_plays_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("controllers.policy.rules._keep_current", lambda *_: None)
    with pytest.raises(Different) as found:
        async with embedded_world() as world:
            await play(world, KEPT)
    printed = str(found.value)
    assert steps.from_json(printed[printed.index("\n[\n") :]) == KEPT[:3]


async def test_a_model_that_is_wrong_differs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hack.model.model.DEFAULT_EXCLUSION", "^1")
    with pytest.raises(Different, match="ImageRepository r0"):
        async with embedded_world() as world:
            await play(world, [])


async def test_a_version_on_the_way_that_breaks_a_rule_differs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each step ends at rest; what objects said before that is judged, too."""

    def forbid_empty_statuses(versions: Iterable[Version], _: Allowance) -> list[Violation]:
        return [Violation("empty", version.subject, "") for version in versions if "conditions" not in version.status]

    monkeypatch.setattr("testing.state_history.check_versions", forbid_empty_statuses)
    with pytest.raises(Different, match="empty: ImagePolicy"):
        async with embedded_world() as world:
            await play(world, [])
