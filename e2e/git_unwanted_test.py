"""`controllers.imageupdateautomation`: whoever is suspended or deleted during its run pushes nothing any more."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from e2e.cluster import eventually
from e2e.fleet import Fleet
from e2e.git_fixtures import move_to, start, wait_image
from e2e.objects import automation
from testing.gitserver import GitServer, Request


@pytest.fixture
def server(tmp_path: Path) -> Iterator[GitServer]:
    with GitServer(tmp_path / "served") as serving:
        yield serving


def suspend(fleet: Fleet) -> None:
    fleet.space.patch("ImageUpdateAutomation", "fleet", {"suspend": True})


def delete(fleet: Fleet) -> None:
    fleet.space.delete("ImageUpdateAutomation", "fleet")


def resume(fleet: Fleet) -> None:
    """Want it again, in either case."""
    automation(fleet.space, "fleet", source="fleet", suspend=False)


def during_first_push(server: GitServer, act: Callable[[], None]) -> None:
    """Do something when the Git host is asked for the last time before something is sent to it."""

    def respond(request: Request) -> None:
        if request.path.endswith("/info/refs?service=git-receive-pack"):
            server.respond = lambda _: None
            act()

    server.respond = respond


@pytest.mark.parametrize("stop", [suspend, delete])
def test_nothing_is_pushed_for_what_was_stopped_meanwhile(
    fleet: Fleet, server: GitServer, stop: Callable[[Fleet], None]
) -> None:
    repository = server.repository("fleet")
    begun = start(repository, fleet)
    move_to(fleet, f"{server.url}/fleet.git")
    heads: list[str] = []

    def stop_it() -> None:
        stop(fleet)
        # Answered after that, by the same watch: so the controller knows.
        automation(fleet.space, "other", source="nothing")
        fleet.space.wait_not_ready("ImageUpdateAutomation", "other", reason="SourceManagerFailed")
        heads.append(repository.head())

    during_first_push(server, stop_it)
    automation(fleet.space, "fleet", source="fleet")
    eventually(lambda: heads, what="the automation to be stopped before its push")
    # It takes its turn at the branch behind the run that was stopped: so that one has ended.
    automation(fleet.space, "next", source="fleet", path="./none")
    fleet.space.wait_not_ready("ImageUpdateAutomation", "next", reason="UpdateFailed")
    assert [*heads, repository.head()] == [begun, begun]
    resume(fleet)
    wait_image(repository, fleet, "1.0.1")
    fleet.space.wait_ready("ImageUpdateAutomation", "fleet", message=repository.head()[:7])
    assert repository.git("rev-list", "--count", "main").strip() == "2"
