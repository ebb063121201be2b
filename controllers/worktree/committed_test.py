"""`controllers.worktree.committed`: what a commit holds where the work tree holds something else, held against Git."""

import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from controllers.worktree import committed as committed_module
from controllers.worktree.committed import CommittedContents, UnknownContent
from controllers.worktree.marked import MarkedFiles, find_marked_files
from controllers.worktree.paths import ask_git
from testing.gitserver import ENVIRONMENT, GIT

MARKED = b"image: web # MARK\nnext: line\n"
CRLF = MARKED.replace(b"\n", b"\r\n")


def git(folder: Path, *arguments: str, stdin: bytes = b"") -> bytes:
    command = [GIT, "-c", "protocol.file.allow=always", "-C", str(folder), *arguments]
    return subprocess.run(command, input=stdin, capture_output=True, check=True, env=ENVIRONMENT | AUTHOR).stdout


AUTHOR = {f"GIT_{who}_{what}": "a@example.com" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}


def repository(folder: Path, files: Mapping[str, bytes], *, commit: bool = True) -> Path:
    folder.mkdir(exist_ok=True)
    git(folder, "init", "-q", "-b", "main")
    write(folder, files)
    if commit:
        git(folder, "add", "-A")
        git(folder, "commit", "-q", "-m", "Start")
    return folder


def write(folder: Path, files: Mapping[str, bytes]) -> None:
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)


def committed(folder: Path, name: str = "a.yaml") -> bytes:
    """Return what is committed of a file as we see it; Git must agree once it is added."""
    contents = CommittedContents(folder, is_repository=True)
    index = (folder / ".git" / "index").read_bytes()
    seen = contents.read(name.encode(), (folder / name).read_bytes())
    assert (folder / ".git" / "index").read_bytes() == index
    git(folder, "add", name)
    assert git(folder, "cat-file", "blob", f":{name}") == seen
    return seen


@pytest.mark.parametrize(
    ("attributes", "work_tree", "wanted"),
    [
        (b"", CRLF, CRLF),
        (b"*.yaml eol=crlf\n", CRLF, MARKED),
        (b"* text=auto\n", CRLF, MARKED),
        (b"* text=auto\n*.yaml -text\n", CRLF, CRLF),
        (b"*.yaml text\n", CRLF + MARKED, MARKED + MARKED),
        (b"*.yaml working-tree-encoding=UTF-16 text\n", CRLF.decode().encode("utf-16"), MARKED),
        (b"*.yaml ident\n", b"# $Id: 123 $\n" + MARKED, b"# $Id$\n" + MARKED),
    ],
    ids=str,
)
@pytest.mark.parametrize("state", ["committed", "changed", "new"])
def test_conversions_are_those_of_git(
    tmp_path: Path, attributes: bytes, work_tree: bytes, wanted: bytes, state: str
) -> None:
    files = {".gitattributes": attributes, "b.txt": b"b: 1\n"}
    before = {"committed": {"a.yaml": work_tree}, "changed": {"a.yaml": b"a: 1\n".decode().encode("utf-16")
              if b"UTF" in attributes else b"a: 1\n"}, "new": {}}[state]  # fmt: skip
    folder = repository(tmp_path / "fleet", files | before)
    write(folder, {"a.yaml": work_tree})
    assert committed(folder) == wanted


def test_the_configuration_of_line_ends_counts(tmp_path: Path) -> None:
    folder = repository(tmp_path / "fleet", {"a.yaml": MARKED})
    git(folder, "config", "core.autocrlf", "true")
    (folder / "a.yaml").unlink()
    git(folder, "checkout", "-q", "--", "a.yaml")
    assert (folder / "a.yaml").read_bytes() == CRLF
    assert committed(folder) == MARKED


def with_filter(folder: Path, log: Path) -> Path:
    """Return a repository whose files are committed in capitals, by a program that leaves a trace."""
    repository(folder, {".gitattributes": b"*.yaml filter=loud\n"})
    git(folder, "config", "filter.loud.clean", f"touch {log}; tr a-z A-Z")
    git(folder, "config", "filter.loud.smudge", "tr A-Z a-z")
    git(folder, "config", "filter.loud.required", "true")
    write(folder, {"a.yaml": b"image: web # mark\n"})
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "Filtered")
    log.unlink()
    return folder


def test_of_a_filter_the_result_that_is_staged_counts_and_it_is_not_run(tmp_path: Path) -> None:
    folder = with_filter(tmp_path / "fleet", tmp_path / "log")
    contents = CommittedContents(folder, is_repository=True)
    assert contents.read(b"a.yaml", (folder / "a.yaml").read_bytes()) == b"IMAGE: WEB # MARK\n"
    write(folder, {"a.yaml": b"image: web # changed\n"})
    contents = CommittedContents(folder, is_repository=True)
    with pytest.raises(
        UnknownContent, match=r"through the filter 'loud', and has changes that are not staged: git add"
    ):
        contents.read(b"a.yaml", (folder / "a.yaml").read_bytes())
    assert not (tmp_path / "log").exists()


def test_markers_that_a_filter_hides_are_said(tmp_path: Path) -> None:
    folder = with_filter(tmp_path / "fleet", tmp_path / "log")
    found = find(folder, b"# mark")
    assert (found.files, [(one.path, one.reason) for one in found.unreadable]) == (
        [],
        [("a.yaml", "its markers are not in what is committed, which the filter 'loud' has made")],
    )


def test_a_filter_that_nobody_has_configured_changes_nothing(tmp_path: Path) -> None:
    folder = repository(tmp_path / "fleet", {".gitattributes": b"*.yaml filter=lfs\n", "a.yaml": MARKED})
    write(folder, {"a.yaml": CRLF})
    assert committed(folder) == CRLF


def find(folder: Path, marker: bytes = b"MARK", below: str = "") -> MarkedFiles:
    listed = git(folder, "ls-files", "-z").split(b"\0")[:-1]
    contents = CommittedContents(folder, is_repository=True)
    return find_marked_files(
        folder, listed, below, is_wanted=lambda name: name.endswith(".yaml"), has_marker=lambda data: marker in data,
        contents=contents,
    )  # fmt: skip


@pytest.mark.parametrize("partial", [False, True], ids=["whole", "partial clone"])
def test_files_outside_of_a_sparse_checkout_are_those_of_the_index(tmp_path: Path, partial: bool) -> None:
    origin = repository(
        tmp_path / "origin", {"apps/a.yaml": MARKED, "infra/b.yaml": b"b: " + MARKED, "infra/c.yaml": b"c: 1\n"}
    )
    git(origin, "config", "uploadpack.allowFilter", "true")
    options = ["--filter=blob:none"] if partial else []
    git(tmp_path, "clone", "-q", "--sparse", *options, origin.as_uri(), "fleet")
    folder = tmp_path / "fleet"
    git(folder, "sparse-checkout", "set", "apps")
    assert not (folder / "infra").exists()
    found = find(folder)
    names = [file.path for file in found.files]
    reasons = {one.path: one.reason for one in found.unreadable}
    if partial:
        missing = "it is not checked out, and its content is not in this partial clone: git sparse-checkout add it"
        assert (names, reasons) == (["apps/a.yaml"], {"infra/b.yaml": missing, "infra/c.yaml": missing})
    else:
        assert (names, reasons) == (["apps/a.yaml", "infra/b.yaml"], {})
        assert found.files[1].data == b"b: " + MARKED
        assert [file.path for file in find(folder, below="infra").files] == ["infra/b.yaml"]


def test_what_is_removed_is_not_looked_up(tmp_path: Path) -> None:
    folder = repository(tmp_path / "fleet", {".gitattributes": b"* eol=crlf\n", "a.yaml": MARKED, "b.yaml": CRLF})
    (folder / "a.yaml").unlink()
    assert [file.path for file in find(folder).files] == ["b.yaml"]


def test_an_edit_keeps_the_line_ends_of_the_work_tree(tmp_path: Path) -> None:
    folder = repository(tmp_path / "fleet", {".gitattributes": b"*.yaml eol=crlf\n*.txt ident\n", "a.yaml": CRLF})
    contents = CommittedContents(folder, is_repository=True)
    new = MARKED.replace(b"web", b"app")
    assert contents.to_work_tree(b"a.yaml", CRLF, new) == CRLF.replace(b"web", b"app")
    assert contents.to_work_tree(b"a.yaml", MARKED, new) == new
    assert contents.why_read_only(b"a.yaml") == ""


@pytest.mark.parametrize("is_staged", [True, False])
def test_large_files_beside_the_one_that_is_asked_for_are_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, is_staged: bool
) -> None:
    size = 40_000
    monkeypatch.setattr(committed_module, "_GROUP_BYTES", size)
    large = {f"b{number}.bin": bytes([number]) + b"\r\n" * (size // 2) for number in range(4)}
    folder = repository(tmp_path / "fleet", {".gitattributes": b"* eol=crlf\n", "a.yaml": CRLF, "c.yaml": CRLF})
    write(folder, large)
    if is_staged:
        git(folder, "add", "-A")
    contents = CommittedContents(folder, is_repository=True)
    asked: list[tuple[str, ...]] = []
    answered: list[int] = []

    def ask(at: Path, *arguments: str, **options: Any) -> bytes:
        answer = ask_git(at, *arguments, **options)
        asked.append(arguments)
        answered.append(len(answer))
        return answer

    monkeypatch.setattr(committed_module, "ask_git", ask)
    assert contents.read(b"a.yaml", CRLF) == MARKED
    assert contents.read(b"c.yaml", CRLF) == MARKED
    assert max(answered) < size + 1000
    assert not [arguments for arguments in asked if arguments[0] == "hash-object"]
    assert len([arguments for arguments in asked if arguments[0] == "cat-file"]) == 2, "one look for both"
    assert contents.read(b"b3.bin", large["b3.bin"]) == large["b3.bin"].replace(b"\r\n", b"\n")
