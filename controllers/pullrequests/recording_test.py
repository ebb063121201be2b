"""A forge that keeps what is done at it: nothing is sent in a dry run."""

import pytest

from controllers.forge.decision import digest
from controllers.forge.model import BranchCommit, Desired, State
from controllers.pullrequests.errors import NotSent
from controllers.pullrequests.recording import RecordedOffer, RecordingForge
from testing.automation_harness import MAIN, manifest
from testing.fake_forge import FakeForge
from testing.fake_git import FakeGit

DESIRED = Desired("up/web", "main", "Update web", "body", "apps/fleet", digest([("web", "1")]))


@pytest.fixture
def forge() -> FakeForge:
    git = FakeGit()
    git.put(MAIN, {"web.yaml": manifest("1.0.0")})
    git.put("refs/heads/up/web", {"web.yaml": manifest("1.1.0")})
    return FakeForge(git)


async def test_dry_run_sends_nothing_and_keeps_what_it_would_do(forge: FakeForge) -> None:
    offers: list[RecordedOffer] = []
    recording = RecordingForge(forge, offers, is_dry_run=True)
    made = (await recording.create(DESIRED)).pull_request
    await recording.update(made, DESIRED)
    closed = await recording.close(made, "moot")
    with pytest.raises(NotSent):
        await recording.commit(BranchCommit("up/web", "", "", "Update web", ()))
    assert (forge.calls, closed.pull_request.state) == ([], State.CLOSED)
    assert [(one.action, one.head, one.number, one.title) for one in offers] == [
        ("open", "up/web", 0, "Update web"),
        ("update", "up/web", 0, "Update web"),
        ("close", "up/web", 0, ""),
    ]


async def test_otherwise_all_is_done_and_kept(forge: FakeForge) -> None:
    offers: list[RecordedOffer] = []
    recording = RecordingForge(forge, offers, is_dry_run=False)
    made = (await recording.create(DESIRED)).pull_request
    await recording.update(made, DESIRED)
    assert await recording.list_open("up/") == await recording.find("up/web", "main")
    await recording.close(made, "moot")
    assert forge.only(State.CLOSED).number == 1
    assert [(one.action, one.number) for one in offers] == [("open", 1), ("update", 1), ("close", 1)]
    assert (recording.kind, recording.name) == (forge.kind, forge.name)
    assert recording.requests == 5
