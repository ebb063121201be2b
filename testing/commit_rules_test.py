"""`testing.commit_rules`: each rule finds the commits that violate it, and nothing in those that do not."""

from dataclasses import replace
from itertools import pairwise

import pytest

from testing.commit_rules import Commit, check_commits

FILE = b'name: app   # kept\nimage: reg/app:1.0.0 # {"$imagepolicy": "ns:app"}\nreplicas: 2\n'


def commit(before: bytes, after: bytes, *, id: str = "c", path: str = "app.yaml") -> Commit:
    return Commit(id, {path: before, "README.md": b"x"}, {path: after, "README.md": b"x"})


def test_commits_that_only_move_forward() -> None:
    files = [FILE.replace(b"1.0.0", tag) for tag in (b"1.0.0", b"1.0.1", b"2.0.0")]
    assert check_commits([commit(files[0], files[1]), commit(files[1], files[2])]) == []


LISTED = b'images:\n  - reg/app:1.0.0 # {"$imagepolicy": "ns:app"}\n'


def test_scalar_in_a_list() -> None:
    assert check_commits([commit(LISTED, LISTED.replace(b"1.0.0", b"1.0.1"))]) == []


DOCKERFILE = b'# {"$imagepolicy": "ns:app"}\nFROM reg/app:1.0.0 AS base\nFROM reg/app:1.0.0 AS other\n'
VARIABLES = b'TAG=1.0.0 # {"$imagepolicy": "ns:app:tag"}\nOTHER=1.0.0\n'


@pytest.mark.parametrize("text", [DOCKERFILE, VARIABLES], ids=["above", "behind"])
def test_marked_words_of_files_that_are_not_yaml(text: bytes) -> None:
    marked = commit(text, text.replace(b"1.0.0", b"1.0.1", 1), path="build/file")
    assert check_commits([marked]) == []
    for after in (
        text.replace(b"1.0.0", b"1.0.1"),
        text.replace(b"1.0.0", b"1.0 .1", 1),
        text.replace(b"ns:app", b"ns:other", 1),
    ):
        assert [violation.rule for violation in check_commits([commit(text, after, path="build/file")])] == [
            "byte diff"
        ]
    assert check_commits([replace(marked, before={"a.yaml": text}, after={"a.yaml": text + b" "})]) != []


@pytest.mark.parametrize(
    "after",
    [
        pytest.param(FILE, id="nothing"),
        pytest.param(FILE.replace(b"replicas: 2", b"replicas: 3"), id="unmarked-line"),
        pytest.param(FILE.replace(b"1.0.0 #", b"1.0.1  #"), id="blank-before-the-marker"),
        pytest.param(FILE.replace(b"image:", b"Image:").replace(b"1.0.0", b"1.0.1"), id="key"),
        pytest.param(FILE.replace(b"1.0.0", b"1.0.1") + b"\n", id="line-more"),
        pytest.param(FILE.replace(b"1.0.0", b"1.0.1").replace(b"\n", b"\r\n"), id="line-ends"),
    ],
)
def test_commit_of_more_than_marked_scalars_is_found(after: bytes) -> None:
    assert [violation.rule for violation in check_commits([commit(FILE, after)])] == ["byte diff"]


def test_commit_that_adds_a_file_is_found() -> None:
    made = replace(commit(FILE, FILE.replace(b"1.0.0", b"1.0.1")), before={"app.yaml": FILE})
    assert [violation.rule for violation in check_commits([made])] == ["byte diff"]


@pytest.mark.parametrize("tags", [("1.0.0", "1.0.1", "1.0.0"), ("1.0.0", "1.0.1", "1.0.2", "1.0.1")])
def test_value_that_comes_back_is_found(tags: tuple[str, ...]) -> None:
    files = [FILE.replace(b"1.0.0", tag.encode()) for tag in tags]
    made = [commit(before, after) for before, after in pairwise(files)]
    assert [violation.rule for violation in check_commits(made)] == ["exactly once"]
