"""`make faults`: faults at every position of every scenario, in a world of its own. See the package.

The last line says how many positions were tried and how many violations were found; the exit status is 1 where there
are any, or where no position was reached. Each is printed with what plays it again.
"""

import argparse
import asyncio
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from e2e.apifaults.choosing import ALL, choose_from
from e2e.apifaults.lanes import run
from e2e.apifaults.positions import Trial
from e2e.apifaults.report import Log, Report
from e2e.apifaults.scenarios import SCENARIOS
from hack.controllers import ROOT

SAMPLE = 40


def show(line: str) -> None:
    """Print a line at once."""
    print(line, flush=True)


def revision() -> str:
    """Return what is checked out, and a hash of what is changed in it."""
    head = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False, cwd=ROOT).stdout
    change = subprocess.run(["git", "diff", "HEAD"], capture_output=True, check=False, cwd=ROOT).stdout
    return head.strip() + (f"+{hashlib.sha256(change).hexdigest()[:12]}" if change else "")


async def until_stopped(work: Coroutine[Any, Any, None]) -> bool:
    """Do work, and return whether all of it was done.

    SIGINT and SIGTERM end it, and all that it has started, also where a shell has SIGINT ignored.
    """
    task, loop = asyncio.ensure_future(work), asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, task.cancel)
    try:
        await task
    except asyncio.CancelledError:
        return False
    return True


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
    parser.add_argument("--log", type=Path, help="a file to note every trial in; a run that it has begun goes on")
    args = parser.parse_args()
    log = Log(args.log)
    report = Report(int(args.seed or time.time_ns() % 1_000_000), log.read(revision()), log=log, show=show)
    again = [Trial.parse(text) for text in args.at.split(",")] if args.at else []

    def choose(trials: list[Trial]) -> list[Trial]:
        return again or choose_from(
            trials, which=args.which or ALL, seed=report.seed, count=args.count, faults=args.faults
        )

    names: list[str] = sorted({trial.scenario for trial in again}) or args.scenarios.split(",")
    folder = Path(tempfile.mkdtemp(prefix="tagline-faults-"))
    is_whole = asyncio.run(until_stopped(run(folder, report, choose=choose, scenarios=names, alone=args.alone)))
    if os.environ.get("FAULTS_KEEP_LOGS"):
        show(f"logs are kept in {folder}")
    else:
        shutil.rmtree(folder, ignore_errors=True)
    show(report.by_class())
    show(report.last_line())
    if not is_whole:
        show("ended by a signal: not all positions were tried")
    return 0 if report.passed and is_whole else 1


if __name__ == "__main__":
    sys.exit(main())
