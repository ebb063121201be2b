"""`make faults`: faults at every position of every scenario. See the package."""

import argparse
import asyncio
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path
from random import Random

from e2e.apifaults.faults import FAULTS
from e2e.apifaults.positions import Trial
from e2e.apifaults.run import Report, run, sample
from e2e.apifaults.scenarios import SCENARIOS

SAMPLE = 60


def chooser(which: str, at: str, seed: int, count: int, faults: str):  # type: ignore[no-untyped-def]
    """Return what picks trials."""

    def choose(trials: list[Trial]) -> list[Trial]:
        if at:
            return [Trial.parse(text) for text in at.split(",")]
        wanted = [
            t
            for t in trials
            if not faults or t.fault in faults.split(",") or str(FAULTS[t.fault].number) in faults.split(",")
        ]
        if which == "sample":
            return sample(wanted, count, Random(seed))
        if "/" in which:
            number, of = map(int, which.split("/"))
            return wanted[number - 1 :: of]
        return wanted

    return choose


def main() -> int:
    """Return 1 where something was violated."""
    parser = argparse.ArgumentParser(prog="python -m e2e.apifaults", description=__doc__)
    parser.add_argument("--which", default="all", help="all, sample, or a shard: 7/16")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--at", default="", help="trials to play again, as a failure names them")
    parser.add_argument("--count", type=int, default=SAMPLE, help="of a sample")
    parser.add_argument("--faults", default="", help="only these, by name or class")
    parser.add_argument("--scenarios", default="")
    args = parser.parse_args()
    seed = args.seed or time.time_ns() % 1_000_000
    report = Report(seed)
    folder = Path(tempfile.mkdtemp(prefix="apifaults-"))
    names = args.scenarios.split(",") if args.scenarios else list(SCENARIOS)
    if args.at:
        names = sorted({Trial.parse(text).scenario for text in args.at.split(",")})
    choose = chooser(args.which, args.at, seed, args.count, args.faults)
    asyncio.run(run(folder, report, choose=choose, scenarios=names, print_=lambda line: print(line, flush=True)))
    if os.environ.get("FAULTS_KEEP"):
        print(f"logs are kept in {folder}")
    else:
        shutil.rmtree(folder, ignore_errors=True)
    print(report.by_class())
    print(report.last_line())
    return 1 if report.bad else 0


if __name__ == "__main__":
    sys.exit(main())
