"""`hack.cligolden`: the recorded answers of the `flux` command line are ours, but for those in accepted.json."""

import json
from pathlib import Path

from hack.cligolden.__main__ import OURS
from hack.cligolden.accepted import DEFAULT, read_accepted
from hack.cligolden.cases import read_files
from hack.cligolden.invocation import command_words
from hack.cligolden.outcome import Outcome, counts
from hack.cligolden.player import Player

RECORDED = Path(__file__).parents[1] / "hack" / "cligolden" / "recorded"
CHANGES: dict[str, tuple[str, dict[str, object]]] = {
    "suspend-001": ("suspend", {"changes": {}}),
    "suspend-003": ("suspend", {"changes": {"ImageRepository/flux-system/podinfo": "deleted"}}),
    "delete-001": ("delete", {"changes": {"ImageRepository/flux-system/redis": "deleted"}}),
    "get-images-repository-003": ("get", {"state": "empty"}),
    "resume-001": ("resume", {"reaction": None}),
    "bootstrap-git-007": ("bootstrap_git", {"cluster_after": {"Deployments": ["x"]}}),
}
"""Recordings that tell of the cluster, by id: their file, and what they might have said instead."""


def play(*paths: Path) -> list[Outcome]:
    return list(Player(command_words(OURS), "tagline", read_accepted(DEFAULT)).play(read_files(paths)))


def test_every_recorded_invocation_is_answered_as_recorded() -> None:
    outcomes = play(RECORDED)
    told = "\n".join(f"{o.case.id}: {difference}" for o in outcomes for difference in o.differences)
    assert told == ""
    assert counts(outcomes)[0] == sum(len(file.cases) for file in read_files([RECORDED]))


def test_a_recording_that_says_something_else_is_not_ours(tmp_path: Path) -> None:
    lines = []
    for name, (file, change) in CHANGES.items():
        recorded = (json.loads(line) for line in (RECORDED / f"{file}.jsonl").read_text().splitlines())
        [line] = [found for found in recorded if found["id"] == name]
        lines += [line, {**line, **change, "id": f"changed-{name}"}]
    (tmp_path / "elsewhere.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    failed = {outcome.case.id for outcome in play(tmp_path) if not outcome.passed}
    assert failed == {f"changed-{name}" for name in CHANGES}
