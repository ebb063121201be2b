"""A play's Git repository, looked at and committed to on disk, without a process or a parse that is not needed."""

import os
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from dulwich.objects import Commit as GitCommit
from dulwich.objects import Tree
from dulwich.refs import Ref
from dulwich.repo import Repo

from testing.commit_rules import Commit

_MAIN = Ref(b"refs/heads/main")


class Repository:
    """A bare repository with a branch main. It is read often, and changes seldom: a tip is read once."""

    def __init__(self, path: Path) -> None:
        """Open it."""
        self.path = path
        self._repo = Repo(str(path))
        self._files: dict[bytes, dict[str, bytes]] = {}
        """By the commit's id: a commit does not change."""

    def close(self) -> None:
        """Give back what it holds."""
        self._repo.close()

    def file(self, path: str) -> str:
        """Return a file at the tip of main. Raises KeyError."""
        return self._files_of(self._tip())[path].decode()

    def commits(self) -> list[tuple[str, str, Commit]]:
        """Return author, message and change of each commit after the first, oldest first."""
        chain = [entry.commit for entry in self._repo.get_walker([self._tip()])][::-1]
        files = [self._files_of(commit.id) for commit in chain]
        return [
            (_author(commit), commit.message.decode(), Commit(commit.id.decode(), before, after))
            for commit, before, after in zip(chain[1:], files, files[1:], strict=False)
        ]

    def _tip(self) -> Any:
        return self._repo.refs[_MAIN]

    def _files_of(self, commit: Any) -> dict[str, bytes]:
        if commit not in self._files:
            tree = self._repo[self._repo[commit].tree]  # type: ignore[attr-defined]  # it is a commit
            assert isinstance(tree, Tree)
            self._files[commit] = dict(self._walk(tree, ""))
        return self._files[commit]

    def _walk(self, tree: Tree, prefix: str) -> Iterator[tuple[str, bytes]]:
        for entry in tree.items():
            assert entry.path is not None
            assert entry.sha is not None
            name, found = f"{prefix}{entry.path.decode()}", self._repo[entry.sha]
            if isinstance(found, Tree):
                yield from self._walk(found, f"{name}/")
            else:
                yield name, found.as_raw_string()


def _author(commit: GitCommit) -> str:
    return str(commit.author.decode().partition(" <")[0])


def commit_files(repository: Path, files: Mapping[str, str], message: str, *, author: str = "A Person") -> None:
    """Commit to main of a bare repository, on top of what is there."""
    stream = [
        b"commit refs/heads/main\ncommitter %s <person@example.com> %d +0000\n" % (author.encode(), int(time.time())),
        b"data %d\n%s\n" % (len(message.encode()), message.encode()),
    ]
    if (repository / "refs/heads/main").exists() or (repository / "packed-refs").exists():
        stream.append(b"from refs/heads/main^0\n")
    for path, text in files.items():
        data = text.encode()
        stream.append(b"M 100644 inline %s\ndata %d\n%s\n" % (path.encode(), len(data), data))
    subprocess.run(
        ["git", "-C", str(repository), "fast-import", "--quiet", "--force"],
        input=b"".join(stream), check=True, capture_output=True,
        env={"PATH": os.environ["PATH"], "HOME": "/nonexistent"},
    )  # fmt: skip
