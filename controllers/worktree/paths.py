"""Which files a checkout has, and which of them a commit of it would hold."""

import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from controllers.net.url import redact_text, show_remote
from controllers.worktree.errors import WorkTreeError

LIST_SECONDS = 60
CLONE_SECONDS = 600
"""A repository of several gigabytes over a slow line takes minutes, even its newest commit alone."""
PLAIN_ENVIRONMENT = {"GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}
"""Reading changes nothing, not even the index; messages are Git's own, and it never waits for an answer."""
ELSEWHERE = frozenset(
    (
        "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_COMMON_DIR", "GIT_CONFIG", "GIT_DIR", "GIT_GRAFT_FILE",
        "GIT_IMPLICIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_NAMESPACE", "GIT_OBJECT_DIRECTORY", "GIT_PREFIX",
        "GIT_SHALLOW_FILE", "GIT_WORK_TREE",
    )
)  # fmt: skip
"""Variables that make Git look at another repository, index or configuration than the folder's: its hooks are run with
them. See `git rev-parse --local-env-vars`; what somebody has configured for all repositories stays.
"""


@dataclass(frozen=True, slots=True)
class WorkTree:
    """A folder with files. is_repository: Git knows which of them belong to it; without Git all do."""

    root: Path
    is_repository: bool

    def list_files(self) -> list[bytes]:
        """Return the paths of files and links from the root, in the order of a directory walk.

        In a repository: what is tracked, and what is new and not ignored. Submodules are left out.
        Raises WorkTreeError.
        """
        if self.is_repository:
            listed = ask_git(self.root, "ls-files", "-z", "--cached", "--others", "--exclude-standard").split(b"\0")
            found = {path for path in listed if path and not path.endswith(b"/")}
        else:
            found = set(_walk(os.fsencode(self.root)))
        return sorted(found, key=lambda path: path.split(b"/"))

    def remotes(self) -> list[str]:
        """Return the URLs of the repository's remotes, none for a plain folder. Raises WorkTreeError."""
        if not self.is_repository:
            return []
        names = ask_git(self.root, "remote").decode("utf-8", "surrogateescape").split()
        urls = (ask_git(self.root, "remote", "get-url", "--all", name) for name in names)
        return [url for text in urls for url in text.decode("utf-8", "surrogateescape").split()]

    def branch_tips(self, name: str) -> set[str]:
        """Return the commits that a branch is at, here and on the remotes as of the last fetch. Raises WorkTreeError.

        Empty for a branch that nobody has, and for a plain folder.
        """
        if not self.is_repository:
            return set()
        wanted = (f"refs/heads/{name}", f"refs/remotes/*/{name}")
        listed = ask_git(self.root, "for-each-ref", "--format=%(objectname) %(refname)", *wanted)
        tips = (line.split(" ", 1) for line in listed.decode("utf-8", "surrogateescape").splitlines())
        return {commit for commit, ref in tips if ref.endswith(f"/{name}")}  # Git lists what is below the name, too

    def head(self) -> str:
        """Return the commit that is checked out; empty where there is none. Raises WorkTreeError."""
        found = (
            ask_git(self.root, "rev-parse", "--verify", "--quiet", "HEAD", may_fail=True) if self.is_repository else b""
        )
        return found.decode().strip()


def open_worktree(path: Path) -> WorkTree:
    """Return the checkout that a path is in, or the folder itself where that is in no repository.

    Raises WorkTreeError for what is no folder, for a bare repository, and where Git refuses to look.
    """
    if not os.path.isdir(path):
        raise WorkTreeError(f"{path} is not a folder" if os.path.exists(path) else f"there is no folder {path}")
    if not _has_repository(path):
        return WorkTree(path.resolve(), is_repository=False)
    if ask_git(path, "rev-parse", "--is-inside-work-tree").strip() != b"true":
        raise WorkTreeError(f"{path} is a bare repository, which has no files to look at: give a checkout")
    top = ask_git(path, "rev-parse", "--show-toplevel").rstrip(b"\n")
    return WorkTree(Path(os.fsdecode(top)), is_repository=True)


def clone(url: str, folder: Path, *, branch: str = "") -> WorkTree:
    """Return a new checkout of the newest commit of a remote's branch, of the remote's default branch without one.

    Git does it, with the credentials that it has for the remote; it never asks on a terminal. Raises WorkTreeError.
    """
    chosen = ["--branch", branch] if branch else []
    command = ("clone", "--quiet", "--depth=1", "--single-branch", *chosen, "--", url, os.fspath(folder))
    ask_git(folder.parent, *command, about=show_remote(url), seconds=CLONE_SECONDS)
    return open_worktree(folder)


def repository_path(url: str) -> str:
    """Return the path of a repository on its host, which is the same over HTTP and SSH: `org/fleet`."""
    # Without a scheme: `git@host:org/fleet.git`, or a folder.
    path = url.partition("://")[2].partition("/")[2] if "://" in url else url.rpartition(":")[2]
    return path.strip("/").removesuffix(".git").casefold()


def _has_repository(path: Path) -> bool:
    """Report whether Git would find a repository: asked of the files, as Git may not be installed."""
    resolved = path.resolve()
    is_bare = (resolved / "HEAD").is_file() and (resolved / "objects").is_dir() and (resolved / "refs").is_dir()
    return is_bare or any((folder / ".git").exists() for folder in (resolved, *resolved.parents))


def ask_git(
    folder: Path,
    *arguments: str,
    may_fail: bool = False,
    about: str = "",
    seconds: float = LIST_SECONDS,
    stdin: bytes = b"",
    environ: Mapping[str, str] = MappingProxyType({}),
) -> bytes:
    """Return what Git prints about the repository of a folder, whatever repository the process was started for.

    may_fail: exit status 1, with which Git says that there is no such thing, is an empty answer. about: what messages
    name in place of the folder. environ: further variables. Raises WorkTreeError, whose text has no login of a URL in
    it.
    """
    about = about or str(folder)
    program = shutil.which("git")
    if program is None:
        raise WorkTreeError(f"there is no git to ask about the repository {about}: install Git")
    try:
        done = subprocess.run(  # noqa: S603  # the words of our own modules, and folders, names and URLs behind them
            [program, "-c", "core.fsmonitor=false", "-C", os.fspath(folder), *arguments],
            capture_output=True,
            check=False,
            input=stdin,
            timeout=seconds,
            env={name: value for name, value in os.environ.items() if name not in ELSEWHERE}
            | PLAIN_ENVIRONMENT
            | dict(environ),
        )
    except subprocess.TimeoutExpired:
        raise WorkTreeError(f"git {arguments[0]} did not answer within {seconds:g} s: {about}") from None
    except OSError as error:
        raise WorkTreeError(f"git cannot be run in {about}: {error.strerror or type(error).__name__}") from None
    if done.returncode and not (may_fail and done.returncode == 1):
        said = redact_text(done.stderr.decode(errors="replace").strip())
        raise WorkTreeError(f"git {arguments[0]}: {about}: {said or f'exit status {done.returncode}'}")
    return done.stdout


def _walk(root: bytes) -> Iterator[bytes]:
    for folder, folders, files in os.walk(root):
        links = [name for name in folders if os.path.islink(os.path.join(folder, name))]
        folders[:] = [name for name in folders if name != b".git" and name not in links]
        for name in (*files, *links):
            yield os.path.relpath(os.path.join(folder, name), root)
