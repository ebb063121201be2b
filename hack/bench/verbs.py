"""The verbs that read a checkout, each in a process of its own: wall and CPU time, peak memory, start-up included."""

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from hack.bench.folder import write_folder

ROOT = Path(__file__).parents[2]
SIZES = (10, 1_000, 10_000)
VERBS = ("adopt --offline", "lint")
HEADER = f"{'':40} {'wall s, median (min–max)':28} {'CPU s, median (min–max)':28} {'peak MiB'}"


@dataclass(frozen=True, slots=True)
class ProcessFigure:
    """Several runs of one command."""

    name: str
    wall: Sequence[float]
    cpu: Sequence[float]
    peak_mib: float

    def line(self) -> str:
        """Return the figure as a table row."""
        wall, cpu = (f"{statistics.median(x):6.2f} ({min(x):.2f}–{max(x):.2f})" for x in (self.wall, self.cpu))
        return f"{self.name:40} {wall:28} {cpu:28} {self.peak_mib:.0f}"


def figures(runs: int) -> Iterator[ProcessFigure]:
    """Yield the figures of each verb and size; a bare interpreter and `git grep` beside them."""
    with TemporaryDirectory(prefix="tagline-bench-") as name:
        for size in SIZES:
            folder = Path(name) / str(size)
            write_folder(folder, size)
            subprocess.run(["git", "init", "-q", "."], cwd=folder, check=True)
            subprocess.run(["git", "add", "-A", "."], cwd=folder, check=True)
            for verb in VERBS:
                yield _measure(
                    f"{verb}, {size:,} files", [sys.executable, "-m", "cli.main", *verb.split()], folder, runs
                )
            yield _measure(f"git grep imagepolicy, {size:,} files", ["git", "grep", "-l", "imagepolicy"], folder, runs)
        yield _measure("bare interpreter", [sys.executable, "-c", "pass"], folder, runs)


def _measure(name: str, command: Sequence[str], folder: Path, runs: int) -> ProcessFigure:
    """Run a command once unmeasured, then several times."""
    wall, cpu, peak = [], [], 0.0
    for run in range(runs + 1):
        began = time.perf_counter()
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        with subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.DEVNULL) as process:
            _, _, usage = os.wait4(process.pid, 0)
            process.returncode = 0  # it was waited for
        if run:
            wall.append(time.perf_counter() - began)
            cpu.append(usage.ru_utime + usage.ru_stime)
            peak = max(peak, usage.ru_maxrss / 1024)
    return ProcessFigure(name, wall, cpu, peak)
