"""The bare repository that `bootstrap git` pushes to, as its host sees it."""

import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from hack.githttp import ENVIRONMENT, GIT, GitHttpServer

NAME = "fleet"
AUTHOR = ("-c", "user.name=someone", "-c", "user.email=someone@example.com")


class Repository:
    """One repository of a server's folder, `fleet.git`."""

    def __init__(self, server: GitHttpServer, root: Path) -> None:
        self._server, self._path = server, root / f"{NAME}.git"

    def renew(self, files: Mapping[str, str]) -> None:
        """Begin anew: empty, or with one commit of these files on branch main."""
        shutil.rmtree(self._path, ignore_errors=True)
        self._server.create(NAME)
        if not files:
            return
        with TemporaryDirectory() as folder:
            for name, content in files.items():
                target = Path(folder) / name
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_text(content)
            for command in (
                ("init", "-q", "-b", "main"), ("add", "-A"), (*AUTHOR, "commit", "-q", "-m", "begin"),
                ("push", "-q", str(self._path), "main"),
            ):  # fmt: skip
                _git(Path(folder), *command)

    def head(self, branch: str) -> str:
        """Return the commit of a branch; "" when there is none."""
        return self.git("for-each-ref", "--format=%(objectname)", f"refs/heads/{branch}").strip()

    def files(self, branch: str) -> dict[str, str]:
        """Return the texts of the files of a branch by path; none without the branch."""
        if not self.head(branch):
            return {}
        names = self.git("ls-tree", "-r", "-z", "--name-only", branch).split("\0")
        return {name: self.git("cat-file", "blob", f"{branch}:{name}") for name in names if name}

    def git(self, *arguments: str) -> str:
        """Return what git prints in the repository."""
        return _git(self._path, *arguments)


def _git(folder: Path, *arguments: str) -> str:
    done = subprocess.run([GIT, "-C", str(folder), *arguments], env=ENVIRONMENT, capture_output=True, check=True)
    return done.stdout.decode()
