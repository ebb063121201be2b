"""`controllers.imageupdateautomation`: a push asks nothing of the Git host before it, where nobody else pushes."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e.fleet import Fleet
from e2e.git_fixtures import move_to, start, wait_image
from e2e.objects import automation
from testing.gitserver import BareRepository, GitServer


@pytest.fixture
def server(tmp_path: Path) -> Iterator[GitServer]:
    with GitServer(tmp_path / "served") as serving:
        yield serving


@pytest.fixture
def repository(fleet: Fleet, server: GitServer) -> BareRepository:
    """Return a served repository whose automation has made its first commit."""
    repository = server.repository("fleet")
    start(repository, fleet)
    move_to(fleet, f"{server.url}/fleet.git")
    automation(fleet.space, "fleet", source="fleet")
    settle(repository, fleet, "1.0.1")
    return repository


def settle(repository: BareRepository, fleet: Fleet, tag: str) -> None:
    """Wait until a tag is in Git, and the status says so."""
    wait_image(repository, fleet, tag)
    fleet.space.wait_ready("ImageUpdateAutomation", "fleet", message=repository.head()[:7])


def test_a_release_costs_the_git_host_one_request(fleet: Fleet, server: GitServer, repository: BareRepository) -> None:
    server.take_requests()
    for tag in ("1.0.2", "1.0.3"):
        fleet.push_tag(tag)
        settle(repository, fleet, tag)
        assert server.take_requests() == ["POST git-receive-pack"]


def test_a_commit_that_nobody_has_looked_at_stays(fleet: Fleet, server: GitServer, repository: BareRepository) -> None:
    theirs = repository.commit({"notes.txt": "theirs\n"})
    fleet.push_tag("1.0.2")
    settle(repository, fleet, "1.0.2")
    assert repository.git("rev-parse", "main~1").strip() == theirs
    assert repository.read("notes.txt") == b"theirs\n"
    status = fleet.space.get("ImageUpdateAutomation", "fleet")["status"]
    (ready,) = [c for c in status["conditions"] if c["type"] == "Ready"]
    assert ready["message"] == f"committed and pushed commit '{repository.head()}' to branch 'main'"
    server.take_requests()
    fleet.push_tag("1.0.3")
    settle(repository, fleet, "1.0.3")
    first, *_ = server.take_requests()
    assert first != "POST git-receive-pack", "where others push, too, a look comes first"
