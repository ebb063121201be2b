"""The verbs that read a checkout, each in a process of its own: wall and CPU time, peak memory, start-up included."""

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from hack.bench.folder import IMAGE, TAGS, write_folder

ROOT = Path(__file__).parents[2]
SIZES = (10, 1_000, 10_000)
VERBS = ("adopt --offline", "lint", f"preview --offline --tags {IMAGE}={{tags}}")
"""`{tags}` stands for a file with tags."""
LAUNCHER = """
import json, resource, subprocess, sys, time
began = time.perf_counter()
subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
wall, usage = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
print(json.dumps([wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024]))
"""
"""A process counts the memory of the one that it was forked from, so that must be small."""
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
        tags = Path(name) / "tags.txt"
        tags.write_text(TAGS)
        for size in SIZES:
            folder = Path(name) / str(size)
            write_folder(folder, size)
            subprocess.run(["git", "init", "-q", "."], cwd=folder, check=True)
            subprocess.run(["git", "add", "-A", "."], cwd=folder, check=True)
            for verb in VERBS:
                command = [sys.executable, "-m", "cli.main", *verb.format(tags=tags).split()]
                yield measure(f"{verb.partition(' --tags')[0]}, {size:,} files", command, folder, runs)
            yield measure(f"git grep imagepolicy, {size:,} files", ["git", "grep", "-l", "imagepolicy"], folder, runs)
        yield measure("bare interpreter", [sys.executable, "-c", "pass"], folder, runs)


def measure(name: str, command: Sequence[str], folder: Path, runs: int) -> ProcessFigure:
    """Run a command once unmeasured, then several times."""
    results = []
    for _ in range(runs + 1):
        launched = subprocess.run(
            [sys.executable, "-c", LAUNCHER, *command],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": ""},
            capture_output=True,
            check=True,
        )
        results.append(json.loads(launched.stdout))
    wall, cpu, peak = zip(*results[1:], strict=True)
    return ProcessFigure(name, wall, cpu, max(peak))
