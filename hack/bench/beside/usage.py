"""What processes and the whole machine have used, from /proc: see proc_pid_stat(5) and proc_stat(5).

A controller's share is that of its process and of all that it started, those that have ended included.
"""

import os
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from hack.bench.scale.probes import TICKS_A_SECOND

PROC: Final = Path("/proc")
RESET_PEAK: Final = "5"
"""What `clear_refs` takes to forget the greatest resident size so far."""


@dataclass(frozen=True, slots=True)
class Row:
    """One process: who started it, and what it and those of its children that ended have used."""

    parent: int
    ticks: int


@dataclass(frozen=True, slots=True)
class Reading:
    """The machine at one moment."""

    at: float
    busy_ticks: int
    """Of all cores, since the machine started."""
    rows: Mapping[int, Row]

    def ticks(self, roots: Iterable[int]) -> int:
        """Return what some processes have used, with all below them."""
        return sum(self.rows[pid].ticks for pid in family(self.rows, roots))


@dataclass(frozen=True, slots=True)
class Used:
    """What was used between two moments."""

    cpu_seconds: float
    """By the controllers."""
    others_cores: float
    """By what is no part of the benchmark, on average."""


def read() -> Reading:
    """Read the counters of the machine and of every process."""
    rows = {}
    for name in os.listdir(PROC):
        if name.isdecimal():
            with suppress(OSError):  # it has ended
                rows[int(name)] = parse_stat((PROC / name / "stat").read_text())
    return Reading(time.monotonic(), parse_busy((PROC / "stat").read_text()), rows)


def parse_stat(text: str) -> Row:
    """Return what one process's line says. Its name, in parentheses, may contain anything."""
    fields = text.rpartition(")")[2].split()
    return Row(int(fields[1]), sum(map(int, fields[11:15])))


def parse_busy(text: str) -> int:
    """Return the ticks in which some core worked: all but those of idleness and of waiting for a disk."""
    user, nice, system, _idle, _wait, interrupts, soft, steal = map(int, text.split("\n", 1)[0].split()[1:9])
    return user + nice + system + interrupts + soft + steal


def family(rows: Mapping[int, Row], roots: Iterable[int]) -> set[int]:
    """Return the processes, of those that run, and all that they have started, directly or not."""
    children: dict[int, list[int]] = {}
    for pid, row in rows.items():
        children.setdefault(row.parent, []).append(pid)
    found: set[int] = set()
    left = [pid for pid in roots if pid in rows]
    while left:
        pid = left.pop()
        if pid not in found:
            found.add(pid)
            left += children.get(pid, ())
    return found


def between(first: Reading, last: Reading, controllers: Iterable[int], own: int) -> Used:
    """Return what was used. own: the process that started controllers and servers, so that all else is others'."""
    ours = last.ticks([own]) - first.ticks([own])
    others = max(0, last.busy_ticks - first.busy_ticks - ours)
    used = last.ticks(controllers) - first.ticks(controllers)
    return Used(used / TICKS_A_SECOND, others / TICKS_A_SECOND / (last.at - first.at))


def reset_peaks(controllers: Iterable[int]) -> None:
    """Make the greatest resident size of each process its present one."""
    for pid in family(read().rows, controllers):
        with suppress(OSError):
            (PROC / str(pid) / "clear_refs").write_text(RESET_PEAK)


def peak_mib(controllers: Iterable[int]) -> float:
    """Return the sum of the greatest resident sizes since the reset."""
    total = 0.0
    for pid in family(read().rows, controllers):
        with suppress(OSError, IndexError):  # a process that has ended has no memory
            total += int((PROC / str(pid) / "status").read_text().split("VmHWM:")[1].split()[0]) / 1024
    return total
