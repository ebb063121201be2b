"""Plays scenarios as `hack.scenarios.player` does, and asks `tagline preview` before each push goes through.

A push is held at the Git server. Then nobody but the automation knows the commit, and the cluster is as the run found
it: the tags are scanned, the policies have chosen, and the commit is recorded nowhere. `tagline preview --cluster` is
asked about a checkout of the commit's parent; what it says and what was pushed go to the folder `WITNESS_OUT`.
"""

import gzip
import importlib
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any, Final

from hack.githttp import ENVIRONMENT, GIT

play: Any = importlib.import_module("hack.scenarios.player.main")  # it has no types
HEADS: Final = b"refs/heads/"
KUBECONFIG: Final = sys.argv[(at := sys.argv.index("--kubeconfig")) : at + 2] if "--kubeconfig" in sys.argv else []
TARGET: Final = re.compile(r"^to branch (\S+) ")
PATIENCE: Final = 4
"""How many times as long as else the player waits: each push takes as long as a preview."""
NO_COMMIT: Final = b"0" * 40


@dataclass(frozen=True, slots=True)
class Testimony:
    """A commit on its way to branches, and what was foreseen of it."""

    space: str
    """The scenario's namespace."""
    branches: list[str]
    commit: str
    message: str
    diff: str
    """Without object names and without the words behind a hunk's lines."""
    status: int
    """Exit status of the preview."""
    errors: str
    foreseen: list[dict[str, str]]
    """Name, message and diff of each automation of the scenario that would push to one of the branches."""
    is_applied: bool
    """Whether `git apply` makes the commit's tree of the foreseen diff, asked where there is one that is the same."""


class Witness(play.GitServer):  # type: ignore[misc]
    """The player's Git server, which asks before it lets a push through."""

    def __init__(self, root: str) -> None:
        super().__init__(root)
        self._out = Path(os.environ["WITNESS_OUT"])
        self._lock = threading.Lock()
        self._count = 0
        self._held: list[str] = []
        self.closed: set[str] = set()
        """Namespaces whose objects are being deleted."""

    def body(self, h: BaseHTTPRequestHandler) -> bytes:
        """Return the body of a request, once its push has been compared."""
        body: bytes = super().body(h)
        space = h.path.split("/")[1]
        if h.command == "POST" and h.path.endswith("/git-receive-pack") and space not in self.closed:
            packed = h.headers.get("Content-Encoding") == "gzip"
            self._held.append(space)
            try:
                for testimony in self._hear(h.path, gzip.decompress(body) if packed else body):
                    self._write(json.dumps(asdict(testimony)))
            except Exception:  # the player's server would say nothing of it
                self._write(json.dumps({"failure": traceback.format_exc()}))
            finally:
                self._held.remove(space)
        return body

    def is_holding(self, space: str) -> bool:
        """Report whether a push of a scenario is held."""
        return space in self._held

    def _write(self, text: str) -> None:
        with self._lock:
            self._count += 1
            (self._out / f"{self._count}.json").write_text(text)

    def _hear(self, path: str, body: bytes) -> Iterator[Testimony]:
        _, space, name, _ = path.split("/")
        commands, pack = read_push(body)
        if not pack:
            return  # a commit that the server has already was heard when it came
        with tempfile.TemporaryDirectory(prefix="tagline-witness-") as folder:
            checkout = Checkout(Path(folder), Path(self.root) / space / name, pack)
            checkout.git("remote", "add", "origin", f"http://127.0.0.1:{self.port}/{space}/{name}")
            branches: dict[str, list[str]] = {}
            for new, ref in commands:
                if new != NO_COMMIT and ref.startswith(HEADS):
                    branches.setdefault(new.decode(), []).append(ref.removeprefix(HEADS).decode())
            for commit, names in branches.items():
                yield testify(checkout, space, commit, names)


class PatientPlay(play.Play):  # type: ignore[misc]
    """The player's course of a scenario, which waits for the pushes that are held."""

    def __init__(self, *arguments: Any, patience: float, **options: Any) -> None:
        super().__init__(*arguments, patience=PATIENCE * patience, **options)

    def settle(self, quiet: float = 1.2, timeout: float = 25) -> Any:
        """Return the objects when they are at rest."""
        return super().settle(quiet, PATIENCE * timeout)

    def clear(self) -> None:
        """Delete the objects; of what is pushed from then on nobody can ask any more."""
        while self.gits.is_holding(self.ns):
            time.sleep(0.1)
        self.gits.closed.add(self.ns)
        super().clear()

    def objects(self) -> tuple[dict[str, Any], bool]:
        """Return the objects, and whether something is in progress."""
        found, is_busy = super().objects()
        return found, is_busy or self.gits.is_holding(self.ns)


class Checkout:
    """A checkout that has the objects of a repository and of a pack that is on its way there."""

    def __init__(self, folder: Path, origin: Path, pack: bytes) -> None:
        self.folder = folder
        self.git("init", "-q")
        (folder / ".git" / "objects" / "info" / "alternates").write_text(f"{origin / 'objects'}\n")
        self.git("index-pack", "--stdin", "--fix-thin", data=pack)

    def git(self, *arguments: str, data: bytes = b"") -> bytes:
        """Return what Git prints."""
        command = [GIT, "-C", str(self.folder), *arguments]
        return subprocess.run(command, input=data, capture_output=True, check=True, env=ENVIRONMENT).stdout


def testify(checkout: Checkout, space: str, commit: str, branches: list[str]) -> Testimony:
    """Return a commit and the preview of its parent."""
    checkout.git("checkout", "-q", "--detach", f"{commit}^")
    done, report = ask_preview(checkout)
    # Which of several automations pushes first is a matter of time: each may be the first one.
    alone = [ask_preview(checkout, f"--automation={one['name']}")[1] for one in report["automations"] if one["after"]]
    foreseen = [
        {key: automation[key] for key in ("name", "message", "diff")}
        for one in (report, *alone)
        for automation in one["automations"]
        if automation["name"].startswith(space) and set(TARGET.findall(automation["target"])) & set(branches)
    ]
    message = checkout.git("cat-file", "commit", commit).partition(b"\n\n")[2].decode()
    diff = plain_diff(checkout, commit)
    same = [one for one in foreseen if (one["message"], one["diff"]) == (message, diff)]
    return Testimony(
        space, branches, commit, message, diff, done.returncode, done.stderr.decode(), foreseen,
        is_applied=bool(same) and makes_tree(checkout, same[0]["diff"], commit),
    )  # fmt: skip


def ask_preview(checkout: Checkout, *options: str) -> tuple[subprocess.CompletedProcess[bytes], dict[str, Any]]:
    """Return what `tagline preview` did, and its report."""
    command = [sys.executable, "-m", "cli.main", "preview", str(checkout.folder), "--cluster", "-o", "json"]
    done = subprocess.run([*command, *options, *KUBECONFIG], capture_output=True, check=False)
    report: dict[str, Any] = json.loads(done.stdout or b'{"automations": []}')
    return done, report


def plain_diff(checkout: Checkout, commit: str) -> str:
    """Return Git's own diff of a commit, without what a preview cannot or need not know."""
    diff = checkout.git("diff-tree", "-p", "--no-renames", "--no-commit-id", "--no-color", commit).decode()
    diff = re.sub(r"^index [0-9a-f]+\.\.[0-9a-f]+( \d+)?\n", "", diff, flags=re.MULTILINE)
    return re.sub(r"^(@@ [^@]+ @@) .*$", r"\1", diff, flags=re.MULTILINE)


def makes_tree(checkout: Checkout, diff: str, commit: str) -> bool:
    """Report whether a diff, applied to the parent of a commit, makes just its tree."""
    checkout.git("apply", "--index", data=diff.encode())
    return checkout.git("write-tree") == checkout.git("rev-parse", f"{commit}^{{tree}}")


def read_push(body: bytes) -> tuple[list[tuple[bytes, bytes]], bytes]:
    """Return new object and reference of each command of a push, and its pack.

    Format: https://git-scm.com/docs/pack-protocol#_reference_update_request_and_packfile_transfer
    """
    commands: list[tuple[bytes, bytes]] = []
    capabilities = b""
    at = 0
    while length := int(body[at : at + 4], 16):
        command, _, more = body[at + 4 : at + length].partition(b"\0")
        _, new, ref = command.rstrip(b"\n").split(b" ")
        commands.append((new, ref))
        capabilities += more
        at += length
    at += 4
    if b"push-options" in capabilities.split():
        while length := int(body[at : at + 4], 16):
            at += length
        at += 4
    return commands, body[at:]


if __name__ == "__main__":
    play.GitServer, play.Play = Witness, PatientPlay
    sys.exit(play.main())
