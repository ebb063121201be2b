"""`controllers.git.engine`: pushes to a remote that has taken one before, which are one request."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest
from dulwich.object_store import DiskObjectStore

from controllers.git.conftest import GitRun, marked
from controllers.git.errors import CorruptObject, PushRejected, RefMoved
from controllers.git.objects import store
from controllers.git.protocol.refspec import RefUpdate
from controllers.git.push_test import POST_RECEIVE, REFUSE, answer_pushes
from controllers.threads import FairThreads, Share
from testing.gitserver import BareRepository, CannedResponse, GitServer, Request

T = TypeVar("T")


@pytest.fixture
async def pushed(run: GitRun, server: GitServer) -> GitRun:
    """Return the steps of a run whose remote has taken a push."""
    await run.push(await run.change(b"1.0.0", b"1.0.1"))
    server.take_requests()
    return run


async def test_after_a_push_the_next_one_is_one_request(
    pushed: GitRun, server: GitServer, fleet: BareRepository
) -> None:
    new = await pushed.change(b"1.0.1", b"1.0.2")
    server.take_requests()
    await pushed.push(new)
    assert server.take_requests() == ["POST git-receive-pack"]
    assert fleet.head() == new.id
    branch = await pushed.commit(new.id, {"app.yaml": b"other\n"})
    await pushed.engine.push(pushed.remote, branch, [RefUpdate("refs/heads/dev", branch.id, None)])
    assert server.take_requests() == ["POST git-receive-pack"]
    assert fleet.head("dev") == branch.id


@pytest.mark.parametrize("is_new", [pytest.param(True, id="created"), pytest.param(False, id="moved")])
async def test_a_branch_that_somebody_changed_before_a_push_in_one_request(
    pushed: GitRun, fleet: BareRepository, *, is_new: bool
) -> None:
    """The server compares the old value, which was not asked for anew."""
    new = await pushed.change(b"1.0.1", b"1.0.2")
    branch = "dev" if is_new else "main"
    theirs = fleet.commit({"other.yaml": marked("1.0.0")}, branch=branch)
    with pytest.raises(RefMoved):
        await pushed.engine.push(
            pushed.remote, new, [RefUpdate(f"refs/heads/{branch}", new.id, None if is_new else new.parent)]
        )
    assert fleet.head(branch) == theirs
    again = await pushed.change(b"1.0.1", b"1.0.2")
    await pushed.push(again)
    assert fleet.head() == again.id


async def test_a_push_that_somebody_made_before_is_not_made_again(pushed: GitRun, fleet: BareRepository) -> None:
    new = await pushed.change(b"1.0.1", b"1.0.2")
    update = RefUpdate("refs/heads/main", new.id, new.parent)
    await pushed.push(new)
    assert await pushed.engine.push(pushed.remote, new, [update]) == ()
    assert fleet.head() == new.id


async def test_no_history_is_dropped_by_a_push_in_one_request(
    pushed: GitRun, server: GitServer, fleet: BareRepository
) -> None:
    tip = fleet.head()
    other = fleet.commit({"app.yaml": marked("9.0.0")}, branch="dev")
    new = await pushed.commit(other, {"app.yaml": b"other\n"})
    server.take_requests()
    with pytest.raises(PushRejected, match="non-fast-forward update: refs/heads/main"):
        await pushed.engine.push(pushed.remote, new, [RefUpdate("refs/heads/main", new.id, tip)])
    assert server.take_requests() == []
    assert fleet.head() == tip


async def test_a_server_that_is_another_one_by_now_is_asked_in_full(
    pushed: GitRun, server: GitServer, fleet: BareRepository
) -> None:
    new = await pushed.change(b"1.0.1", b"1.0.2")
    server.take_requests()

    def hang_up(request: Request) -> CannedResponse | None:
        server.respond = lambda _: None
        return CannedResponse(200, b"", {"Content-Type": "application/x-git-receive-pack-result"})

    server.respond = hang_up
    await pushed.push(new)
    assert server.take_requests() == ["POST git-receive-pack", "GET refs", "POST git-receive-pack"]
    assert fleet.head() == new.id


async def test_a_push_in_one_request_whose_answer_makes_no_sense_counts_when_it_arrived(
    pushed: GitRun, server: GitServer, fleet: BareRepository
) -> None:
    fleet.hook("post-receive", POST_RECEIVE)
    new = await pushed.change(b"1.0.1", b"1.0.2")
    answer_pushes(server, b"000eunpack ok\n000dwhat now\n", carry_out=True)
    moved = await pushed.engine.push(pushed.remote, new, [RefUpdate("refs/heads/main", new.id, new.parent)])
    assert moved == ("refs/heads/main",)
    assert len((fleet.path / "pushes.log").read_text().splitlines()) == 1


async def test_a_refusal_is_quoted_for_a_push_in_one_request_too(pushed: GitRun, fleet: BareRepository) -> None:
    fleet.hook("pre-receive", REFUSE)
    new = await pushed.change(b"1.0.1", b"1.0.2")
    with pytest.raises(PushRejected, match="pre-receive hook declined: the branch is frozen"):
        await pushed.push(new)
    fleet.hook("pre-receive", None)
    await pushed.push(new)
    assert fleet.head() == new.id


async def test_what_a_remote_takes_is_asked_before_each_push_with_options(
    pushed: GitRun, fleet: BareRepository
) -> None:
    fleet.git("config", "receive.advertisePushOptions", "false")
    new = await pushed.change(b"1.0.1", b"1.0.2")
    with pytest.raises(PushRejected, match="does not support push options"):
        await pushed.engine.push(
            pushed.remote, new, [RefUpdate("refs/heads/main", new.id, new.parent)], options={"a": "b"}
        )


async def test_a_refspec_is_asked_about_before_each_push(
    pushed: GitRun, server: GitServer, fleet: BareRepository
) -> None:
    """Where its destination is now is not known: it may be anywhere."""
    new = await pushed.change(b"1.0.1", b"1.0.2")
    theirs = fleet.commit({"x.yaml": "x\n"}, branch="mirror")
    updates = [RefUpdate("refs/heads/main", new.id, new.parent), RefUpdate("refs/heads/mirror", new.id)]
    server.take_requests()
    with pytest.raises(PushRejected, match="non-fast-forward update: refs/heads/mirror"):
        await pushed.engine.push(pushed.remote, new, updates)
    assert server.take_requests() == ["GET refs"]
    assert fleet.head("mirror") == theirs


async def test_a_commit_on_the_tip_takes_no_thread_to_find_what_is_known(
    pushed: GitRun, fleet: BareRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thread that looks up what the store knows costs more than the look."""
    started: list[object] = []
    start = FairThreads.start

    async def count(threads: FairThreads, work: Callable[[], T], *shares: Share, **options: Any) -> asyncio.Future[T]:
        started.append(work)
        return await start(threads, work, *shares, **options)

    monkeypatch.setattr(FairThreads, "start", count)
    tip = await pushed.tip()
    assert len(started) == 1  # the list; the commit is ours
    new = await pushed.commit(tip.commit, {"app.yaml": b"other\n"})
    started.clear()
    await pushed.push(new)
    assert len(started) == 1  # the push; what is kept of it is small
    assert fleet.head() == new.id


async def test_a_remote_to_which_only_we_push_does_not_fill_the_disk(
    pushed: GitRun, server: GitServer, fleet: BareRepository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is ever fetched then, and each push leaves a pack, whose files are open."""
    monkeypatch.setattr(store, "MAX_PACKS", 4)
    monkeypatch.setattr(store, "RECENT_BYTES", 0)
    packs = []
    for number in range(10):
        tip = await pushed.tip()
        await pushed.push(await pushed.commit(tip.commit, {"app.yaml": b"%d\n" % number}))
        packs.append(len(list((tmp_path / "cache").rglob("*.pack"))))
    assert max(packs) == 4
    assert fleet.read("app.yaml") == b"9\n"
    fetches = [request for request in server.requests if b"command=fetch" in request.body]
    assert len(fetches) == 2


async def test_small_commits_are_kept_in_memory_until_they_fill_a_pack(
    pushed: GitRun, server: GitServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def packs() -> int:
        return len(list((tmp_path / "cache").rglob("*.pack")))

    monkeypatch.setattr(store, "RECENT_BYTES", 1_000)
    server.take_requests()
    before = packs()
    await pushed.push(await pushed.change(b"1.0.1", b"1.0.2"))
    small = packs()
    await pushed.push(await pushed.commit((await pushed.tip()).commit, {"app.yaml": b"x" * 1_000}))
    assert (small, packs()) == (before, before + 1)
    await pushed.push(await pushed.commit((await pushed.tip()).commit, {"app.yaml": b"small"}))
    assert not any(b"command=fetch" in request.body for request in server.requests)


async def test_what_goes_back_and_forth_takes_memory_once(pushed: GitRun) -> None:
    cached = pushed.engine._stores.of(pushed.remote).store
    await pushed.push(await pushed.change(b"1.0.1", b"1.0.2"))
    await pushed.push(await pushed.change(b"1.0.2", b"1.0.1"))
    size = cached.size_bytes()
    new = await pushed.change(b"1.0.1", b"1.0.2")
    await pushed.push(new)
    (commit,) = [one for one in new.objects if one.kind == "commit"]
    assert cached.size_bytes() == size + len(commit.data), "tree and file were there"


async def test_a_commit_that_is_pushed_to_another_branch_is_kept_once(pushed: GitRun) -> None:
    new = await pushed.change(b"1.0.1", b"1.0.2")
    await pushed.push(new)
    kept = list(pushed.engine._stores.of(pushed.remote).store.complete_commits)
    await pushed.engine.push(pushed.remote, new, [RefUpdate("refs/heads/copy", new.id, None)])
    assert pushed.engine._stores.of(pushed.remote).store.complete_commits == kept


async def test_what_others_build_on_a_commit_in_memory_is_fetched(
    pushed: GitRun, server: GitServer, fleet: BareRepository
) -> None:
    """What they send may be no more than the differences to it."""
    lines = b"".join(b"# line %d\n" % number for number in range(500))
    await pushed.push(await pushed.commit((await pushed.tip()).commit, {"app.yaml": lines}))
    theirs = fleet.commit({"app.yaml": (lines + b"# theirs\n").decode()})
    server.take_requests()
    found = await pushed.engine.read_files(pushed.remote, theirs, ["app.yaml"])
    assert found == {"app.yaml": lines + b"# theirs\n"}
    fetches = [request for request in server.requests if b"command=fetch" in request.body]
    assert len(fetches) == 1


async def test_commits_in_memory_go_with_the_store(pushed: GitRun, fleet: BareRepository) -> None:
    cached = pushed.engine._stores.of(pushed.remote).store
    assert cached.has(fleet.head())
    cached.wipe()
    assert not cached.has(fleet.head())
    with pytest.raises(CorruptObject):
        cached.read(fleet.head(), "commit")
    await pushed.push(await pushed.change(b"1.0.1", b"1.0.2"))
    assert fleet.read("app.yaml") == marked("1.0.2").encode()


async def test_a_full_disk_costs_a_fetch_and_no_commit(
    pushed: GitRun, fleet: BareRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(store, "RECENT_BYTES", 0)
        patch.setattr(DiskObjectStore, "add_pack_data", fail)
        await pushed.push(await pushed.change(b"1.0.1", b"1.0.2"))
    await pushed.push(await pushed.change(b"1.0.2", b"1.0.3"))
    assert fleet.read("app.yaml") == marked("1.0.3").encode()
