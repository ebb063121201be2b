"""Bare Git repositories on disk: made before a trial, watched during it."""

import asyncio
import shutil
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from hack.bench.beside.objects import Files
from hack.bench.scale.objects import fast_import
from hack.githttp import ENVIRONMENT, GIT

LOOK_SECONDS: Final = 0.005
"""Between two looks at one branch, or at ten of them."""
CONFIGURATION: Final = {
    "http.receivepack": "true",
    # As forges allow it.
    "uploadpack.allowFilter": "true",
    "uploadpack.allowAnySHA1InWant": "true",
    # Nothing is to be packed while others measure.
    "gc.auto": "0",
    "receive.autogc": "false",
}


@dataclass(frozen=True, slots=True)
class Bare:
    """One repository with a branch `main`."""

    path: Path

    def head(self) -> str:
        """Return the commit of the branch."""
        return (self.path / "refs" / "heads" / "main").read_text().strip()

    def count_lines(self, text: str) -> int:
        """Return how many lines of the branch's files contain a text."""
        found = subprocess.run(
            [GIT, "-C", str(self.path), "grep", "-hF", "-e", text, "main"],
            env=ENVIRONMENT, capture_output=True, check=False,
        )  # fmt: skip
        return len(found.stdout.splitlines())


def make(path: Path, files: Files) -> Bare:
    """Make a repository whose branch has one commit. Raises RuntimeError."""
    _git("init", "-q", "--bare", "-b", "main", str(path))
    with (path / "config").open("a") as config:
        for name, value in CONFIGURATION.items():
            section, _, key = name.partition(".")
            config.write(f"[{section}]\n\t{key} = {value}\n")
    _git("-C", str(path), "fast-import", "--quiet", stdin=fast_import(iter(files)))
    return Bare(path)


def copy(made: Bare, path: Path) -> Bare:
    """Copy a repository that takes long to make."""
    shutil.copytree(made.path, path)
    return Bare(path)


def _git(*arguments: str, stdin: bytes = b"") -> None:
    done = subprocess.run([GIT, *arguments], input=stdin, env=ENVIRONMENT, capture_output=True, check=False)
    if done.returncode:
        raise RuntimeError(f"git {' '.join(arguments)}: {done.stderr.decode()}")


async def wait_for_commits(before: Mapping[Bare, str]) -> float:
    """Return the moment at which every branch has another commit than before."""
    left = dict(before)
    while True:
        left = {repository: head for repository, head in left.items() if repository.head() == head}
        if not left:
            return time.monotonic()
        await asyncio.sleep(LOOK_SECONDS * max(1, len(left) / 10))
