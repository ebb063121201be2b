"""Diffs, as Git reads them."""

import subprocess
from pathlib import Path

import pytest

from controllers.adoption.diff import unified_diff

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
    ],
)
@pytest.mark.parametrize("name", ["a.yaml", "with space/ü.yaml"])
def test_git_applies_it(old: bytes | None, new: bytes, name: str, tmp_path: Path) -> None:
    target = tmp_path / name
    target.parent.mkdir(exist_ok=True)
    if old is not None:
        target.write_bytes(old)
    diff = b"".join(unified_diff(name, old, new))
    subprocess.run(["git", "apply", "-"], cwd=tmp_path, input=diff, check=True)
    assert target.read_bytes() == new


def test_nothing_for_equal_files() -> None:
    assert list(unified_diff("a", LINES, LINES)) == []
