"""Reads what the automations of a test have committed, for `testing.commit_rules`."""

import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from hack.githost import GIT_ENV, GitHost, Repository, git
from testing.commit_rules import Commit, check_commit
from testing.invariants import Violation

_NOTHING = re.compile("0+")


@dataclass(frozen=True, slots=True)
class Found:
    """A commit that has one parent."""

    author: str
    """E-mail address."""
    commit: Commit
    """With the files that it changes."""


class JudgedHost(GitHost):
    """A Git host that judges what automations have committed to the repositories that were made with it."""

    def __init__(self, url: str, user: str, password: str) -> None:
        super().__init__(url, user, password)
        self._present: dict[str, Repository] = {}
        self._violations: list[Violation] = []

    def create_repository(
        self, name: str, files: Mapping[str, str], *, private: bool = True, object_format: str = "sha1"
    ) -> Repository:
        made = super().create_repository(name, files, private=private, object_format=object_format)
        self._present[name] = made
        return made

    def delete_repository(self, name: str) -> None:
        """Remove a repository if it is there; its commits are read first."""
        if made := self._present.pop(name, None):
            self._judge(made)
        super().delete_repository(name)

    def require(self) -> None:
        """Fail if a commit of an automation changes anything but marked scalars."""
        for made in self._present.values():
            self._judge(made)
        assert not self._violations, "\n".join(map(str, self._violations))

    def _judge(self, repository: Repository) -> None:
        # Not that each value comes once: people put former ones back, and policies go down.
        self._violations += [
            violation for found in read_commits(repository) for violation in check_commit(found.commit)
        ]


def read_commits(repository: Repository) -> list[Found]:
    """Return the commits that no person has made, of all refs, without first ones and merges, oldest first."""
    with repository.clone("+refs/*:refs/all/*") as folder:
        text = git(
            folder, "log", "--all", "--reverse", "--topo-order", "--min-parents=1", "--max-parents=1", "--raw", "-z",
            "--no-renames", "--no-abbrev", "--format=%x01%H %ae %an",
        )  # fmt: skip
        persons = {GIT_ENV["GIT_AUTHOR_NAME"], repository.host.user}  # with Git, and in Gitea
        parsed = (_parse(entry) for entry in text.split("\x01")[1:])
        changes = [(id_, author, pairs) for id_, author, name, pairs in parsed if name not in persons]
        blobs = _read_blobs(folder, {blob for _, _, pairs in changes for pair in pairs.values() for blob in pair})
    return [Found(author, Commit(id_, *_sides(pairs, blobs))) for id_, author, pairs in changes]


def _parse(entry: str) -> tuple[str, str, str, dict[str, tuple[str, str]]]:
    """Return hash, address and name of the author, and by path the blobs before and after; empty: none."""
    head, *rest = entry.strip("\n").split("\0")
    id_, author, name = head.split(" ", 2)
    fields = [field.strip("\n") for field in rest if field.strip("\n")]
    pairs = {}
    for change, path in zip(fields[::2], fields[1::2], strict=True):
        _, _, old, new, _ = change.removeprefix(":").split(" ")
        pairs[path] = ("" if _NOTHING.fullmatch(old) else old, "" if _NOTHING.fullmatch(new) else new)
    return id_, author, name, pairs


def _sides(pairs: Mapping[str, tuple[str, str]], blobs: Mapping[str, bytes]) -> tuple[dict[str, bytes], ...]:
    return tuple({path: blobs[pair[i]] for path, pair in pairs.items() if pair[i]} for i in (0, 1))


def _read_blobs(folder: Path, names: set[str]) -> dict[str, bytes]:
    wanted = sorted(names - {""})
    lines = "".join(f"{name}\n" for name in wanted).encode()
    done = subprocess.run(["git", "cat-file", "--batch"], cwd=folder, input=lines, capture_output=True, check=True)
    out, rest = {}, done.stdout
    for name in wanted:
        head, _, rest = rest.partition(b"\n")
        size = int(head.split()[2])  # `<name> missing` for a commit of a submodule fails here
        out[name], rest = rest[:size], rest[size + 1 :]
    return out
