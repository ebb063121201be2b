"""What the demo without a cluster runs on: a registry and Git's own server in this process, and `tagline` beside it."""

import os
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from hack.demo import manifests
from hack.demo.narration import DemoFailed, Narrator, wait_for
from hack.env import process
from hack.githttp import ENVIRONMENT, GIT, GitHttpServer
from hack.registry.accounts import Accounts, make_hash
from hack.registry.server import Registry

ROOT: Final = Path(__file__).resolve().parent.parent.parent
USER, PASSWORD = "ci", "s3cret"
PERSON: Final = {
    "GIT_AUTHOR_NAME": "A Person",
    "GIT_AUTHOR_EMAIL": "person@example.com",
    "GIT_COMMITTER_NAME": "A Person",
    "GIT_COMMITTER_EMAIL": "person@example.com",
    "GIT_TERMINAL_PROMPT": "0",
}


@dataclass(slots=True)
class LocalEnvironment:
    """Everything that a story needs."""

    folder: Path
    narrator: Narrator
    registry: Registry
    git_server: GitHttpServer
    staying: process.Process | None = None
    seconds: list[float] = field(default_factory=list)
    """How long commits took: first the run that ends, then the process that stays."""

    def tagline(self, *arguments: str, status: int = 0) -> str:
        """Run the command line and return its output. Raises DemoFailed for another exit status."""
        done = subprocess.run(
            [sys.executable, "-m", "cli.main", *arguments],
            cwd=self.folder, env=self._variables(), capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode != status:
            raise DemoFailed(f"tagline {arguments[0]} ended with {done.returncode}: {done.stderr or done.stdout}")
        return done.stdout

    def stay(self, *arguments: str) -> None:
        """Start `tagline automate` and wait until it is ready."""
        (port,) = process.free_ports(1)
        command = [sys.executable, "-m", "cli.main", "automate", *arguments, "--metrics-addr="]
        command.append(f"--health-addr=127.0.0.1:{port}")
        self.staying = process.start("automate", command, self.folder, self._variables())
        process.wait_until(process.http_probe(f"http://127.0.0.1:{port}/readyz", below=300), self.staying)

    def close(self) -> None:
        """Stop what runs beside this process."""
        if self.staying:
            process.stop(self.staying)

    def create_repository(self, name: str, files: Mapping[str, str]) -> Path:
        """Make a repository with one commit on the server; return a clone of it."""
        url = self.git_server.create(name).replace("://", f"://{USER}:{PASSWORD}@")
        clone = self.folder / name
        git(self.folder, "clone", "-q", url, str(clone))
        for path, text in files.items():
            (clone / path).parent.mkdir(parents=True, exist_ok=True)
            (clone / path).write_text(text)
        git(clone, "add", "-A")
        git(clone, "commit", "-q", "-m", "Start")
        git(clone, "push", "-q", "origin", "HEAD:main")
        return clone

    def head(self, name: str) -> str:
        """Return the commit at the tip of a repository's branch, as the server has it."""
        return git(self.git_server.root / f"{name}.git", "rev-parse", "main").strip()

    def wait_for_commit(self, name: str, *, after: str) -> str:
        """Return the commit that follows another one."""
        return wait_for(
            lambda: found if (found := self.head(name)) != after else "",
            what=f"a commit in {name}", component=f"{self.folder}/automate.log",
        )  # fmt: skip

    def ask_for_scan(self, file: Path, *documents: manifests.Json) -> None:
        """Change the annotation that asks for a run, as a webhook would: the manifests are read again."""
        asked = {"reconcile.fluxcd.io/requestedAt": str(time.time_ns())}
        manifests.write(
            file,
            *(
                {**one, "metadata": {**one["metadata"], "annotations": asked}} if one["kind"] != "Secret" else one
                for one in documents
            ),
        )

    def _variables(self) -> dict[str, str]:
        home = {"HOME": str(self.folder), "XDG_STATE_HOME": str(self.folder / "state")}
        return {**os.environ, "PYTHONPATH": str(ROOT), "NO_COLOR": "1", **home}


def git(folder: Path, *arguments: str) -> str:
    """Run git without the user's configuration and return its output. Raises DemoFailed with git's words."""
    done = subprocess.run(
        [GIT, "-C", str(folder), *arguments], capture_output=True, check=False, env=ENVIRONMENT | PERSON
    )
    if done.returncode:
        raise DemoFailed(f"git {arguments[0]}: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout.decode(errors="replace")


def make_registry() -> Registry:
    """Return a registry with one account, which logs in for tokens."""
    return Registry(Accounts("token", {USER: make_hash(PASSWORD)}))
