"""What the tests of this package share: a served repository, an engine, and the steps of a run."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import pytest

from controllers.git.engine import GitEngine
from controllers.git.objects.commits import Author, NewCommit
from controllers.git.objects.scan import File
from controllers.git.protocol.refs import Tip, branch_tip
from controllers.git.protocol.refspec import RefUpdate
from controllers.git.remote import Remote
from testing.destinations import LOCAL_PROXIES
from testing.gitserver import BareRepository, GitServer, git_server

WHEN = datetime(2024, 5, 1, 12, 0, 0, tzinfo=UTC)
BOT = Author("bot@example.com", "Image Bot")


def is_yaml(name: str) -> bool:
    """Return True for the files that most tests look for."""
    return name.endswith((".yaml", ".yml")) or name == "Kustomization"


def is_marked(data: bytes) -> bool:
    """Return True for content with a marker."""
    return b'"$imagepolicy"' in data


def marked(tag: str, policy: str = "flux-system:app:tag") -> str:
    """Return a line with a marker."""
    return f'tag: {tag} # {{"$imagepolicy": "{policy}"}}\n'


def random_bytes(seed: str, size: int) -> bytes:
    """Return noise that does not compress, the same each time."""
    return Random(seed).randbytes(size)  # noqa: S311  # for a test


@dataclass(frozen=True, slots=True)
class GitRun:
    """The steps of a run against one remote."""

    engine: GitEngine
    remote: Remote

    async def tip(self, branch: str = "main") -> Tip:
        """List references and fetch the tip of a branch."""
        tip = branch_tip(await self.engine.list_refs(self.remote), branch)
        assert tip is not None
        await self.engine.fetch(self.remote, tip)
        return tip

    async def files(self, commit: str, path: str = "") -> list[File]:
        """Find the marked YAML files of a commit."""
        return await self.engine.find_files(self.remote, commit, path, is_wanted=is_yaml, has_marker=is_marked)

    async def commit(self, parent: str, edits: dict[str, bytes], message: str = "Update") -> NewCommit:
        """Make a commit of the bot."""
        new = await self.engine.commit(self.remote, parent, edits, author=BOT, message=message, when=WHEN)
        assert new is not None
        return new

    async def change(self, old: bytes, new: bytes, *, branch: str = "main", path: str = "") -> NewCommit:
        """Make a commit on a branch's tip with each `old` in marked files replaced."""
        tip = await self.tip(branch)
        edits = {f.target: f.data.replace(old, new) for f in await self.files(tip.commit, path)}
        return await self.commit(tip.commit, edits)

    async def push(self, new: NewCommit, branch: str = "main") -> None:
        """Push to a branch that is where the commit's parent is."""
        await self.engine.push(self.remote, new, [RefUpdate(f"refs/heads/{branch}", new.id, new.parent)])


@pytest.fixture
def server(tmp_path: Path) -> Iterator[GitServer]:
    with git_server(tmp_path / "served") as serving:
        yield serving


@pytest.fixture(params=["sha1", "sha256"])
def object_format(request: pytest.FixtureRequest) -> str:
    """Return the object format of `fleet`: what holds for one holds for the other."""
    return str(request.param)


@pytest.fixture
def fleet(server: GitServer, object_format: str) -> BareRepository:
    repository = server.repository("fleet", object_format=object_format)
    repository.commit({"app.yaml": marked("1.0.0"), "README.md": "# fleet\n"})
    return repository


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[GitEngine]:
    git = GitEngine(tmp_path / "cache", destinations=LOCAL_PROXIES)
    yield git
    await git.aclose()


@pytest.fixture
def run(server: GitServer, fleet: BareRepository, engine: GitEngine) -> GitRun:
    return GitRun(engine, Remote(f"{server.url}/fleet.git"))
