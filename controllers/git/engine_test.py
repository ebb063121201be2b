"""Whole runs against a real Git server: which requests are sent, what arrives, what stays as it was."""

import asyncio
import threading
import zlib
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from controllers.git.conftest import BOT, WHEN, GitRun, is_marked, is_yaml, marked, random_bytes
from controllers.git.engine import GitEngine
from controllers.git.errors import (
    EmptyRepository,
    PathMissing,
    ProtocolError,
    RefMoved,
    RefNotFound,
    RepositoryTooLarge,
)
from controllers.git.objects.commits import Author
from controllers.git.protocol.pktline import FLUSH, packets
from controllers.git.protocol.refs import Checkout, Tip, resolve
from controllers.git.protocol.refspec import RefUpdate
from controllers.git.remote import Remote
from testing.gitserver import BareRepository, CannedResponse, GitServer, Request


def no_semver(_range: str, _tags: object) -> None:
    raise AssertionError("no semver range was asked for")


async def test_refs_cost_one_round_trip_once_the_protocol_is_known(run: GitRun, server: GitServer) -> None:
    await run.engine.list_refs(run.remote)
    assert server.take_requests() == ["GET refs", "POST git-upload-pack"]
    await run.engine.list_refs(run.remote)
    assert server.take_requests() == ["POST git-upload-pack"]


async def test_refs_cost_one_round_trip_with_protocol_0(run: GitRun, server: GitServer) -> None:
    server.protocol = 0
    for _ in range(2):
        refs = await run.engine.list_refs(run.remote)
        assert server.take_requests() == ["GET refs"]
    assert refs.symrefs == {"HEAD": "refs/heads/main"}


@pytest.mark.parametrize("protocol", [0, 2])
async def test_a_run_from_refs_to_push(run: GitRun, server: GitServer, fleet: BareRepository, protocol: int) -> None:
    server.protocol = protocol
    old = fleet.head()
    new = await run.change(b"1.0.0", b"1.0.1")
    await run.push(new)
    assert fleet.head() == new.id
    assert fleet.git("rev-parse", "main~1") == old
    assert fleet.read("app.yaml") == marked("1.0.1").encode()
    assert fleet.read("README.md") == b"# fleet\n"
    fleet.git("fsck", "--strict")


@pytest.mark.parametrize("protocol", [0, 2])
async def test_fetch_brings_only_what_changed(
    run: GitRun, server: GitServer, fleet: BareRepository, protocol: int
) -> None:
    server.protocol = protocol
    fleet.commit({f"apps/{n}.yaml": marked("1") + "#" * 200 + f" {n}\n" for n in range(200)})
    first = await run.tip()
    fleet.commit({"apps/7.yaml": marked("2")})
    await run.engine.list_refs(run.remote)
    server.requests.clear()
    second = await run.tip()
    sent = sum(r.sent_bytes for r in server.requests if b"want " in r.body)
    assert 0 < sent < 2000
    assert second.commit != first.commit
    assert len(await run.files(second.commit)) == 201


async def test_a_commit_that_is_here_is_not_fetched(run: GitRun, server: GitServer) -> None:
    tip = await run.tip()
    server.requests.clear()
    await run.engine.fetch(run.remote, tip)
    await run.files(tip.commit)
    assert server.take_requests() == []


async def test_the_commit_just_pushed_is_not_fetched(run: GitRun, server: GitServer) -> None:
    new = await run.change(b"1.0.0", b"1.0.1")
    await run.push(new)
    server.requests.clear()
    assert (await run.tip()).commit == new.id
    assert [f.data for f in await run.files(new.id)] == [marked("1.0.1").encode()]
    assert server.take_requests() == ["POST git-upload-pack"]  # the list


async def test_tasks_that_are_due_together_share_the_fetch(run: GitRun, server: GitServer) -> None:
    refs = await run.engine.list_refs(run.remote)
    tip = resolve(Checkout(branch="main"), refs, select_semver=no_semver)
    server.requests.clear()
    await asyncio.gather(*(run.engine.fetch(run.remote, tip) for _ in range(8)))
    assert server.take_requests() == ["POST git-upload-pack"]


async def test_message_author_and_time_are_recorded_as_given(run: GitRun, fleet: BareRepository) -> None:
    tip = await run.tip()
    east = datetime(2024, 5, 1, 14, 0, 7, 999, tzinfo=timezone(timedelta(hours=2)))
    new = await run.engine.commit(
        run.remote, tip.commit, {"app.yaml": b"x\n"},
        author=Author("b@example.com", "Bö <t>\nx"), message="Ünï\n\nbody", when=east,
    )  # fmt: skip
    assert new is not None
    await run.push(new)
    head, _, message = fleet.git("cat-file", "commit", new.id).partition("\n\n")
    assert message == "Ünï\n\nbody"
    stamp = int(datetime(2024, 5, 1, 12, 0, 7, tzinfo=UTC).timestamp())
    assert head.splitlines()[2:] == [f"{who} Bö tx <b@example.com> {stamp} +0000" for who in ("author", "committer")]


async def test_an_author_without_a_name_is_allowed(run: GitRun, fleet: BareRepository) -> None:
    tip = await run.tip()
    new = await run.engine.commit(
        run.remote, tip.commit, {"app.yaml": b"x\n"}, author=Author("b@example.com"), message="m", when=WHEN
    )
    assert new is not None
    await run.push(new)
    assert fleet.git("log", "-1", "--format=%an <%ae>") == " <b@example.com>".strip()


async def test_no_commit_where_nothing_differs(run: GitRun) -> None:
    tip = await run.tip()
    files = await run.files(tip.commit)
    edits = {f.target: f.data for f in files}
    assert await run.engine.commit(run.remote, tip.commit, edits, author=BOT, message="m", when=WHEN) is None


async def test_modes_and_links_stay_and_links_are_written_through(run: GitRun, fleet: BareRepository) -> None:
    fleet.commit(
        {
            "script.yaml": ("100755", marked("1.0.0")),
            "base/app.yaml": marked("1.0.0"),
            "overlay/app.yaml": ("120000", "../base/app.yaml"),
            "overlay/dangling.yaml": ("120000", "../nowhere.yaml"),
        }
    )
    before = fleet.git("ls-tree", "-r", "main")
    await run.push(await run.change(b"1.0.0", b"1.0.1"))
    assert fleet.git("diff", "--name-only", "main~1", "main").split() == ["app.yaml", "base/app.yaml", "script.yaml"]
    modes = {line.split("\t")[1]: line.split()[0] for line in fleet.git("ls-tree", "-r", "main").splitlines()}
    assert modes == {line.split("\t")[1]: line.split()[0] for line in before.splitlines()}


async def test_submodules_are_left_alone(run: GitRun, fleet: BareRepository) -> None:
    tree = fleet.git("rev-parse", "main^{tree}")
    entry = f"160000 commit {'1' * len(tree)}\tmodule.yaml\n"
    listing = fleet.git("ls-tree", tree) + "\n" + entry
    tree = fleet.git("mktree", "--missing", data=listing.encode())
    fleet.git("update-ref", "refs/heads/main", fleet.git("commit-tree", tree, "-p", "main", "-m", "sub"))
    await run.push(await run.change(b"1.0.0", b"1.0.1"))
    assert entry.strip() in fleet.git("ls-tree", "main")


@pytest.mark.parametrize("branch", ["feature/a/b", "grün/äpfel", "v1"])
async def test_branch_names_of_all_kinds(run: GitRun, fleet: BareRepository, branch: str) -> None:
    fleet.commit({"app.yaml": marked("1.0.0")}, branch=branch, message="x")
    new = await run.change(b"1.0.0", b"1.0.1", branch=branch)
    await run.push(new, branch)
    assert fleet.head(branch) == new.id


async def test_an_empty_repository_is_not_a_missing_branch(
    server: GitServer, engine: GitEngine, object_format: str
) -> None:
    server.repository("empty", object_format=object_format)
    remote = Remote(f"{server.url}/empty.git")
    for server.protocol in (0, 2):
        refs = await engine.list_refs(remote)
        with pytest.raises(EmptyRepository, match="remote repository is empty"):
            resolve(Checkout(branch="main"), refs, select_semver=no_semver)


async def test_packed_refs_a_detached_head_and_annotated_tags(
    run: GitRun, fleet: BareRepository, object_format: str
) -> None:
    commit = fleet.head()
    fleet.git("tag", "-a", "v1", "-m", "one", "main")
    fleet.git("pack-refs", "--all")
    (fleet.path / "HEAD").write_text(commit + "\n")
    refs = await run.engine.list_refs(run.remote)
    tip = resolve(Checkout(tag="v1"), refs, select_semver=no_semver)
    assert tip == Tip("refs/tags/v1", commit, f"v1@{object_format}:{commit}")
    await run.engine.fetch(run.remote, tip)
    assert [f.path for f in await run.files(tip.commit)] == ["app.yaml"]


async def test_history_rewritten_on_the_remote(run: GitRun, fleet: BareRepository) -> None:
    await run.tip()
    fleet.git("update-ref", "-d", "refs/heads/main")
    fleet.commit({"other.yaml": marked("7")}, message="another root")
    fleet.git("reflog", "expire", "--expire=now", "--all")
    fleet.git("gc", "-q", "--prune=now")
    tip = await run.tip()
    assert [f.path for f in await run.files(tip.commit)] == ["other.yaml"]


@pytest.mark.parametrize("protocol", [0, 2])
async def test_a_bare_commit_behind_the_branch(
    run: GitRun, server: GitServer, fleet: BareRepository, protocol: int
) -> None:
    fleet.git("config", "uploadpack.allowAnySHA1InWant", "false")
    server.protocol = protocol
    commit = fleet.head()
    fleet.commit({"app.yaml": marked("2.0.0")})
    tip = resolve(Checkout(commit=commit), await run.engine.list_refs(run.remote), select_semver=no_semver)
    await run.engine.fetch(run.remote, tip)
    assert [f.data for f in await run.files(commit)] == [marked("1.0.0").encode()]


@pytest.mark.parametrize("protocol", [0, 2])
async def test_an_unknown_commit(run: GitRun, server: GitServer, fleet: BareRepository, protocol: int) -> None:
    server.protocol = protocol
    await run.engine.list_refs(run.remote)
    with pytest.raises(RefNotFound, match=f"unable to clone '{run.remote.url}': couldn't find remote commit 'dead"):
        await run.engine.fetch(run.remote, Tip("", "dead" * (len(fleet.head()) // 4), ""))


@pytest.mark.parametrize("kind", ["tag", "tree", "blob"])
async def test_a_commit_that_is_something_else(run: GitRun, fleet: BareRepository, kind: str) -> None:
    fleet.git("tag", "-a", "v1", "-m", "one", "main")
    found = fleet.git("rev-parse", {"tag": "v1", "tree": "main^{tree}", "blob": "main:app.yaml"}[kind])
    await run.tip()
    with pytest.raises(RefNotFound, match=f"object '{found}' is a {kind}, not a commit: write the hash of a commit"):
        await run.engine.fetch(run.remote, Tip("", found, ""))


async def test_the_words_of_a_server_that_refuses_a_commit_are_kept(run: GitRun, server: GitServer) -> None:
    commit = (await run.engine.list_refs(run.remote)).values["refs/heads/main"]
    answer = packets(b"packfile\n", b"\x02this repository is frozen\n", b"\x03want not valid\n")
    headers = {"Content-Type": "application/x-git-upload-pack-result"}
    server.respond = lambda request: CannedResponse(200, answer, headers) if b"command=fetch" in request.body else None
    with pytest.raises(RefNotFound) as refused:
        await run.engine.fetch(run.remote, Tip("", commit, ""))
    assert str(refused.value) == (
        f"unable to clone '{run.remote.url}': couldn't find remote commit '{commit}': remote error: want not valid: "
        "this repository is frozen; some servers serve only commits that a branch or tag leads to"
    )


async def test_a_line_without_a_blank_is_no_reference(run: GitRun, server: GitServer) -> None:
    headers = {"Content-Type": "application/x-git-upload-pack-result"}
    answer = CannedResponse(200, packets(b"x" * 40 + b"\n") + FLUSH, headers)
    server.respond = lambda request: answer if b"command=ls-refs" in request.body else None
    with pytest.raises(ProtocolError, match=f"unable to clone '{run.remote.url}': not a reference: xxx"):
        await run.engine.list_refs(run.remote)


@pytest.mark.parametrize("fault", [ValueError("secret"), IndexError(), RecursionError(), OverflowError(), zlib.error()])
async def test_whatever_a_parser_raises_is_an_error_of_this_edge(
    run: GitRun, monkeypatch: pytest.MonkeyPatch, fault: Exception
) -> None:
    def fail(*_: object) -> None:
        raise fault

    tip = await run.tip()
    with monkeypatch.context() as patched:
        patched.setattr("controllers.git.protocol.session.read_ls_refs", fail)
        with pytest.raises(ProtocolError) as listed:
            await run.engine.list_refs(run.remote)
        patched.setattr("controllers.git.engine.parse_commit", fail)
        with pytest.raises(ProtocolError) as read:
            await run.engine.read_commit(run.remote, tip.commit)
    unreadable = f"the remote's answer cannot be read ({type(fault).__name__})"
    assert str(listed.value) == f"unable to clone '{run.remote.url}': {unreadable}"
    assert str(read.value) == unreadable
    await run.engine.list_refs(run.remote)


async def test_a_branch_that_moves_between_list_and_fetch_is_outdated(
    run: GitRun, server: GitServer, fleet: BareRepository
) -> None:
    server.protocol = 0
    fleet.git("config", "uploadpack.allowAnySHA1InWant", "false")
    refs = await run.engine.list_refs(run.remote)
    tip = resolve(Checkout(branch="main"), refs, select_semver=no_semver)
    fleet.git("update-ref", "-d", "refs/heads/main")
    fleet.commit({"app.yaml": marked("2.0.0")}, message="another root")
    with pytest.raises(RefMoved, match="refs/heads/main is no longer at"):
        await run.engine.fetch(run.remote, tip)


async def test_paths(run: GitRun, fleet: BareRepository) -> None:
    fleet.commit({"clusters/a/x.yaml": marked("1"), "clusters/b/y.yaml": marked("1"), "clusters/a.yaml": marked("1")})
    tip = await run.tip()
    found = {p: [f.path for f in await run.files(tip.commit, p)] for p in (".", "./clusters/a", "clusters/b/y.yaml")}
    assert found == {
        ".": ["app.yaml", "clusters/a/x.yaml", "clusters/a.yaml", "clusters/b/y.yaml"],
        "./clusters/a": ["clusters/a/x.yaml"],
        "clusters/b/y.yaml": ["clusters/b/y.yaml"],
    }
    with pytest.raises(PathMissing, match="nowhere: no such file or directory"):
        await run.files(tip.commit, "nowhere")


async def test_one_writer_per_branch(run: GitRun) -> None:
    order = []

    async def write(name: str, branch: str, remote: Remote) -> None:
        async with run.engine.lock_branch(remote, branch):
            order.append(f"{name} in")
            await asyncio.sleep(0)
            order.append(f"{name} out")

    other_spelling = Remote(run.remote.url.removesuffix(".git") + "/", timeout=timedelta(seconds=5))
    await asyncio.gather(write("a", "main", run.remote), write("b", "main", other_spelling))
    assert order == ["a in", "a out", "b in", "b out"]
    order.clear()
    await asyncio.gather(write("a", "main", run.remote), write("b", "dev", run.remote))
    assert order == ["a in", "b in", "a out", "b out"]


async def test_a_silent_host_does_not_stop_others(run: GitRun, server: GitServer, tmp_path: Path) -> None:
    waiting, go_on = threading.Semaphore(0), threading.Event()

    def hold(_request: Request) -> None:
        waiting.release()
        go_on.wait(10)

    with GitServer(tmp_path / "silent") as silent:
        silent.respond = hold
        remote = Remote(f"{silent.url}/x.git", timeout=timedelta(seconds=20))
        stuck = [asyncio.create_task(run.engine.list_refs(remote)) for _ in range(40)]
        for _ in range(4):
            assert await asyncio.to_thread(waiting.acquire, timeout=10)
        assert (await run.engine.list_refs(run.remote)).branch("main")
        assert len(silent.requests) == 4
        for task in stuck:
            task.cancel()
        go_on.set()
        await asyncio.gather(*stuck, return_exceptions=True)


async def test_a_new_engine_removes_what_a_killed_one_left(run: GitRun, tmp_path: Path) -> None:
    left = tmp_path / "left" / "remotes" / "0" / "objects"
    left.mkdir(parents=True)
    (left / "tmp_pack_x").write_bytes(b"half a pack")
    (tmp_path / "left" / "not-ours").write_text("stays")
    engine = GitEngine(tmp_path / "left")
    again = GitRun(engine, run.remote)
    tip = await again.tip()
    assert [f.path for f in await again.files(tip.commit)] == ["app.yaml"]
    await engine.aclose()
    assert [p.name for p in (tmp_path / "left").iterdir()] == ["not-ours"]


async def test_a_push_that_arrived_is_not_repeated(run: GitRun, fleet: BareRepository) -> None:
    """A process killed after its push finds the branch where it wanted it."""
    new = await run.change(b"1.0.0", b"1.0.1")
    await run.push(new)
    updated_refs = await run.engine.push(run.remote, new, [RefUpdate("refs/heads/main", new.id, new.parent)])
    assert updated_refs == ()
    assert fleet.head() == new.id


async def test_a_repository_larger_than_the_bound_is_refused(server: GitServer, tmp_path: Path) -> None:
    server.repository("big").commit({"noise": random_bytes("big", 50_000)})
    engine = GitEngine(tmp_path / "small", max_bytes=20_000)
    with pytest.raises(RepositoryTooLarge):
        await GitRun(engine, Remote(f"{server.url}/big.git")).tip()
    await engine.aclose()


async def test_scans_of_two_filters_do_not_mix(run: GitRun, fleet: BareRepository) -> None:
    fleet.commit({"b.txt": marked("1")})
    tip = await run.tip()
    await run.files(tip.commit)
    found = await run.engine.find_files(
        run.remote, tip.commit, "", is_wanted=lambda name: name.endswith(".txt"), has_marker=is_marked
    )
    assert [f.path for f in found] == ["b.txt"]
    assert is_yaml("Kustomization")


@pytest.mark.parametrize(("protocol", "gives"), [(0, False), (2, True)])
async def test_remote_says_whether_it_serves_commits_behind_its_tips(
    run: GitRun, server: GitServer, fleet: BareRepository, protocol: int, gives: bool
) -> None:
    fleet.git("config", "uploadpack.allowAnySHA1InWant", "false")
    server.protocol = protocol
    await run.tip()
    assert run.engine.can_fetch_any_commit(run.remote) is gives
