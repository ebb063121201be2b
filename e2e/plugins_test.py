"""`setup.cfg`: the scripts as plug-ins, `kubectl tagline …` and `flux tagline …`, with the real programs."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from api.version import VERSION
from e2e.flux_cli_test import FLUX
from hack.env.tools import find_built

ROOT = Path(__file__).parents[1]
SCRIPT = f"#!{sys.executable}\nimport sys\nfrom cli.main import main\nsys.exit(main())\n"
"""What an installer makes of an entry of `console_scripts`."""


@pytest.fixture
def plugins(tmp_path: Path) -> Path:
    """Return a folder with the scripts."""
    names = [
        line.partition("=")[0].strip() for line in (ROOT / "setup.cfg").read_text().splitlines() if "cli.main:" in line
    ]
    assert names == ["tagline", "kubectl-tagline", "flux-tagline"]
    for name in names:
        (tmp_path / name).write_text(SCRIPT)
        (tmp_path / name).chmod(0o755)
    return tmp_path


def ask(plugins: Path, *command: str) -> subprocess.CompletedProcess[str]:
    environ = os.environ | {
        "PATH": f"{plugins}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT), "FLUXCD_PLUGINS": str(plugins),
    }  # fmt: skip
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environ)


@pytest.mark.e2e
def test_kubectl_finds_it(plugins: Path) -> None:
    kubectl = find_built("kubectl") or shutil.which("kubectl")
    assert kubectl
    assert ask(plugins, str(kubectl), "tagline", "version", "--client").stdout == f"tagline: v{VERSION}\n"
    refused = ask(plugins, str(kubectl), "tagline", "crate")
    assert (refused.returncode, refused.stderr.splitlines()[0]) == (
        1,
        '✗ unknown command "crate" for "kubectl tagline"; did you mean "create"?',
    )
    assert "usage: kubectl tagline lint" in ask(plugins, str(kubectl), "tagline", "lint", "--help").stdout


@pytest.mark.skipif(FLUX is None, reason="there is no flux command line: make flux-cli builds it")
def test_flux_finds_it(plugins: Path) -> None:
    assert ask(plugins, str(FLUX), "tagline", "version", "--client").stdout == f"tagline: v{VERSION}\n"
    assert ask(plugins, str(FLUX), "plugin", "list").stdout.splitlines()[1].startswith("tagline")
