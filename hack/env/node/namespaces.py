"""Namespaces that hold a node: started with one first process, entered by all others, gone when that one is killed."""

import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from hack.env import process
from hack.env.node import init
from hack.env.node.check import search_path

START_SECONDS = 20


@dataclass(frozen=True, slots=True)
class Namespaces:
    """Mount, network and process namespaces: `holder` is their first process, `launcher` the one that made them."""

    folder: Path
    launcher: process.Process
    holder: process.Process
    variables: dict[str, str]
    """Of the environment of all programs in them."""

    def run(self, *command: object, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        """Run a program in them to its end. Raises `process.NotStarted` with what it says when it fails."""
        done = subprocess.run(
            [*self._enter(), *map(str, command)], input=stdin, capture_output=True, check=False, env=self.variables
        )
        if done.returncode:
            shown = " ".join(map(str, command))[:200]
            raise process.NotStarted(f"{shown}: {(done.stderr or done.stdout).decode(errors='replace')[-2000:]}")
        return done

    def start(self, name: str, command: Sequence[object]) -> process.Process:
        """Start a program in them that stays; its output goes to a log in the folder."""
        entered = process.start(name, [*self._enter(), *command], self.folder, self.variables)
        return _only_child(entered)

    def stop(self) -> None:
        """Kill everything in them and return when all is gone, mounts included."""
        process.stop(self.holder, kill=True)
        process.stop(self.launcher, kill=True)

    def _enter(self) -> list[str]:
        target = ["--target", str(self.holder.pid), "--mount", "--net", "--pid"]
        return ["nsenter", *target, f"--wd={self.folder}", "--"]


def create(folder: Path, variables: Mapping[str, str]) -> Namespaces:
    """Create namespaces whose own files are in `folder`. Raises `process.NotStarted`."""
    flags = ["--mount", "--net", "--pid", "--fork", "--propagation", "private", "--kill-child=SIGKILL"]
    command = ["unshare", *flags, sys.executable, "-I", init.__file__, folder]
    launcher = process.start("namespaces", command, folder, {"PATH": search_path()})
    try:
        process.wait_until((folder / init.READY).exists, launcher, timeout_seconds=START_SECONDS)
        holder = _only_child(launcher)
    except BaseException:
        process.stop(launcher, kill=True)
        raise
    return Namespaces(folder, launcher, holder, dict(variables))


def _only_child(parent: process.Process) -> process.Process:
    """Return the process that `unshare` or `nsenter` has become the parent of."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if found := process.children(parent):
            return found[0]
        if not process.is_running(parent):
            break
        time.sleep(0.01)
    end = Path(parent.log).read_text(errors="replace")[-2000:]
    raise process.NotStarted(f"{parent.name} did not start; {parent.log} ends with:\n{end}")
