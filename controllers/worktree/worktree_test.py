"""`controllers.worktree`: it finds in a checkout what a run finds in the commit of that checkout."""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest
from dulwich.object_store import DiskObjectStore

from controllers.git.errors import PathMissing, PathOutside
from controllers.git.objects.scan import FileFilter, ScanCache, find_marked_files
from controllers.worktree import marked
from controllers.worktree.errors import WorkTreeError
from controllers.worktree.marked import MarkedFiles
from controllers.worktree.paths import WorkTree, open_worktree
from hack.githttp import GIT
from testing.gitserver import ENVIRONMENT

MARK = b"MARK"


def has_mark(data: bytes) -> bool:
    return MARK in data


def is_yaml(name: str) -> bool:
    return name.endswith(".yaml")


def git(folder: Path, *arguments: str) -> str:
    done = subprocess.run([GIT, "-C", str(folder), *arguments], capture_output=True, check=True, env=ENVIRONMENT)
    return done.stdout.decode("utf-8", "surrogateescape").strip()


def write(root: Path, files: Mapping[str, bytes | str]) -> None:
    """Write files; a text is the target of a link."""
    for name, content in files.items():
        path = os.path.join(os.fsencode(root), os.fsencode(name))
        os.makedirs(os.path.dirname(path), exist_ok=True)
        if isinstance(content, str):
            os.symlink(os.fsencode(content), path)
        else:
            with open(path, "wb") as file:
                file.write(content)


def repository(root: Path, files: Mapping[str, bytes | str]) -> WorkTree:
    root.mkdir()
    git(root, "init", "-q", "-b", "main")
    write(root, files)
    git(root, "add", "-A")
    git(root, "commit", "-q", "-m", "Start")
    return open_worktree(root)


def find(tree: WorkTree, below: str = "") -> MarkedFiles:
    return marked.find_marked_files(tree.root, tree.list_files(), below, is_wanted=is_yaml, has_marker=has_mark)


def in_commit(tree: WorkTree, below: str) -> list[tuple[str, str, bytes]]:
    store = DiskObjectStore(str(tree.root / ".git" / "objects"))

    def read(object_id: str, kind: str) -> bytes:
        return store[object_id.encode()].as_raw_string()  # type: ignore[index]  # an id

    root = git(tree.root, "rev-parse", "HEAD^{tree}")
    found = find_marked_files(read, root, below, file_filter=FileFilter(is_yaml, has_mark), cache=ScanCache())
    return [(file.path, file.target, file.data) for file in found]


LINKED: Mapping[str, bytes | str] = {
    "a-b.yaml": b"MARK 1",
    "a/x.yaml": b"MARK 2",
    "a/z.txt": b"MARK in no YAML",
    "a/none.yaml": b"nothing",
    "a.yaml": b"MARK 3",
    "a/up.yaml": "../a.yaml",
    "a/same.yaml": "x.yaml",
    "a/text.yaml": "z.txt",
    "folder.yaml": "a",
    "loop1.yaml": "loop2.yaml",
    "loop2.yaml": "loop1.yaml",
    "chain.yaml": "folder.yaml/same.yaml",
    "gone.yaml": "missing.yaml",
    "out.yaml": "../../etc/hostname.yaml",
    "absolute.yaml": "/etc/hostname.yaml",
    "link": "a/b",
    "a/b/deep.yaml": b"MARK 4",
    "bad\udcff.yaml": b"MARK 5",
    "line\nbreak.yaml": b"MARK 6",
}


@pytest.mark.parametrize("below", ["", "a", "./a", "/a", "a/b", "link", "a/x.yaml", "a/up.yaml", "folder.yaml"])
def test_a_checkout_has_the_files_that_its_commit_has(tmp_path: Path, below: str) -> None:
    tree = repository(tmp_path / "fleet", LINKED)
    found = [(file.path, file.target, file.data) for file in find(tree, below).files]
    assert found == in_commit(tree, below)
    assert found or below == "a/up.yaml"


@pytest.mark.parametrize(("below", "error"), [("../", PathOutside), ("nowhere", PathMissing)])
def test_a_path_that_a_run_refuses_is_refused(tmp_path: Path, below: str, error: type[Exception]) -> None:
    tree = repository(tmp_path / "fleet", LINKED)
    with pytest.raises(error):
        in_commit(tree, below)
    with pytest.raises(WorkTreeError):
        find(tree, below)


def test_changes_that_are_not_committed_count_and_ignored_files_do_not(tmp_path: Path) -> None:
    tree = repository(tmp_path / "fleet", {"a.yaml": b"MARK", "b.yaml": b"MARK", ".gitignore": b"build/\n"})
    write(tree.root, {"a.yaml": b"MARK changed", "new.yaml": b"MARK", "build/c.yaml": b"MARK"})
    (tree.root / "b.yaml").unlink()
    assert [(file.path, file.data) for file in find(tree).files] == [("a.yaml", b"MARK changed"), ("new.yaml", b"MARK")]


def test_a_folder_inside_a_checkout_leads_to_the_checkout(tmp_path: Path) -> None:
    tree = repository(tmp_path / "fleet", {"a/b/c.yaml": b"MARK"})
    assert open_worktree(tree.root / "a" / "b") == tree


def test_a_folder_without_repository_is_walked(tmp_path: Path) -> None:
    write(tmp_path, {"a/x.yaml": b"MARK", "a/link.yaml": "x.yaml", "a/loop": "..", "b.yaml": b"none"})
    tree = open_worktree(tmp_path)
    assert not tree.is_repository
    assert [file.path for file in find(tree).files] == ["a/link.yaml", "a/x.yaml"]


def test_files_of_submodules_are_left_alone(tmp_path: Path) -> None:
    module = repository(tmp_path / "module", {"m.yaml": b"MARK"})
    tree = repository(tmp_path / "fleet", {"a.yaml": b"MARK"})
    git(tree.root, "-c", "protocol.file.allow=always", "submodule", "add", "-q", str(module.root), "sub")
    assert [file.path for file in find(tree).files] == ["a.yaml"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_an_unreadable_file_is_named_and_the_others_are_found(tmp_path: Path) -> None:
    write(tmp_path, {"a.yaml": b"MARK", "b.yaml": b"MARK"})
    (tmp_path / "a.yaml").chmod(0)
    found = find(open_worktree(tmp_path))
    assert [file.path for file in found.files] == ["b.yaml"]
    assert [(entry.path, entry.reason) for entry in found.unreadable] == [("a.yaml", "Permission denied")]


def test_a_huge_file_is_searched_and_not_loaded(tmp_path: Path) -> None:
    for name, mark in (("with.yaml", marked.MARKER_KEY), ("without.yaml", b"")):
        with (tmp_path / name).open("wb") as file:
            file.truncate(marked.MAX_FILE_BYTES + 1)  # sparse
            file.seek(1 << 20)
            file.write(mark)
    found = find(open_worktree(tmp_path))
    assert (found.files, [entry.path for entry in found.unreadable]) == ([], ["with.yaml"])
    assert found.unreadable[0].reason == "has markers and more than 128 MiB"


def test_what_is_no_checkout_is_named(tmp_path: Path) -> None:
    bare = tmp_path / "bare.git"
    git(tmp_path, "init", "-q", "--bare", str(bare))
    (tmp_path / "file").touch()
    for path, message in (
        (bare, "is a bare repository, which has no files to look at: give a checkout"),
        (tmp_path / "file", "is not a folder"),
        (tmp_path / "none", "there is no folder"),
    ):
        with pytest.raises(WorkTreeError, match=message):
            open_worktree(path)


def test_remotes_are_listed(tmp_path: Path) -> None:
    tree = repository(tmp_path / "fleet", {"a.yaml": b""})
    git(tree.root, "remote", "add", "origin", "https://git.example.com/fleet.git")
    assert tree.remotes() == ["https://git.example.com/fleet.git"]


def test_another_repository_of_the_environment_does_not_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Git runs its hooks with variables that name the repository it works on."""
    other = repository(tmp_path / "other", {"other.yaml": b"MARK"})
    tree = repository(tmp_path / "fleet", {"a/x.yaml": b"MARK"})
    monkeypatch.setenv("GIT_DIR", str(other.root / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(other.root))
    monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("GIT_PREFIX", "a/")
    assert open_worktree(tree.root / "a") == tree
    assert [file.path for file in find(tree).files] == ["a/x.yaml"]


def test_a_second_worktree_and_a_detached_head_are_checkouts(tmp_path: Path) -> None:
    tree = repository(tmp_path / "fleet", {"a.yaml": b"MARK"})
    git(tree.root, "worktree", "add", "-q", "--detach", str(tmp_path / "second"))
    second = open_worktree(tmp_path / "second")
    assert (second.root, second.is_repository) == (tmp_path / "second", True)
    assert [file.path for file in find(second).files] == ["a.yaml"]
    assert second.head() == tree.head() == git(tree.root, "rev-parse", "HEAD")


def test_a_submodule_is_a_checkout_of_its_own(tmp_path: Path) -> None:
    module = repository(tmp_path / "module", {"m.yaml": b"MARK"})
    tree = repository(tmp_path / "fleet", {"a.yaml": b"MARK"})
    git(tree.root, "-c", "protocol.file.allow=always", "submodule", "add", "-q", str(module.root), "sub")
    assert [file.path for file in find(open_worktree(tree.root / "sub")).files] == ["m.yaml"]


@pytest.mark.parametrize("is_repository", [True, False])
def test_what_is_no_file_is_not_waited_for(tmp_path: Path, is_repository: bool) -> None:
    (tmp_path / "fleet").mkdir()
    tree = (
        repository(tmp_path / "git", {"a.yaml": b"MARK", "pipe.yaml": b"MARK"})
        if is_repository
        else open_worktree(tmp_path / "fleet")
    )
    write(tree.root, {} if is_repository else {"a.yaml": b"MARK"})
    for name in ("pipe.yaml", "new.yaml"):
        (tree.root / name).unlink(missing_ok=True)
        os.mkfifo(tree.root / name)
    write(tree.root, {"link.yaml": "new.yaml"})
    assert [file.path for file in find(tree).files] == ["a.yaml"]


def test_tips_of_a_branch_here_and_on_remotes(tmp_path: Path) -> None:
    tree = repository(tmp_path / "fleet", {"a.yaml": b"MARK"})
    first = tree.head()
    git(tree.root, "update-ref", "refs/remotes/origin/updates/images", first)
    git(tree.root, "commit", "-q", "--allow-empty", "-m", "More")
    git(tree.root, "branch", "updates/images")
    assert tree.branch_tips("updates/images") == {first, tree.head()}
    assert tree.branch_tips("images") == tree.branch_tips("updates") == set()


def test_a_folder_and_an_empty_repository_have_no_commit(tmp_path: Path) -> None:
    folder = open_worktree(tmp_path)
    assert (folder.head(), folder.branch_tips("main")) == ("", set())
    git(tmp_path, "init", "-q", "-b", "main")
    empty = open_worktree(tmp_path)
    assert (empty.is_repository, empty.head(), empty.branch_tips("main")) == (True, "", set())
