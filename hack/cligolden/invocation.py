"""Runs a program as the recorder ran `flux`: in a folder, a home and a temporary folder of its own."""

import os
import shlex
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from hack.cligolden import keyfile
from hack.cligolden.cases import Case
from hack.cligolden.compare import Places
from hack.cligolden.outcome import NotPlayed

CHECKOUT = Path(__file__).resolve().parents[2]
SLACK_SECONDS = 60
"""How much longer than recorded a program may run."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a program did."""

    exit: int
    stdout: str
    stderr: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Desk:
    """Where one invocation runs, and what its placeholders stand for."""

    places: Places
    folder: Path
    environment: Mapping[str, str]

    def run(self, command: Sequence[str], stdin: str = "", *, seconds: float = 0) -> Answer:
        """Return what the command does. seconds: how long it is to take. Raises NotPlayed when it does not end."""
        began = time.monotonic()
        try:
            done = subprocess.run(
                command, cwd=self.folder, env=dict(self.environment), input=stdin.encode(),
                capture_output=True, check=False, timeout=seconds + SLACK_SECONDS,
            )  # fmt: skip
        except subprocess.TimeoutExpired as late:
            told = f"{_text(late.stdout)}{_text(late.stderr)}"
            raise NotPlayed(f"was ended after {late.timeout:.0f} s, having written:\n{told}") from None
        return Answer(done.returncode, _text(done.stdout), _text(done.stderr), time.monotonic() - began)


@contextmanager
def desk(case: Case, *, name: str, values: Mapping[str, str], kubeconfig: Path | None) -> Iterator[Desk]:
    """Yield a fresh place for one case. values: of placeholders that name servers. Raises KeyError for one without."""
    with tempfile.TemporaryDirectory(prefix="cligolden-") as parent:
        own = {key: Path(parent) / key.lower() for key in ("DIR", "HOME", "TMP")}
        for folder in own.values():
            folder.mkdir()
        places = Places({**values, **{key: str(folder) for key, folder in own.items()}}, name)
        for path, content in case.files.items():
            target = own["DIR"] / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(keyfile.content_of(content) or places.fill(content))
        environment = {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": str(own["HOME"]),
            "TMPDIR": str(own["TMP"]),
            "TZ": "UTC",
            "TERM": "dumb",
            "KUBECONFIG": str(kubeconfig or os.devnull),
            "PYTHONPATH": str(CHECKOUT),
        }
        environment |= {key: places.fill(value) for key, value in case.env.items()}
        yield Desk(places, own["DIR"], environment)


def command_words(words: str) -> list[str]:
    """Return a command split as a shell does, its program to be found from any folder. Raises ValueError."""
    split = shlex.split(words)
    if not split:
        raise ValueError("--command has no words")
    found = shutil.which(split[0])
    if found is None:
        raise ValueError(f"no program {split[0]!r}")
    return [str(Path(found).absolute()), *split[1:]]


def _text(content: bytes | None) -> str:
    return (content or b"").decode("utf-8", errors="backslashreplace")
