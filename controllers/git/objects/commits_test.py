"""What a commit says, ours or not."""

import pytest

from controllers.git.conftest import BOT, WHEN, GitRun
from controllers.git.errors import CorruptObject
from controllers.git.objects.commits import parse_commit
from testing.gitserver import BareRepository


async def test_a_commit_says_who_made_it(run: GitRun, fleet: BareRepository) -> None:
    parent = fleet.head()
    new = await run.change(b"1.0.0", b"1.0.1")
    await run.push(new)
    ours = await run.engine.read_commit(run.remote, new.id)
    assert (ours.parents, ours.tree, ours.time, ours.message) == ((parent,), new.tree, WHEN, "Update")
    assert ours.is_by(BOT)
    theirs = await run.engine.read_commit(run.remote, parent)
    assert (theirs.parents, theirs.author) == ((), b"Someone Else <someone@example.com>")
    assert not theirs.is_by(BOT)


def test_a_signature_in_a_commit_is_not_read_as_headers() -> None:
    signed = b"tree %s\nauthor A <a> 1 +0000\ngpgsig x\n author B <b> 2 +0000\ncommitter A <a> 7 +0200\n\nHi\n" % (
        b"0" * 40
    )
    assert parse_commit(signed).author == b"A <a>"
    assert (parse_commit(signed).time.timestamp(), parse_commit(signed).message) == (7, "Hi\n")


@pytest.mark.parametrize("raw", [b"", b"tree x", b"tree x\nauthor A 1 +0000\ncommitter A x +0000\n\n"])
def test_objects_that_are_not_commits(raw: bytes) -> None:
    with pytest.raises(CorruptObject):
        parse_commit(raw)
