"""The recorded system scenarios, played against our controllers: the same transcripts but for what is accepted."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent / "scenarios"


@pytest.mark.skipif(
    os.environ.get("E2E_CONTROLLERS") == "deployed",
    reason="the player starts controllers of its own beside its registry",
)
def test_recorded_scenarios_are_played_alike(tmp_path: Path) -> None:
    # A cluster of its own: the session's controllers would reconcile the same objects.
    variables = {k: v for k, v in os.environ.items() if not k.startswith("E2E_") and k != "KUBECONFIG"}
    command = [sys.executable, "-m", "hack.scenarios", str(FOLDER), "--out", str(tmp_path / "out")]
    played = subprocess.run(
        command, env=variables, cwd=FOLDER.parent.parent, capture_output=True, text=True, check=False
    )
    count = len(list((FOLDER / "golden").glob("*.json"))) - played.stderr.count(" is left out: it needs ")
    assert f"{count} scenarios alike, 0 different, 0 not played" in played.stdout, played.stdout[-8000:] + played.stderr
    assert played.returncode == 0
