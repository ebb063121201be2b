"""`e2e.apifaults.repository`: what a play reads of its Git repository is what is there now."""

import subprocess
from pathlib import Path

import pytest

from e2e.apifaults.repository import Repository, commit_files


@pytest.fixture
def path(tmp_path: Path) -> Path:
    subprocess.run(["git", "init", "-q", "--bare", "-b", "main", tmp_path / "a.git"], check=True)
    commit_files(tmp_path / "a.git", {"a/b.yaml": "1\n", "README.md": "# x\n"}, "Start")
    return tmp_path / "a.git"


def test_file_is_that_of_the_tip(path: Path) -> None:
    repository = Repository(path)
    assert repository.file("a/b.yaml") == "1\n"
    commit_files(path, {"a/b.yaml": "2\n"}, "Change")
    assert repository.file("a/b.yaml") == "2\n"
    with pytest.raises(KeyError):
        repository.file("a")
    repository.close()


def test_commits_have_what_they_changed(path: Path) -> None:
    repository = Repository(path)
    assert repository.commits() == []
    commit_files(path, {"a/b.yaml": "2\n"}, "Change", author="Image Bot")
    commit_files(path, {"new": "x"}, "More")
    (bot, change, first), (person, more, second) = repository.commits()
    assert (bot, change, person, more) == ("Image Bot", "Change", "A Person", "More")
    assert (first.before["a/b.yaml"], first.after["a/b.yaml"]) == (b"1\n", b"2\n")
    assert second.after == {**second.before, "new": b"x"}
    repository.close()
