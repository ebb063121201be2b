"""What is outside of the cluster, for any world: a registry and a Git server on loopback, which fail as told.

People push tags and commit here; what the controllers commit is looked at commit by commit.
"""

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from testing.gitserver import BareRepository, CannedResponse, Request, git_server
from testing.loopback_registry import loopback_registry
from testing.registry_server import HANG_UP, ReceivedRequest, RegistryHandler, Reply, diagnostics

BOT = "bot@example.com"
_FAULTS = {
    "500": Reply(500),
    "401": diagnostics(401, "UNAUTHORIZED", "authentication required", {"WWW-Authenticate": 'Basic realm="r"'}),
    "404": diagnostics(404, "NAME_UNKNOWN", "repository name not known to registry"),
    "cut": HANG_UP,
}


@dataclass
class _Registry:
    """A handler that behaves until it is told to fail."""

    handler: RegistryHandler
    fault: str = ""

    def __call__(self, asked: ReceivedRequest) -> Reply:
        return _FAULTS[self.fault] if self.fault else self.handler(asked)


@dataclass
class Outside:
    """The two servers, as people see them."""

    host: str
    """Of the registry."""
    git_url: str
    """Of the repository."""
    repository: BareRepository
    registry: _Registry
    git_fault: str = ""
    _checked: str = ""
    _read: tuple[str, dict[str, str]] = ("", {})

    def push(self, image: str, tag: str) -> None:
        """Push a tag. image: without the host."""
        tags = self.registry.handler.repos[image]
        if tag not in tags:
            tags.append(tag)

    def delete(self, image: str, tag: str) -> None:
        """Delete a tag, if it is there."""
        tags = self.registry.handler.repos[image]
        if tag in tags:
            tags.remove(tag)

    def commit(self, files: Mapping[str, str | None], message: str) -> None:
        """Commit as a person does; None removes a file."""
        self.repository.commit(files, message=message)

    def files(self) -> dict[str, str]:
        """Return the files of the branch."""
        head = self._head()
        if head != self._read[0]:
            names = self.repository.git("ls-tree", "-r", "--name-only", "-z", head).split("\0")
            self._read = head, {name: self.repository.read(name, at=head).decode() for name in names if name}
        return self._read[1]

    def _head(self) -> str:
        return (self.repository.path / "refs" / "heads" / "main").read_text().strip()

    def take_commits(self) -> int:
        """Return how many commits the controllers have made since the last call; look at each of them.

        Raises AssertionError for one that changes anything but values in front of markers.
        """
        head = self._head()
        if head == self._checked:
            return 0
        since = f"{self._checked}..main" if self._checked else "main"
        lines = self.repository.git("log", "--format=%H %ae", since).splitlines()
        self._checked = head
        ours = [line.split()[0] for line in lines if line.endswith(f" {BOT}")]
        for commit in ours:
            self._check(commit)
        return len(ours)

    def _check(self, commit: str) -> None:
        diff = self.repository.git("diff", "-U0", f"{commit}^", commit).splitlines()
        removed = [line[1:] for line in diff if line.startswith("-") and not line.startswith("---")]
        added = [line[1:] for line in diff if line.startswith("+") and not line.startswith("+++")]
        assert added, f"commit {commit} changes nothing"
        assert len(removed) == len(added), f"commit {commit} adds or removes lines:\n{diff}"
        for old, new in zip(removed, added, strict=True):
            assert "$imagepolicy" in new, f"commit {commit} changes a line without a marker: {new}"
            assert _frame(old) == _frame(new), f"commit {commit} changes more than a value:\n{old}\n{new}"

    def respond(self, request: Request) -> CannedResponse | None:
        """Fail as told."""
        is_push = "git-receive-pack" in request.path
        if not self.git_fault or (self.git_fault == "push" and not is_push):
            return None
        status = 500 if self.git_fault == "push" else int(self.git_fault)
        headers = {"WWW-Authenticate": 'Basic realm="git"'} if status == 401 else {}
        return CannedResponse(status, b"as told", headers)


def _frame(line: str) -> tuple[str, str]:
    """Return what is around the value of a line."""
    key, _, rest = line.partition(": ")
    value, _, marker = rest.partition(" # ")
    return key + ('"' if value.startswith('"') else ""), marker


@contextmanager
def outside(images: Mapping[str, list[str]]) -> Iterator[Outside]:
    """Run both servers. images: the tags in the registry, by image without the host."""
    registry = _Registry(RegistryHandler({image: list(tags) for image, tags in images.items()}))
    with (
        tempfile.TemporaryDirectory() as folder,
        loopback_registry(registry) as running,  # type: ignore[arg-type]  # it is called, and no more
        git_server(Path(folder)) as server,
    ):
        made = Outside(running.host, f"{server.url}/fleet.git", server.repository("fleet"), registry)
        server.respond = made.respond
        yield made
