"""`controllers.git.engine`: a lost or damaged cache, after which runs go on as if it had been empty."""

import asyncio
import threading
from datetime import timedelta
from pathlib import Path

import pytest

from controllers.git.conftest import GitRun, marked
from controllers.git.errors import DeadlineExceeded, ProtocolError
from controllers.git.objects.store import MAX_PACKS
from controllers.git.protocol.refs import branch_tip
from controllers.git.remote import Remote
from testing.gitserver import BareRepository, CannedResponse, GitServer, Request


def packs(tmp_path: Path, suffix: str = ".pack") -> list[Path]:
    return sorted((tmp_path / "cache").rglob(f"*{suffix}"))


def fetches(server: GitServer) -> int:
    return len([r for r in server.requests if b"want " in r.body])


@pytest.fixture
async def commit(run: GitRun, server: GitServer) -> str:
    commit = (await run.tip()).commit
    server.requests.clear()
    return commit


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:40])


def scribble(path: Path) -> None:
    """Overwrite contents (of a pack) or names (of an index), in place: the file may be mapped."""
    with path.open("r+b") as file:
        file.seek(20 if path.suffix == ".pack" else 8 + 256 * 4)
        file.write(b"\xff" * 60)


@pytest.mark.parametrize("suffix", [".pack", ".idx"])
@pytest.mark.parametrize("harm", [scribble, Path.unlink], ids=["scribbled", "gone"])
async def test_damage_is_repaired_by_one_fetch(
    run: GitRun, server: GitServer, fleet: BareRepository, tmp_path: Path, commit: str, suffix: str, harm: object
) -> None:
    for cached in run.engine._stores.stores.values():
        cached.store.close()  # the files are opened again
    for path in packs(tmp_path, suffix):
        path.chmod(0o600)
        assert callable(harm)
        harm(path)
    assert [f.data for f in await run.files(commit)] == [marked("1.0.0").encode()]
    assert fetches(server) == 1
    await run.push(await run.change(b"1.0.0", b"1.0.1"))
    fleet.git("fsck", "--strict")


async def test_a_truncated_pack_is_repaired(run: GitRun, server: GitServer, tmp_path: Path, commit: str) -> None:
    for cached in run.engine._stores.stores.values():
        cached.store.close()
    for path in packs(tmp_path):
        path.chmod(0o600)
        truncate(path)
    assert len(await run.files(commit)) == 1
    assert fetches(server) == 1


async def test_damage_found_by_the_next_fetch_is_repaired(
    run: GitRun, server: GitServer, fleet: BareRepository, tmp_path: Path, commit: str
) -> None:
    """A thin pack is based on objects that we claimed to have."""
    big = marked("1.0.0") + "".join(f"# {n}\n" for n in range(2000))
    fleet.commit({"app.yaml": big})
    await run.tip()
    for cached in run.engine._stores.stores.values():
        cached.store.close()
    for path in packs(tmp_path):
        path.unlink()
    fleet.commit({"app.yaml": big + "# more\n"})
    tip = await run.tip()
    assert [f.data.endswith(b"# more\n") for f in await run.files(tip.commit)] == [True]


async def test_a_store_with_many_packs_starts_anew(run: GitRun, fleet: BareRepository, tmp_path: Path) -> None:
    most = 0
    for n in range(MAX_PACKS + 3):
        fleet.commit({"app.yaml": marked(f"1.0.{n}")})
        tip = await run.tip()
        most = max(most, len(packs(tmp_path)))
    assert most == MAX_PACKS
    assert len(packs(tmp_path)) < 10
    assert [f.data for f in await run.files(tip.commit)] == [marked(f"1.0.{MAX_PACKS + 2}").encode()]


async def test_half_an_answer_is_an_error_and_leaves_nothing(run: GitRun, server: GitServer, tmp_path: Path) -> None:
    def cut(request: Request) -> CannedResponse | None:
        if b"want " not in request.body:
            return None
        server.respond = lambda _: None
        whole = server.answer(request)
        return CannedResponse(200, whole.body[: len(whole.body) // 2], whole.headers)

    server.respond = cut
    with pytest.raises(ProtocolError, match=r"unable to clone '.*': the answer was cut short"):
        await run.tip()
    assert [p for p in (tmp_path / "cache").rglob("*") if p.is_file()] == []
    assert len(await run.files((await run.tip()).commit)) == 1


async def test_a_cancelled_caller_leaves_and_others_go_on(run: GitRun, server: GitServer) -> None:
    arrived, go_on = threading.Event(), threading.Event()
    refs = await run.engine.list_refs(run.remote)

    def hold(request: Request) -> None:
        if b"want " in request.body:
            arrived.set()
            assert go_on.wait(10)

    server.respond = hold
    tip = branch_tip(refs, "main")
    assert tip is not None
    first = asyncio.create_task(run.engine.fetch(run.remote, tip))
    assert await asyncio.to_thread(arrived.wait, 10)
    second = asyncio.create_task(run.engine.fetch(run.remote, tip))
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    assert not second.done()  # the thread of the first still has the store
    go_on.set()
    await second
    assert len(await run.files(tip.commit)) == 1


async def test_a_silent_server_times_out(run: GitRun, server: GitServer) -> None:
    go_on = threading.Event()

    def hold(_request: Request) -> None:
        go_on.wait(10)

    server.respond = hold
    hurried = GitRun(run.engine, Remote(run.remote.url, timeout=timedelta(milliseconds=50)))
    with pytest.raises(DeadlineExceeded, match=r"timed out after 0\.05s"):
        await hurried.tip()
    go_on.set()
