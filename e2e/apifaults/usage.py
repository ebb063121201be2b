"""What a process holds at a moment, read from outside: /proc, and the debug page that lists its tasks."""

import re
from pathlib import Path

import httpx

from hack.env import process
from testing.invariants import Usage

SLACK = Usage(mib=192, descriptors=384, threads=40, tasks=8)
"""What plays may leave behind: each is a tenant with hosts of its own.

Pools of connections stay, for 128 registries and 64 tenants' Git hosts, each with a TLS context (1 MiB) and up to 4
connections; threads stay, up to the size of their pools. No play leaves a task.
"""
_COUNT = re.compile(r"^(\d+) x ", re.MULTILINE)


def usage_of(running: process.Process, debug: str) -> Usage:
    """Return what a process holds. debug: URL of its debug pages. Raises OSError, httpx.HTTPError when it has ended."""
    status = Path(f"/proc/{running.pid}/status").read_text()
    facts = dict(line.split(":", 1) for line in status.splitlines())
    page = httpx.get(f"{debug}/debug/tasks", trust_env=False).raise_for_status().text
    return Usage(
        mib=int(facts["VmRSS"].split()[0]) / 1024,
        descriptors=len(list(Path(f"/proc/{running.pid}/fd").iterdir())),
        threads=int(facts["Threads"]),
        tasks=count_tasks(page),
    )


def count_tasks(page: str) -> int:
    """Return how many tasks the page tells of; threads come behind them."""
    return sum(int(count) for count in _COUNT.findall(page.partition("\nthreads\n")[0]))
