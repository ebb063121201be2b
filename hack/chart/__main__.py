"""`python -m hack.chart`: writes the Helm chart, manifests/chart, or with --check says what is stale in it.

The chart is made of what `kubectl kustomize manifests` prints, the components of manifests/components, the table of
values and the files beside this module. KUBECTL names the kubectl to use (default: the one on PATH, else the one that
the tests have built).
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from hack.chart.files import CHART, chart_files
from hack.crds.__main__ import differences, write
from hack.packaged import MANIFESTS, read_manifests


def main(arguments: list[str] | None = None) -> int:
    """Write or check, and return the exit status: 1 when --check finds a difference, else 0."""
    parser = argparse.ArgumentParser(prog="python -m hack.chart", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; print a diff and exit 1 when stale")
    options = parser.parse_args(arguments)
    wanted: dict[Path, str | None] = {path: None for path in CHART.rglob("*") if path.is_file()}
    wanted |= {CHART / name: text for name, text in chart_files(read_manifests(MANIFESTS)).items()}
    if not options.check:
        write(wanted)
    changes = differences(wanted)
    sys.stdout.write(changes)
    return 1 if changes else 0


if __name__ == "__main__":
    sys.exit(main())
