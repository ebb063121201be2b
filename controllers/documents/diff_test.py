"""Diffs, as Git reads them."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from controllers.documents.diff import unified_diff

NAMES = ["a.yaml", "with space/ü.yaml", 'quo"te\\.yaml', "tab\tline\n.yaml", "bad\udcff.yaml"]
LINES = b"".join(b"line %d\n" % n for n in range(40))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param(LINES, LINES.replace(b"line 5\n", b"line 5 #\n"), id="one"),
        pytest.param(LINES, LINES.replace(b"line 5\n", b"x\n").replace(b"line 6\n", b"y\n"), id="neighbours"),
        pytest.param(LINES, LINES.replace(b"line 5\n", b"x\n").replace(b"line 11\n", b"y\n"), id="one-hunk"),
        pytest.param(LINES, LINES.replace(b"line 5\n", b"x\n").replace(b"line 30\n", b"y\n"), id="two-hunks"),
        pytest.param(LINES, LINES.replace(b"line 0\n", b"x\n").replace(b"line 39\n", b"y\n"), id="ends"),
        pytest.param(LINES[:-1], LINES[:-1] + b" #", id="no-newline"),
        pytest.param(LINES[:-1], LINES + b"more\n", id="appended-without-newline"),
        pytest.param(LINES, LINES + b"more\n", id="appended"),
        pytest.param(b"a\r\nb\r\n", b"a #\r\nb\r\n", id="crlf"),
        pytest.param(None, b"new\n", id="new"),
        pytest.param(b"\xff\n", b"\xff #\n", id="not-utf-8"),
        pytest.param(LINES, LINES.replace(b"line 5\n", b"x\n").replace(b"line 12\n", b"y\n"), id="contexts-touch"),
        pytest.param(LINES, LINES.replace(b"line 5\n", b"x\n").replace(b"line 13\n", b"y\n"), id="contexts-apart"),
        pytest.param(LINES, LINES.replace(b"line 5\nline 6\n", b"x\n"), id="fewer-lines"),
        pytest.param(b"a\nb", b"a", id="fewer-lines-without-newline"),
    ],
)
@pytest.mark.parametrize("name", NAMES)
def test_git_applies_it(old: bytes | None, new: bytes, name: str, tmp_path: Path) -> None:
    target = tmp_path / name
    target.parent.mkdir(exist_ok=True)
    if old is not None:
        target.write_bytes(old)
    diff = b"".join(unified_diff(name, old, new))
    assert diff == git_diff(tmp_path, name, old, new)
    subprocess.run(["git", "apply", "-"], cwd=tmp_path, input=diff, check=True)
    assert target.read_bytes() == new


def git_diff(folder: Path, name: str, old: bytes | None, new: bytes) -> bytes:
    """Return Git's own diff, without object names and headings of hunks."""
    for side, content in (("a", old), ("b", new)):
        if content is not None:
            path = folder / side / name
            path.parent.mkdir(parents=True)
            path.write_bytes(content)
    left = os.devnull if old is None else f"a/{name}"
    command = ["git", "diff", "--no-index", "--text", "--src-prefix=", "--dst-prefix=", left, f"b/{name}"]
    diff = subprocess.run(command, cwd=folder, capture_output=True, check=False).stdout
    diff = re.sub(rb"^index [0-9a-f]+\.\.[0-9a-f]+( \d+)?\n", b"", diff, flags=re.MULTILINE)
    if old is None:
        diff = re.sub(rb'^(diff --git )("?)b/', rb"\1\2a/", diff)
    return re.sub(rb"^(@@ [^@]+ @@) .*$", rb"\1", diff, flags=re.MULTILINE)


def test_nothing_for_equal_files() -> None:
    assert list(unified_diff("a", LINES, LINES)) == []
