"""Judges `hack/githttp.py` with git's own command line."""

import subprocess
from pathlib import Path

import pytest

from hack.githttp import ENVIRONMENT, GIT, GitHttpServer


def _git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        [GIT, "-C", str(folder), *arguments], capture_output=True, text=True, check=True,
        env=ENVIRONMENT | {"GIT_TERMINAL_PROMPT": "0", "GIT_AUTHOR_NAME": "A", "GIT_AUTHOR_EMAIL": "a@example.com",
                           "GIT_COMMITTER_NAME": "A", "GIT_COMMITTER_EMAIL": "a@example.com"},
    )  # fmt: skip
    return done.stdout.strip()


def test_git_pushes_to_it_and_clones_from_it_with_the_account(tmp_path: Path) -> None:
    work = tmp_path / "work"
    work.mkdir()
    _git(work, "init", "-q", "-b", "main")
    (work / "big.bin").write_bytes(bytes(range(256)) * 8192)  # more than git's buffer: sent in chunks
    _git(work, "add", "-A")
    _git(work, "commit", "-q", "-m", "Start")
    with GitHttpServer(tmp_path / "root", user="ci", password="s3cret") as server:
        url = server.create("fleet").replace("://", "://ci:s3cret@")
        _git(work, "push", "-q", url, "main")
        _git(tmp_path, "clone", "-q", url, "clone")
        assert _git(tmp_path / "clone", "rev-parse", "HEAD") == _git(work, "rev-parse", "HEAD")


def test_git_is_refused_without_the_account(tmp_path: Path) -> None:
    with GitHttpServer(tmp_path, user="ci", password="s3cret") as server:
        url = server.create("fleet")
        with pytest.raises(subprocess.CalledProcessError) as refused:
            _git(tmp_path, "ls-remote", url)
        assert b"could not read Username" in str(refused.value.stderr).encode()
