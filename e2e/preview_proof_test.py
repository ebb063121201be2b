"""`cli.verbs.preview`: what it shows is what the three processes commit, message and diff, byte for byte.

Each recorded scenario that commits is played on the real API server. Each push is held while `tagline preview` is asked
about the state before it (`e2e.preview_witness`), so that neither side can have learnt from the other.
"""

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from hack.controllers import ROOT

FOLDER = Path(__file__).parent / "scenarios"
COMMITTING = (
    "auto-branch-missing", "auto-credentials-missing", "auto-delete", "auto-foreign-commit", "auto-git-missing",
    "auto-gitrepository-missing", "auto-message", "auto-message-error", "auto-message-removed", "auto-new-tag",
    "auto-path-folder", "auto-policy-not-ready", "auto-push-merged-branch", "auto-push-new-branch",
    "auto-push-rejected", "auto-ref-commit", "auto-ref-tag", "auto-refspec", "auto-selector", "auto-setters",
    "auto-several-policies", "auto-sign-openpgp", "auto-sign-ssh", "auto-spec-edited", "auto-suspend",
    "auto-symlink-and-mode", "auto-two-on-one-branch", "auto-unparsable", "auto-wrong-url",
)  # fmt: skip
"""The scenarios with commits of an automation in their transcripts."""
PLAYER = "import runpy, sys\nsys.exit(runpy.run_module('e2e.preview_witness', run_name='__main__'))\n"


def recorded_commits(scenario: str) -> int:
    """Return how many commits of automations a transcript has."""
    transcript = json.loads((FOLDER / "golden" / f"{scenario}.json").read_text())
    repositories = [git for snapshot in transcript["snapshots"].values() for git in snapshot.get("git", {}).values()]
    return sum(len(repository["commits"]) for repository in repositories)


def test_the_scenarios_that_commit_are_all_named() -> None:
    found = {path.stem for path in (FOLDER / "golden").glob("*.json") if recorded_commits(path.stem)}
    assert found == set(COMMITTING)


@pytest.mark.skipif(
    os.environ.get("E2E_CONTROLLERS") == "deployed",
    reason="the player starts controllers of its own beside its registry",
)
def test_what_preview_shows_is_what_the_controllers_commit(tmp_path: Path) -> None:
    stage, heard = tmp_path / "stage", tmp_path / "heard"
    for path in (stage, heard):
        path.mkdir()
    (stage / "scenarios").symlink_to(FOLDER / "scenarios")
    (stage / "golden").symlink_to(FOLDER / "golden")
    (stage / "play.py").write_text(PLAYER)
    variables = {k: v for k, v in os.environ.items() if not k.startswith("E2E_") and k != "KUBECONFIG"}
    played = subprocess.run(
        [sys.executable, "-m", "hack.scenarios", str(stage), *COMMITTING, "--jobs=4", "--out", str(tmp_path / "out")],
        env={**variables, "PYTHONPATH": str(ROOT), "WITNESS_OUT": str(heard)},
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    testimonies = [json.loads(path.read_text()) for path in heard.glob("*.json")]
    assert [one["failure"] for one in testimonies if "failure" in one] == []
    wrong = [testimony for testimony in testimonies if not is_foreseen(testimony)]
    assert wrong == [], json.dumps(wrong, indent=1)
    expected = {name: recorded_commits(name) for name in COMMITTING if f"{name} is left out: " not in played.stderr}
    commits = {(one["space"].rpartition("-")[0], one["commit"]) for one in testimonies}
    count = Counter(scenario for scenario, _ in commits)
    missing = {name: (number, count[name]) for name, number in expected.items() if count[name] < number}
    assert missing == {}, played.stdout[-8000:] + played.stderr[-8000:]


def is_foreseen(testimony: dict[str, Any]) -> bool:
    """Report whether a preview had the very message and diff, and Git made the commit's tree of the diff."""
    made = (testimony["message"], testimony["diff"])
    return any((one["message"], one["diff"]) == made for one in testimony["foreseen"]) and testimony["is_applied"]
