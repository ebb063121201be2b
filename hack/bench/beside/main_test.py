"""`hack.bench.beside`: flags, the order of trials, and how a run ends."""

import argparse
import os
import signal
import sys
from pathlib import Path

import pytest

from hack.bench.beside import __main__ as beside
from hack.bench.beside.objects import Sizes
from hack.bench.beside.scenarios import SCENARIOS
from hack.bench.beside.table import SIDES, Sample
from hack.bench.beside.trial import NotReached
from hack.env import process

SLEEP = "import time; time.sleep(600)"


def parse(*arguments: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    beside.add_arguments(parser)
    return parser.parse_args(arguments)


def test_sizes_are_those_of_the_objects_unless_a_flag_says_otherwise() -> None:
    args = parse("--list-tags", "50")
    assert (args.images, args.files, args.list_tags) == (Sizes().images, Sizes().files, 50)
    assert (args.concurrent, args.runs, args.only) == (4, 3, tuple(SCENARIOS))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(["--only", "images,imagse"], "no imagse; there are images, large", id="no-such-scenario"),
        pytest.param(["--files", "99"], "99 is less than 100", id="too-few-files"),
        pytest.param(["--runs", "0"], "0 is less than 1", id="no-run"),
    ],
)
def test_wrong_flags_are_refused_before_anything_is_started(
    capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    with pytest.raises(SystemExit):
        beside.main(arguments)
    assert message in capsys.readouterr().err


def test_sides_take_turns_in_every_run() -> None:
    chosen = [SCENARIOS["images"], SCENARIOS["push"]]
    turns = [(scenario, kind(Path("kubeconfig"), 4).name) for scenario, kind in beside._turns(chosen, 2)]
    assert turns == [(scenario, side) for _ in range(2) for scenario in chosen for side in SIDES]


def test_side_that_stops_short_fails_the_run_and_what_was_measured_is_printed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(_: argparse.Namespace, samples: list[Sample]) -> None:
        samples += [Sample(side, "a phase", (1.0,), 0.5, 100.0, 0.0) for side in SIDES]
        raise NotReached("Flux: not after 600 s: 3 ImagePolicies have chosen a tag")

    monkeypatch.setattr(beside, "run", run)
    assert beside.main([]) == 1
    found = capsys.readouterr()
    assert "| a phase | 1 | 1 | 1.00 |" in found.out
    assert "--concurrent 4 on both sides" in found.out
    assert "not finished: Flux: not after 600 s" in found.err


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_ends_the_run_and_what_it_has_started(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, number: signal.Signals
) -> None:
    started: list[process.Process] = []

    def run(_: argparse.Namespace, __: list[Sample]) -> None:
        started.append(process.start("sleeper", [sys.executable, "-c", SLEEP], tmp_path))
        os.kill(os.getpid(), number)

    monkeypatch.setattr(beside, "run", run)
    before = signal.getsignal(number)
    other = process.start("other", [sys.executable, "-c", SLEEP], tmp_path)
    try:
        with pytest.raises(SystemExit) as ended:
            beside.main([])
        assert ended.value.code == 128 + number
        assert [process.is_running(one) for one in (started[0], other)] == [False, True]
        assert signal.getsignal(number) is before
    finally:
        process.stop(other, kill=True)
