"""`controllers.git.engine`: files that a repository does not have yet, and repositories without a commit."""

import pytest

from controllers.git.conftest import BOT, WHEN, GitRun, marked
from controllers.git.engine import GitEngine
from controllers.git.errors import BadPath, PathTaken, RefMoved
from controllers.git.objects.commits import CommitText
from controllers.git.protocol.refspec import RefUpdate
from controllers.git.remote import Remote
from testing.gitserver import BareRepository, GitServer

ABOUT = CommitText(BOT, "Add manifests", WHEN)
FILES = {"clusters/main/flux-system/sync.yaml": b"a: 1\n", "top.yaml": b"b: 2\n"}


async def test_files_are_made_with_their_folders(run: GitRun, fleet: BareRepository) -> None:
    tip = await run.tip()
    new = await run.engine.commit_files(run.remote, tip.commit, {**FILES, "app.yaml": b"c: 3\n"}, ABOUT)
    assert new is not None
    await run.push(new)
    for path, content in {**FILES, "app.yaml": b"c: 3\n", "README.md": b"# fleet\n"}.items():
        assert fleet.read(path) == content
    assert fleet.git("ls-tree", "main", "top.yaml").startswith("100644 blob ")
    fleet.git("fsck", "--strict")
    assert await run.engine.commit_files(run.remote, new.id, FILES, ABOUT) is None


@pytest.mark.parametrize(
    ("object_format", "protocol"),
    [("sha1", 0), ("sha1", 2), ("sha256", 2)],  # an empty repository says its format in version 2 only
)
async def test_the_first_commit_of_a_repository(
    engine: GitEngine, server: GitServer, object_format: str, protocol: int
) -> None:
    server.protocol = protocol
    empty = server.repository("empty", object_format=object_format)
    remote = Remote(f"{server.url}/empty.git")
    assert (await engine.list_refs(remote)).values == {}
    new = await engine.commit_files(remote, "", FILES, ABOUT)
    assert new is not None
    assert await engine.push(remote, new, [RefUpdate("refs/heads/main", new.id, None)]) == ("refs/heads/main",)
    assert (empty.head(), empty.read("top.yaml")) == (new.id, b"b: 2\n")
    assert empty.git("rev-list", "--count", "main") == "1"
    empty.git("fsck", "--strict")
    second = await engine.commit_files(remote, new.id, {"more.yaml": b""}, ABOUT)
    assert second is not None
    await engine.push(remote, second, [RefUpdate("refs/heads/main", second.id, new.id)])
    assert empty.git("rev-list", "--count", "main") == "2"


async def test_a_first_commit_does_not_replace_that_of_somebody_faster(
    engine: GitEngine, server: GitServer, object_format: str
) -> None:
    contested = server.repository("contested", object_format=object_format)
    remote = Remote(f"{server.url}/contested.git")
    await engine.list_refs(remote)
    new = await engine.commit_files(remote, "", FILES, ABOUT)
    theirs = contested.commit({"app.yaml": marked("1.0.0")})
    assert new is not None
    with pytest.raises(RefMoved):
        await engine.push(remote, new, [RefUpdate("refs/heads/main", new.id, None)])
    assert contested.head() == theirs


@pytest.mark.parametrize(
    ("path", "taken"),
    [("app.yaml/x.yaml", "app.yaml"), ("link/x.yaml", "link"), ("folder", "folder"), ("link", "link")],
)
async def test_what_is_no_file_or_folder_is_not_replaced(
    path: str, taken: str, run: GitRun, fleet: BareRepository
) -> None:
    fleet.commit({"folder/a.yaml": "a: 1\n", "link": ("120000", "folder")})
    tip = await run.tip()
    with pytest.raises(PathTaken, match=f"^{taken}: is there already"):
        await run.engine.commit_files(run.remote, tip.commit, {path: b"x"}, ABOUT)


@pytest.mark.parametrize(
    "path", [".git/hooks/x", "a/.GIT/x", "a/../x", "./x", "/x", "a//x", "a/git~1", "a/.g\u200cit", "x/"]
)
async def test_what_nobody_could_check_out_is_not_committed(path: str, run: GitRun) -> None:
    tip = await run.tip()
    with pytest.raises(BadPath):
        await run.engine.commit_files(run.remote, tip.commit, {path: b"x"}, ABOUT)


async def test_files_are_read_where_they_are(run: GitRun, fleet: BareRepository) -> None:
    fleet.commit({"link.yaml": ("120000", "app.yaml"), "out.yaml": ("120000", "../secret")})
    tip = await run.tip()
    paths = ["app.yaml", "link.yaml", "out.yaml", "missing", "README.md/x", ""]
    assert await run.engine.read_files(run.remote, tip.commit, paths) == {
        "app.yaml": marked("1.0.0").encode(), "link.yaml": marked("1.0.0").encode(),
    }  # fmt: skip
