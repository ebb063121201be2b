"""`controllers.worktree.diff`: hunks as Git's defaults have them, whatever is configured."""

import shutil
import subprocess
from pathlib import Path

import pytest

from controllers.worktree.diff import git_hunks
from testing.gitserver import ENVIRONMENT, GIT

OLD = b"head:\n" + b"".join(b"  line %d\n" % n for n in range(20))
NEW = OLD.replace(b"line 1\n", b"x\n").replace(b"line 15\n", b"y\n")
HUNKS = (
    b"@@ -1,6 +1,6 @@\n head:\n   line 0\n-  line 1\n+  x\n   line 2\n   line 3\n   line 4\n"
    b"@@ -14,7 +14,7 @@\n   line 12\n   line 13\n   line 14\n-  line 15\n+  y\n   line 16\n   line 17\n   line 18\n"
)


def test_hunks_of_several_contents_in_their_order() -> None:
    changes = [(b"a\n", b"b\n"), (b"same", b"same"), (OLD, NEW), *[(b"%d" % n, b"x") for n in range(12)]]
    hunks = git_hunks(changes)
    assert hunks is not None
    assert hunks[:3] == [b"@@ -1 +1 @@\n-a\n+b\n", b"", HUNKS]
    assert hunks[-1] == b"@@ -1 +1 @@\n-11\n\\ No newline at end of file\n+x\n\\ No newline at end of file\n"


def test_contents_that_look_like_a_diff_and_those_that_are_no_text() -> None:
    text = b"diff --git a/old/0 b/new/0\n@@ -1 +1 @@ x\n--- a/old/0\n\0\n"
    assert git_hunks([(text, text + b"more\n")]) == [
        b"@@ -2,3 +2,4 @@\n @@ -1 +1 @@ x\n --- a/old/0\n \0\n+more\n",
    ]


def test_nobodys_configuration_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder for temporary files lies in a repository here, and a hook of it runs with variables of its own."""
    subprocess.run([GIT, "init", "-q", str(tmp_path)], check=True, env=ENVIRONMENT)
    for name, value in (("diff.context", "0"), ("diff.noprefix", "true"), ("color.ui", "always"),
                        ("diff.external", "false"), ("core.autocrlf", "true")):  # fmt: skip
        subprocess.run([GIT, "-C", str(tmp_path), "config", name, value], check=True, env=ENVIRONMENT)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setenv("GIT_DIR", str(tmp_path / ".git"))
    monkeypatch.setenv("GIT_EXTERNAL_DIFF", "false")
    monkeypatch.setenv("GIT_DIFF_OPTS", "--unified=0")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / ".git" / "config"))
    assert git_hunks([(OLD, NEW)]) == [HUNKS]
    assert list(tmp_path.iterdir()) == [tmp_path / ".git"]


def test_without_git_nothing_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    assert git_hunks([(OLD, NEW)]) is None
