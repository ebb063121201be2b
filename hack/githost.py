"""Creates repositories, tokens and keys in a Gitea, and commits to them as other people do.

For demos and tests only. Commits go through the git CLI in a throw-away clone with an environment of its own, so
neither the user's configuration nor the code under test is involved.
"""

import os
import re
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

GIT_ENV = {
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_AUTHOR_NAME": "A Person",
    "GIT_AUTHOR_EMAIL": "person@example.com",
    "GIT_COMMITTER_NAME": "A Person",
    "GIT_COMMITTER_EMAIL": "person@example.com",
    "LC_ALL": "C",
}
BRANCHES = "+refs/heads/*:refs/remotes/origin/*"


class UnsupportedObjectFormat(RuntimeError):
    """The host makes no repositories with such object names."""


class GitHost:
    """The administrator's view of one Gitea at `url`."""

    def __init__(self, url: str, user: str, password: str) -> None:
        self.url, self.user, self.password = url.rstrip("/"), user, password
        self._client = httpx.Client(base_url=f"{self.url}/api/v1", auth=(user, password), trust_env=False, timeout=30)
        self.git = httpx.Client(auth=(user, password), trust_env=False, timeout=30)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()
        self.git.close()

    def create_repository(
        self, name: str, files: Mapping[str, str], *, private: bool = True, object_format: str = "sha1"
    ) -> "Repository":
        """Create a repository of the administrator with one commit on `main`.

        object_format: `sha1` or `sha256`. Raises UnsupportedObjectFormat where Gitea is older than 1.22, or its Git
        than 2.42.
        """
        body = {"name": name, "private": private, "auto_init": False, "default_branch": "main"}
        if object_format != "sha1":
            body["object_format_name"] = object_format
        try:
            made = self.call("POST", "/user/repos", body)
        except RuntimeError as e:
            if "invalid object format" in str(e):
                raise UnsupportedObjectFormat(str(e)) from e
            raise
        if made.get("object_format_name", "sha1") != object_format:
            raise UnsupportedObjectFormat(f"{self.url} made a repository with other object names than {object_format}")
        repository = Repository(self, name, object_format)
        if files:
            repository.commit(files, "Start")
        return repository

    def repository(self, name: str, *, object_format: str = "sha1") -> "Repository":
        """Return a repository that is there already."""
        return Repository(self, name, object_format)

    def delete_repository(self, name: str) -> None:
        """Remove a repository if it is there."""
        self._client.delete(f"/repos/{self.user}/{name}")

    def create_token(self, name: str, scopes: tuple[str, ...] = ("write:repository", "write:package")) -> str:
        """Create an access token of the administrator."""
        return str(self.call("POST", f"/users/{self.user}/tokens", {"name": name, "scopes": list(scopes)})["sha1"])

    def call(self, method: str, path: str, body: Mapping[str, object] | None = None) -> dict[str, Any]:
        """Send one API request. Raises `RuntimeError` with Gitea's message for a status from 300 on."""
        answer = self.send(method, path, body)
        if answer.status_code >= 300:
            raise RuntimeError(f"{method} {path} answered {answer.status_code}: {answer.text[:256]}")
        parsed = answer.json() if answer.content else {}
        return parsed if isinstance(parsed, dict) else {"items": parsed}

    def send(self, method: str, path: str, body: Mapping[str, object] | None = None) -> httpx.Response:
        """Send one API request and return the answer, whatever its status."""
        return self._client.request(method, path, json=body)


@dataclass(frozen=True, slots=True)
class Repository:
    """One repository of a `GitHost`."""

    host: GitHost
    name: str
    object_format: str = "sha1"
    owner: str = ""
    """Empty: the administrator."""

    @property
    def path(self) -> str:
        """Owner and name."""
        return f"{self.owner or self.host.user}/{self.name}"

    @property
    def url(self) -> str:
        """The clone URL without credentials."""
        return f"{self.host.url}/{self.path}.git"

    def commit(self, files: Mapping[str, str | None], message: str, *, branch: str = "main", base: str = "") -> str:
        """Commit to `branch` (created from `base`) new contents by path, None deletes; return the commit's hash."""
        with self.clone() as clone:
            if not git(clone, "ls-remote", "--heads", "origin", branch):
                start = ["--orphan", branch] if not base else ["-b", branch, f"origin/{base}"]
                git(clone, "checkout", "-q", *start)
            else:
                git(clone, "checkout", "-q", "-B", branch, f"origin/{branch}")
            for path, content in files.items():
                _write(clone / path, content)
            git(clone, "add", "-A")
            git(clone, "commit", "-q", "--allow-empty", "-m", message)
            git(clone, "push", "-q", "origin", f"HEAD:refs/heads/{branch}")
            return git(clone, "rev-parse", "HEAD").strip()

    def head(self, branch: str = "main") -> str:
        """Return the commit at the tip of a branch as a Git client reads it; empty when there is no such branch."""
        return self.refs().get(f"refs/heads/{branch}", "")

    def refs(self) -> dict[str, str]:
        """Return all refs with their hashes: one request of the smart HTTP protocol (version 0)."""
        answer = self.host.git.get(f"{self.url}/info/refs", params={"service": "git-upload-pack"})
        answer.raise_for_status()
        return {m[2]: m[1] for m in re.finditer(r"([0-9a-f]{64}|[0-9a-f]{40}) (refs/[^\0\n]+)", answer.text)}

    def file(self, path: str, branch: str = "main") -> str:
        """Return the content of a file at the tip of a branch."""
        with self.clone() as clone:
            return git(clone, "show", f"origin/{branch}:{path}")

    def log(self, *args: str, branch: str = "main") -> str:
        """Return `git log ARGS` of a branch."""
        with self.clone() as clone:
            return git(clone, "log", "--no-decorate", f"origin/{branch}", *args)

    def messages(self, branch: str = "main") -> list[str]:
        """Return the whole commit messages of a branch, newest first."""
        return [m.strip("\n") for m in self.log("--format=%B%x00", branch=branch).split("\0") if m.strip("\n")]

    @contextmanager
    def clone(self, refs: str = BRANCHES) -> Iterator[Path]:
        """Yield a temporary clone. refs: refspec of what is fetched, all branches by default."""
        with tempfile.TemporaryDirectory() as folder:
            # In a file of the clone, not in argv: process lists are public.
            git(Path(folder), "init", "-q", "-b", "main", f"--object-format={self.object_format}", "clone")
            clone = Path(folder) / "clone"
            secret = f"http://{self.host.user}:{self.host.password}@{self.host.url.removeprefix('http://')}"
            with (clone / ".git" / "config").open("a") as config:
                config.write(
                    f'[remote "origin"]\n\turl = {secret}/{self.path}.git\n'
                    f"\tfetch = {refs}\n[core]\n\thooksPath = /dev/null\n"
                )
            git(clone, "fetch", "-q", "origin")
            yield clone


def git(folder: Path, *args: str) -> str:
    """Run the git CLI without the user's configuration and return its output. Raises with git's message."""
    env = {"PATH": os.environ["PATH"], "HOME": str(folder), **GIT_ENV}
    done = subprocess.run(["git", *args], cwd=folder, env=env, capture_output=True, check=False)
    if done.returncode:
        raise RuntimeError(f"git {args[0]} failed: {done.stderr.decode(errors='replace')[-512:]}")
    return done.stdout.decode(errors="replace")


def _write(path: Path, content: str | None) -> None:
    if content is None:
        path.unlink()
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode())
