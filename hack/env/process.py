"""Child processes of the environment: logs to files, found again and stopped by process id.

A process is identified by its id and its start time, so that a stale state file never stops a stranger.
"""

import contextlib
import os
import random
import signal
import socket
import ssl
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

SERVER_PORTS = range(10_000, 29_000)
"""Below the kernel's ephemeral ports (from 32,768 on) and those that hack/controllers.json names."""

LOOPBACK = "127.0.0.1"


class NotStarted(RuntimeError):
    """A program did not come up; the message names its log and shows its end."""


@dataclass(frozen=True, slots=True)
class Process:
    """A running program: `start_ticks` is the kernel's start time in clock ticks since boot."""

    name: str
    pid: int
    start_ticks: int
    log: str


def start(name: str, command: Sequence[object], folder: Path, env: Mapping[str, str] | None = None) -> Process:
    """Start `command` in a session of its own with its output in `folder/<name>.log`."""
    log = folder / f"{name}.log"
    with log.open("ab") as out:
        child = subprocess.Popen(
            [str(x) for x in command],
            stdout=out,
            stderr=out,
            stdin=subprocess.DEVNULL,
            cwd=folder,
            env={**os.environ, **(env or {})},
            start_new_session=True,
        )
    # The handle is dropped on purpose: environments outlive the command that started them.
    child.returncode = 0
    return Process(name, child.pid, _start_time(child.pid) or 0, str(log))


def adopt(name: str, pid: int, log: Path) -> Process:
    """Return a process that somebody else has started, to be stopped here. It is gone if it has ended already."""
    return Process(name, pid, _start_time(pid) or 0, str(log))


def children(parent: Process) -> list[Process]:
    """Return the processes that `parent` has started and that still run, with its name and log."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        fields = _stat(int(stat.parent.name))
        if fields and fields[0] != "Z" and int(fields[1]) == parent.pid:
            found.append(Process(parent.name, int(stat.parent.name), int(fields[19]), parent.log))
    return found


def is_running(process: Process) -> bool:
    """Return True while the very process lives (a zombie that nobody reaped counts as gone)."""
    return bool(process.start_ticks) and _start_time(process.pid) == process.start_ticks


def stop(process: Process, *, grace_seconds: float = 10, kill: bool = False) -> None:
    """End the process and wait for its end: SIGTERM first, SIGKILL after the grace (or at once with `kill`)."""
    if not is_running(process):
        _reap(process.pid)
        return
    os.kill(process.pid, signal.SIGKILL if kill else signal.SIGTERM)
    deadline = time.monotonic() + grace_seconds
    while is_running(process):
        _reap(process.pid)
        if time.monotonic() > deadline:
            os.kill(process.pid, signal.SIGKILL)
            deadline = time.monotonic() + grace_seconds
        time.sleep(0.02)
    _reap(process.pid)


def command_of(process: Process) -> list[str]:
    """Return the command line that a running program was started with."""
    return Path(f"/proc/{process.pid}/cmdline").read_bytes().decode().rstrip("\0").split("\0")


def wait_until(ready: Callable[[], bool], process: Process, *, timeout_seconds: float = 60) -> None:
    """Wait until `ready()` is true. Raises `NotStarted` when the process ends before, or at the deadline."""
    deadline = time.monotonic() + timeout_seconds
    while not ready():
        _reap(process.pid)
        if not is_running(process) or time.monotonic() > deadline:
            end = Path(process.log).read_text(errors="replace")[-2000:]
            raise NotStarted(f"{process.name} did not start; {process.log} ends with:\n{end}")
        time.sleep(0.05)


def http_probe(url: str, *, authority: Path | None = None, token: str = "", below: int = 500) -> Callable[[], bool]:
    """Return a check that `url` answers with a status `below` a bound (401 counts by default: the server is up)."""
    context = ssl.create_default_context(cafile=str(authority)) if authority else None
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"} if token else {})  # noqa: S310

    def check() -> bool:
        try:
            with urllib.request.urlopen(request, timeout=2, context=context) as answer:  # noqa: S310
                return bool(answer.status < below)
        except urllib.error.HTTPError as error:
            error.close()
            return error.code < below
        except OSError:
            return False

    return check


def tcp_probe(port: int, address: str = LOOPBACK) -> Callable[[], bool]:
    """Return a check that somebody listens at a port."""

    def check() -> bool:
        try:
            socket.create_connection((address, port), timeout=2).close()
        except OSError:
            return False
        return True

    return check


def free_ports(count: int, address: str = LOOPBACK) -> list[int]:
    """Return free TCP ports of an address of this machine that differ from each other.

    They lie below the range from which the kernel takes ports for outgoing connections: one of those may be taken again
    before the server that it is for listens.
    """
    sockets: list[socket.socket] = []
    try:
        for port in random.sample(SERVER_PORTS, len(SERVER_PORTS)):
            if len(sockets) == count:
                break
            with contextlib.suppress(OSError):
                sockets.append(socket.create_server((address, port)))
        return [s.getsockname()[1] for s in sockets]
    finally:
        for s in sockets:
            s.close()


def _start_time(pid: int) -> int | None:
    fields = _stat(pid)
    return None if not fields or fields[0] == "Z" else int(fields[19])


def _stat(pid: int) -> list[str]:
    """Return the fields of proc_pid_stat(5) from the state on; none when there is no such process."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def _reap(pid: int) -> None:
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return
