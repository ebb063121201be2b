"""`e2e.apifaults.report`: what a run says of itself, and goes on from."""

from pathlib import Path

import pytest

from e2e.apifaults.positions import Position, Trial
from e2e.apifaults.report import Log, Report, Share, Verdict
from testing.invariants import Violation

POSITION = Position("imagepolicy", "patch", "imagepolicies/status", 1)
GOOD = Verdict(Trial("tag", POSITION, "crash-before"), True, [], 1.5)
BAD = Verdict(Trial("tag", POSITION, "crash-after"), True, [Violation("kstatus", "x", "y")], 2.0)
MISSED = Verdict(Trial("life", POSITION, "deny"), True, [], 3.0, failed="the admission policy did not deny")


def test_run_goes_on_from_its_log(tmp_path: Path) -> None:
    file = tmp_path / "log"
    assert Log(file).read("abc") == []
    for verdict in (GOOD, BAD, MISSED):
        Log(file).add(verdict)
    assert Log(file).read("abc") == [GOOD, BAD, MISSED]


def test_line_that_was_cut_by_the_end_of_the_run_is_played_again(tmp_path: Path) -> None:
    file = tmp_path / "log"
    Log(file).read("abc")
    Log(file).add(GOOD)
    Log(file).add(BAD)
    file.write_text(file.read_text()[:-9])
    assert Log(file).read("abc") == [GOOD]
    Log(file).add(MISSED)
    assert Log(file).read("abc") == [GOOD, MISSED]


def test_log_of_something_else_is_refused(tmp_path: Path) -> None:
    Log(tmp_path / "log").read("abc")
    with pytest.raises(ValueError, match="of abc, not of def"):
        Log(tmp_path / "log").read("def")


def test_violation_is_shown_when_it_is_found() -> None:
    lines: list[str] = []
    report = Report(1, show=lines.append)
    report.add(GOOD)
    report.add(BAD)
    report.add(MISSED)
    assert lines == [
        "VIOLATION kstatus: x: y",
        f"  play it again: FAULTS_AT='{BAD.trial}'",
        f"NOT INJECTED {MISSED.trial}: the admission policy did not deny",
    ]


def test_slowest_world_says_how_long_the_rest_takes() -> None:
    lines: list[str] = []
    report = Report(1, total=1000, show=lines.append)
    report.shares += [Share(100, 50, report.began - 600), Share(900, 0, report.began), Share(10, 9, report.began - 60)]
    for _ in range(25):
        report.add(GOOD)
    assert lines == ["25 of 1000 positions, 0 with violations, 0 s, about 10 min left"]
