"""What a page's story takes place in: a registry, Git's own server, a checkout, and a shell with tagline in it.

The names that pages use stand for servers on loopback: `registry.example.com` and `https://git.example.com`. In what is
run they are replaced, and in what is printed they are put back.
"""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from hack.githttp import ENVIRONMENT, GIT, GitHttpServer
from hack.oci import Pusher
from hack.pages.blocks import ROOT, Block, Directive
from hack.pages.kubectl import FOLDER_VARIABLE
from hack.registry.accounts import Accounts, make_hash
from hack.registry.server import Registry

REGISTRY, GIT_HOST = "registry.example.com", "git.example.com"
ROBOT, ROBOT_PASSWORD = "robot", "r0b0t-pull"
BOT, TOKEN = "bot", "g1t-t0ken"
_PERSON: Final = {
    "GIT_AUTHOR_NAME": "A Person",
    "GIT_AUTHOR_EMAIL": "person@example.com",
    "GIT_COMMITTER_NAME": "A Person",
    "GIT_COMMITTER_EMAIL": "person@example.com",
    "GIT_TERMINAL_PROMPT": "0",
}
_PROGRAMS: Final = {"tagline": "cli.main", "kubectl": "hack.pages.kubectl"}
_VARYING: Final = (
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"), "TIME"),
    (re.compile(r"(?<![/.])\b[0-9a-f]{40}\b"), "COMMIT"),
    (re.compile(r"(?<=commit )[0-9a-f]{7}\b"), "COMMIT"),
    (re.compile(r"(?<= )\d+(?:s|m\d+s)(?=\n)"), "AGE"),
    (re.compile(r"^index [0-9a-f.]+", re.MULTILINE), "index"),
    (re.compile(r"SHA256:[A-Za-z0-9+/]+"), "FINGERPRINT"),
    (re.compile(r" +"), " "),
)


class Unplayable(Exception):
    """A page has something that the world does not know."""


@dataclass(slots=True)
class World:
    """The place of one story."""

    folder: Path
    registry: Registry
    git_server: GitHttpServer
    checkout: Path
    """Where blocks are run and files are written: the folder itself until a repository is cloned."""

    def direct(self, directive: Directive) -> None:
        """Do what a directive says. `as PAGE` is the player's.

        `push IMAGE TAG...`, `build IMAGE TAG SOURCE REVISION` (labels say where it is from), `repository NAME` (and
        clone it), `folder NAME`, `file NAME LINE...`
        """
        match directive.words:
            case ("push", image, *tags):
                with Pusher(self.registry.host, user=ROBOT, password=ROBOT_PASSWORD) as pusher:
                    pusher.push_tags(image, tags)
            case ("build", image, tag, source, revision):
                with Pusher(self.registry.host, user=ROBOT, password=ROBOT_PASSWORD) as pusher:
                    label = "org.opencontainers.image"
                    pusher.push(image, tag, labels={f"{label}.source": source, f"{label}.revision": revision})
            case ("repository", name):
                self._create_repository(name)
            case ("file", name, *lines):
                (self.checkout / name).write_text("\n".join(lines) + "\n")
            case ("folder", name):
                self.checkout = self.folder / name
                self.checkout.mkdir()
                self.run("git init -q -b main .", status=0)
            case words:
                raise Unplayable(f"{directive.page}:{directive.line}: no step {' '.join(words)!r}")

    def write_file(self, block: Block) -> None:
        """Write a block that begins with the name of a file."""
        target = self.checkout / block.file_name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(self._to_loopback(block.body))

    def run(self, script: str, *, status: int | None = None) -> str:
        """Run lines of shell and return what they print, both streams. status: what they must end with; None: any."""
        done = subprocess.run(
            ["bash", "-e", "-o", "pipefail", "-c", self._to_loopback(script)],
            cwd=self.checkout, env=self._variables(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, check=False,
        )  # fmt: skip
        output = self._from_loopback(done.stdout)
        assert status in (None, done.returncode), f"{script}\nended with {done.returncode}:\n{output}"
        return output

    def _create_repository(self, name: str) -> None:
        self.git_server.create(name)
        self._clone(name, name.rpartition("/")[2])
        self.run("git commit -q --allow-empty -m Start && git push -q origin HEAD:main", status=0)

    def _clone(self, name: str, folder: str) -> None:
        url = self.git_server.url.replace("://", f"://{BOT}:{TOKEN}@")
        self.checkout = self.folder
        self.run(f"git clone -q {url}/{name}.git {folder} 2>/dev/null", status=0)
        self.checkout = self.folder / folder
        self.run("git switch -q -C main && git branch -q -u origin/main || true")

    def _to_loopback(self, text: str) -> str:
        return text.replace(REGISTRY, self.registry.host).replace(f"https://{GIT_HOST}", self.git_server.url)

    def _from_loopback(self, text: str) -> str:
        text = text.replace(self.registry.host, REGISTRY).replace(self.git_server.url, f"https://{GIT_HOST}")
        return text.replace(str(self.folder), "/home/you")

    def _variables(self) -> dict[str, str]:
        return {
            **os.environ, **ENVIRONMENT, **_PERSON,
            "PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}",
            "HOME": str(self.folder),
            "XDG_STATE_HOME": str(self.folder / "state"),
            "PYTHONPATH": str(ROOT),
            "NO_COLOR": "1",
            "PYTHONUNBUFFERED": "1",  # both streams in the order in which a terminal shows them
            "REGISTRY_PASSWORD": ROBOT_PASSWORD,
            "GIT_USER": BOT,
            "GIT_TOKEN": TOKEN,
            FOLDER_VARIABLE: str(self.folder),
        }  # fmt: skip


@contextmanager
def make_world(folder: Path) -> Iterator[World]:
    """Return a world of its own in an empty folder."""
    (folder / "git").mkdir()
    (folder / "bin").mkdir()
    for program, module in _PROGRAMS.items():
        path = folder / "bin" / program
        path.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m {module} "$@"\n')
        path.chmod(0o755)
    (folder / "bin" / "git").symlink_to(GIT)
    accounts = Accounts("token", {ROBOT: make_hash(ROBOT_PASSWORD)})
    with Registry(accounts) as registry, GitHttpServer(folder / "git", user=BOT, password=TOKEN) as server:
        yield World(folder, registry, server, folder)


def blur(text: str) -> str:
    """Return an output without what differs from run to run: times, commits, ages, widths of columns."""
    for pattern, word in _VARYING:
        text = pattern.sub(word, text)
    return "".join(f"{line.rstrip()}\n" for line in text.splitlines())
