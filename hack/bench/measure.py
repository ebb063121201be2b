"""Times a function several times and prints one line: median, minimum and maximum of wall and CPU time."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured thing; times in milliseconds, one entry a run."""

    name: str
    wall_ms: list[float]
    cpu_ms: list[float]
    """Empty where the time is spent in other processes."""

    def line(self) -> str:
        """Return the figure as a table row: median (minimum–maximum)."""
        wall, cpu = (
            f"{statistics.median(x):9.2f} ({min(x):.2f}–{max(x):.2f})" if x else " not measured"
            for x in (self.wall_ms, self.cpu_ms)
        )
        return f"{self.name:58} {wall:32} {cpu:32} n={len(self.wall_ms)}"


HEADER = f"{'':58} {'wall ms, median (min–max)':32} {'CPU ms, median (min–max)':32}"


def time_it(
    name: str, function: Callable[[], object], *, runs: int, prepare: Callable[[], object] | None = None
) -> Figure:
    """Time `function` after one run that does not count; `prepare` runs before each and is not timed."""
    wall, cpu = [], []
    for run in range(runs + 1):
        if prepare:
            prepare()
        began, used = time.perf_counter(), time.process_time()
        function()
        if run:
            cpu.append((time.process_time() - used) * 1000)
            wall.append((time.perf_counter() - began) * 1000)
    return Figure(name, wall, cpu)
