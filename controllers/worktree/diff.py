"""The lines that two contents differ in, as Git itself shows them.

Where equal lines are near a change there are several right answers. Git's choice among them is its own, so it is asked.
"""

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from controllers.worktree.errors import WorkTreeError

DIFF_SECONDS: Final = 60
_OPTIONS: Final = (
    "--no-index", "--no-color", "--no-ext-diff", "--no-textconv", "--text", "--no-renames", "--src-prefix=a/",
    "--dst-prefix=b/", "--unified=3", "--inter-hunk-context=0", "--diff-algorithm=myers", "--indent-heuristic",
)  # fmt: skip
_FILE: Final = re.compile(rb"^diff --git a/old/(\d+) .*\n(?:[^@].*\n)*", re.MULTILINE)
_HEADING: Final = re.compile(rb"^(@@ [^@]+ @@) .*$", re.MULTILINE)


def git_hunks(changes: Sequence[tuple[bytes, bytes]]) -> list[bytes] | None:
    """Return the hunks of each change from an old content to a new one, without headings; None where there is no Git.

    Whatever the user or a repository has configured, they are those of Git's defaults. Raises WorkTreeError.
    """
    program = shutil.which("git")
    if program is None:
        return None
    with tempfile.TemporaryDirectory(prefix="tagline-") as name:
        folder = Path(os.path.realpath(name))
        for side, index in (("old", 0), ("new", 1)):
            (folder / side).mkdir()
            for number, change in enumerate(changes):
                (folder / side / str(number)).write_bytes(change[index])
        diff = _run(program, folder)
    hunks = [b""] * len(changes)
    begins = list(_FILE.finditer(diff))
    for begin, end in zip(begins, [*(match.start() for match in begins[1:]), len(diff)], strict=True):
        hunks[int(begin[1])] = _HEADING.sub(rb"\1", diff[begin.end() : end])
    return hunks


def _run(program: str, folder: Path) -> bytes:
    # Of a repository that the folder for temporary files is in, Git is to read nothing.
    own = {"GIT_CEILING_DIRECTORIES": str(folder.parent), "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull}
    try:
        done = subprocess.run(  # noqa: S603  # fixed words and a folder
            [program, "diff", *_OPTIONS, "old", "new"],
            cwd=folder,
            capture_output=True,
            check=False,
            stdin=subprocess.DEVNULL,
            timeout=DIFF_SECONDS,
            env={name: value for name, value in os.environ.items() if not name.startswith("GIT_")} | own,
        )
    except subprocess.TimeoutExpired:
        raise WorkTreeError(f"git diff did not answer within {DIFF_SECONDS} s") from None
    if done.returncode not in {0, 1}:
        raise WorkTreeError(f"git diff: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout
