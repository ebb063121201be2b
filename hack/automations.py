"""`tagline automate` as a process of its own that may be killed at any moment and started again."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[1]


class Automations:
    """The process, its manifests, its state and its log, all in one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def state(self) -> Path:
        """Its state file."""
        return self._folder / "state.db"

    @property
    def log(self) -> Path:
        """What it has written, over all its lives."""
        return self._folder / "automate.log"

    def start(self, manifests: str) -> None:
        """Write the manifests and start it."""
        folder = self._folder / "manifests"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "objects.yaml").write_text(manifests)
        self._spawn()

    def kill(self) -> None:
        """Kill it as a machine does that loses power, and start it again."""
        if self._process:
            self._process.kill()
            self._process.wait()
        self._spawn()

    def ensure(self) -> None:
        """Raise RuntimeError if it has ended by itself."""
        if self._process and self._process.poll() is not None:
            raise RuntimeError(f"it has ended by itself: {self.log.read_text(errors='replace')[-2000:]}")

    @contextmanager
    def running(self) -> Iterator["Automations"]:
        """Yield it; stop it at the end."""
        try:
            yield self
        finally:
            if self._process:
                self._process.kill()
                self._process.wait()

    def _spawn(self) -> None:
        environment = {"PATH": os.environ["PATH"], "HOME": str(self._folder), "PYTHONPATH": str(ROOT)}
        command = [
            sys.executable, "-m", "cli.main", "automate", str(self._folder / "manifests"),
            "--state", str(self.state), "--metrics-addr=", "--health-addr=", "--verbose",
            "--no-git-login", "--no-docker-login",
        ]  # fmt: skip
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
