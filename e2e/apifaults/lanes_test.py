"""`e2e.apifaults.lanes`: which world plays what."""

from collections import Counter
from pathlib import Path

import pytest

from e2e.apifaults.faults import FAULTS, PAIR
from e2e.apifaults.lanes import LANES, WORTH, Lanes, Plan, share_out
from e2e.apifaults.positions import Position, Trial
from e2e.apifaults.report import Report
from e2e.apifaults.world import World

GROUPS = sorted({fault.group for fault in FAULTS.values()})


def trials(count: int, *groups: str) -> list[Trial]:
    position = Position("imagepolicy", "patch", "imagepolicies/status", 1)
    faults = [next(name for name, fault in FAULTS.items() if fault.group == group) for group in groups]
    return [Trial(f"s{number}", position, fault) for number in range(count) for fault in faults]


@pytest.mark.parametrize("count", [1, WORTH - 1, WORTH, 5 * WORTH])
def test_every_trial_is_played_once_with_the_replicas_that_it_needs(count: int) -> None:
    wanted = trials(count, *GROUPS)
    plans = share_out(wanted)
    assert Counter(trial for plan in plans for trial in plan.trials) == Counter(wanted)
    for plan in plans:
        of_pairs = {FAULTS[trial.fault].group == PAIR for trial in plan.trials}
        assert of_pairs == {plan.replicas == 2}


def test_faults_of_different_lanes_share_a_world_only_where_few_would_have_one() -> None:
    assert [len(plan.trials) for plan in share_out(trials(2, *GROUPS))] == [2 * (len(GROUPS) - 1), 2]
    for plan in share_out(trials(5 * WORTH, *GROUPS)):
        assert len([lane for lane in LANES if any(lane.has(trial) for trial in plan.trials)]) == 1


def test_worlds_of_a_lane_have_as_much_to_do() -> None:
    sizes = [len(plan.trials) for plan in share_out(trials(5 * WORTH, PAIR)) if plan.trials]
    assert len(sizes) > 1
    assert max(sizes) - min(sizes) <= 1


async def test_world_that_fails_fails_the_run_and_no_other_world(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    async def start(_: World) -> World:
        raise RuntimeError("kube-apiserver did not start")

    monkeypatch.setattr(World, "__aenter__", start)
    lines: list[str] = []
    report = Report(1, show=lines.append)
    await Lanes(tmp_path, report, alone=False).play(Plan(1, trials(1, PAIR)), {})
    assert lines == ["VIOLATION world: pair: RuntimeError: kube-apiserver did not start"]
    assert not report.passed
    assert "1 violations" in report.last_line()
