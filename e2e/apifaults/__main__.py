"""`make faults`: faults at every position of every scenario, in a world of its own. See the package.

The last line says how many positions were tried and how many violations were found; the exit status is 1 where there
are any, or where no position was reached. Each is printed with what plays it again.
"""

import argparse
import asyncio
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

from e2e.apifaults.positions import Trial
from e2e.apifaults.run import ALL, Report, choose_from, run
from e2e.apifaults.scenarios import SCENARIOS

SAMPLE = 40


def main() -> int:
    """Return 1 where something was violated, or nothing tried."""
    parser = argparse.ArgumentParser(prog="python -m e2e.apifaults", description=__doc__)
    parser.add_argument("--which", default=ALL, help="all, sample, or a shard: 7/16")
    parser.add_argument("--seed", default="", help="of a sample")
    parser.add_argument("--at", default="", help="trials to play again, as a violation names them")
    parser.add_argument("--count", type=int, default=SAMPLE, help="of a sample")
    parser.add_argument("--faults", default="", help="only these, by name or class, separated by commas")
    parser.add_argument("--scenarios", default=",".join(SCENARIOS))
    parser.add_argument("--alone", action="store_true", help="one trial at a time, so that none disturbs another")
    args = parser.parse_args()
    report = Report(int(args.seed or time.time_ns() % 1_000_000))
    again = [Trial.parse(text) for text in args.at.split(",")] if args.at else []

    def choose(trials: list[Trial]) -> list[Trial]:
        return again or choose_from(
            trials, which=args.which or ALL, seed=report.seed, count=args.count, faults=args.faults
        )

    def show(line: str) -> None:
        print(line, flush=True)

    names: list[str] = sorted({trial.scenario for trial in again}) or args.scenarios.split(",")
    folder = Path(tempfile.mkdtemp(prefix="tagline-faults-"))
    asyncio.run(run(folder, report, choose=choose, scenarios=names, show=show, alone=args.alone))
    if os.environ.get("FAULTS_KEEP_LOGS"):
        show(f"logs are kept in {folder}")
    else:
        shutil.rmtree(folder, ignore_errors=True)
    show(report.by_class())
    show(report.last_line())
    return 0 if report.passed else 1


if __name__ == "__main__":
    sys.exit(main())
