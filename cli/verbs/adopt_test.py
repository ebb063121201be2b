"""`tagline adopt`, as its users meet it."""

import asyncio
import errno
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cli.main import main
from controllers.adoption.survey import Adoption, write_markers
from testing.registry_server import RegistryHandler, run_server

WEB = """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  template:
    spec:
      containers:
      - name: web
        image: ghcr.io/org/web:1.4.2   # pinned
      - name: proxy
        image: nginx:1.25-alpine
"""
VALUES = "image:\n  repository: ghcr.io/org/api\n  tag: v2.0.1\n"
Adopt = Callable[..., tuple[int, str, str]]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = tmp_path / "fleet"
    root.mkdir()
    (root / "apps").mkdir()
    (root / "apps" / "web.yaml").write_text(WEB)
    (root / "apps" / "values.yaml").write_text(VALUES)
    subprocess.run(["git", "init", "-q", "-b", "live", "."], cwd=root, check=True)
    monkeypatch.chdir(root)
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))
    return root


@pytest.fixture
def adopt(folder: Path, capsys: pytest.CaptureFixture[str]) -> Adopt:
    def run(*argv: str, online: bool = False) -> tuple[int, str, str]:
        status = main(["adopt", *([] if online else ["--offline"]), *argv])
        shown = capsys.readouterr()
        return status, shown.out, shown.err

    return run


def read(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file() and ".git" not in path.parts)
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def test_it_shows_objects_reasons_and_a_diff_that_git_applies(adopt: Adopt, folder: Path) -> None:
    before = read(folder)
    status, out, _ = adopt()
    assert status == 0
    assert read(folder) == before
    assert "ghcr.io/org/api: v2.0.1 → semver ^2\n  why: 2.0.1 is a semantic version" in out
    assert "apps/web.yaml:10: Deployment/web, ghcr.io/org/web:1.4.2: a comment is behind the value already" in out
    assert "+kind: ImageUpdateAutomation\n" in out
    assert "+        branch: live\n" in out
    subprocess.run(["git", "apply", "-"], input=out.encode(), check=True)
    applied = read(folder)
    subprocess.run(["git", "apply", "-R", "-"], input=out.encode(), check=True)
    assert read(folder) == before
    assert adopt("--write")[0] == 0
    assert read(folder) == applied


def test_a_second_run_proposes_nothing(adopt: Adopt, folder: Path) -> None:
    adopt("--write")
    written = read(folder)
    assert b'tag: v2.0.1 # {"$imagepolicy": "flux-system:api:tag"}\n' in written["apps/values.yaml"]
    status, out, _ = adopt("--write")
    assert status == 0
    assert "Nothing to adopt; places that have a marker already: 2." in out
    assert read(folder) == written


def test_later_places_join_the_objects_that_exist(adopt: Adopt, folder: Path) -> None:
    adopt("--write")
    first = (folder / "image-automation.yaml").read_bytes()
    (folder / "apps" / "more.yaml").write_text(VALUES + "b:\n  image: quay.io/x/y:1.0.0\n")
    adopt("--write")
    assert b'"flux-system:api:tag"' in (folder / "apps" / "more.yaml").read_bytes()
    second = (folder / "image-automation.yaml").read_bytes()
    assert second.startswith(first + b"---\n")
    assert second.count(b"kind: ImageUpdateAutomation") == 1
    assert second.count(b"image: ghcr.io/org/api\n") == 1


def test_a_part_of_a_repository_sees_the_objects_of_all_of_it(adopt: Adopt, folder: Path) -> None:
    adopt("--write")
    (folder / "apps" / "more.yaml").write_text(VALUES)
    _, out, _ = adopt("apps/more.yaml")
    assert "policy flux-system/api, which exists, for apps/more.yaml:3" in out
    assert "diff --git a/apps/more.yaml b/apps/more.yaml" in out
    assert "image-automation.yaml" not in out


def test_namespace_and_source_are_those_of_the_repository(adopt: Adopt, folder: Path) -> None:
    (folder / "source.yaml").write_text(
        "apiVersion: source.toolkit.fluxcd.io/v1\nkind: GitRepository\nmetadata: {name: fleet, namespace: infra}\n"
        "spec: {url: https://example.com/fleet.git, interval: 1m}\n"
    )
    _, out, _ = adopt("-o", "yaml")
    assert "    name: fleet\n" in out
    assert "  namespace: infra\n" in out
    assert "flux-system" not in out


@pytest.mark.parametrize(
    ("argv", "images"),
    [
        (["--only", "ghcr.io/*"], {"ghcr.io/org/api"}),
        (["--only", "docker.io/library/nginx"], {"nginx"}),
        (["--skip", "nginx"], {"ghcr.io/org/api"}),
        (["--policy", "nginx=skip"], {"ghcr.io/org/api"}),
    ],
    ids=" ".join,
)
def test_images_are_chosen_by_globs(argv: list[str], images: set[str], adopt: Adopt) -> None:
    _, out, _ = adopt("-o", "json", *argv)
    assert {policy["image"] for policy in json.loads(out)["policies"]} == images


@pytest.mark.parametrize(
    ("policy", "field"),
    [
        ("ghcr.io/org/api=~2.0", "    semver:\n      range: ~2.0\n"),
        ("ghcr.io/*=alphabetical:desc", "    alphabetical:\n      order: desc\n"),
        ("*=newest:BuildDate", "    newest:\n      by: BuildDate\n"),
    ],
)
def test_policies_may_be_given(policy: str, field: str, adopt: Adopt) -> None:
    _, out, _ = adopt("-o", "yaml", "--policy", policy, "--only", "ghcr.io/org/api")
    assert field in out


def test_tags_are_asked_for(adopt: Adopt, folder: Path) -> None:
    (folder / "tags").write_text("v2.0.1\nv2.3.0\nv3.0.0\n2.9.0\n")
    _, out, _ = adopt("--only", "ghcr.io/org/api", "--tags", "ghcr.io/org/api=tags", online=True)
    assert "  now: v2.3.0\n" in out
    assert "only those with it count" in out
    (folder / "tags").write_text("v2.3.0\n")
    _, out, _ = adopt("--only", "ghcr.io/org/api", "--tags", "ghcr.io/org/api=tags")
    assert "note: the registry has no tag v2.0.1, which is in use" in out


async def test_registries_are_asked(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    registry = RegistryHandler({"org/app": ["1.0.0", "1.2.0", "2.0.0"]})
    async with run_server(registry) as server:
        (folder / "apps" / "web.yaml").write_text(f"image: {server.address}/org/app:1.0.0\n")
        (folder / "apps" / "values.yaml").write_text(f"image: {server.address}/org/gone:1.0.0\n")
        status = await asyncio.to_thread(main, ["adopt"])
    out = capsys.readouterr().out
    assert status == 1
    assert "  now: 1.2.0\n" in out
    assert f"not checked: {server.address}/org/gone: " in out


def test_a_registry_that_is_away_costs_only_the_check(adopt: Adopt, folder: Path) -> None:
    (folder / "apps" / "web.yaml").unlink()
    (folder / "apps" / "values.yaml").write_text("image: 127.0.0.1:1/org/app:1.0.0\n")
    status, out, _ = adopt("--write", online=True)
    assert status == 1
    assert "not checked: 127.0.0.1:1/org/app: " in out
    assert b"$imagepolicy" in (folder / "apps" / "values.yaml").read_bytes()


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["missing"], "missing: there is no such file or folder"),
        (["bare"], "bare is a bare repository"),
        (["-i"], "--interactive needs a terminal to ask on"),
        (["--policy", "nginx"], "'nginx' is not of the form IMAGE=POLICY"),
        (["--policy", "nginx=^1.2.3.4"], "improper constraint"),
        (["--policy", "nginx=numerical:up"], "the order is asc or desc"),
        (["--tags", "nginx=missing"], "cannot read the tags in missing: No such file"),
    ],
    ids=str,
)
def test_bad_requests(argv: list[str], message: str, adopt: Adopt, folder: Path) -> None:
    subprocess.run(["git", "init", "-q", "--bare", "bare"], cwd=folder, check=True)
    status, out, err = adopt(*argv)
    assert status == 2
    assert out == ""
    assert message in err


def test_bad_files_are_named_and_harm_no_other(adopt: Adopt, folder: Path) -> None:
    (folder / "apps" / "bad.yaml").write_text("a: b\nimage: [\n")
    (folder / "apps" / "latin.yaml").write_bytes(b"image: o/a:1\nb: \xe9\n")
    os.symlink(".", folder / "loop")
    os.symlink("loop.yaml", folder / "loop.yaml")
    os.mkfifo(folder / "pipe.yaml")
    with (folder / "huge.yaml").open("wb") as file:
        file.truncate(1 << 30)
    inner = folder / "inner"
    subprocess.run(["git", "init", "-q", str(inner)], check=True)
    (inner / "a.yaml").write_text("image: o/inner:1.0.0\n")
    status, out, _ = adopt()
    assert status == 1
    assert "apps/bad.yaml:3: left out, for it cannot be read" in out
    assert "apps/latin.yaml:2: left out, for it cannot be read: it is not UTF-8" in out
    assert "huge.yaml: left out: larger than 10 MiB" in out
    assert "o/inner" not in out
    assert "loop" not in out
    assert "ghcr.io/org/api: v2.0.1 → semver ^2" in out


def test_ignored_and_hidden_files_are_left_out(adopt: Adopt, folder: Path) -> None:
    (folder / ".gitignore").write_text("out/\n")
    for name in ("out", ".github"):
        (folder / name).mkdir()
        (folder / name / "a.yaml").write_text(f"image: o/{name.strip('.')}:1.0.0\n")
    assert "o/out" not in adopt()[1]
    assert "o/github" not in adopt()[1]
    assert "o/github" in adopt("--hidden")[1]


def test_hooks_of_git_do_not_mislead(adopt: Adopt, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / ".gitignore").write_text("out/\n")
    (folder / "apps" / "out").mkdir()
    (folder / "apps" / "out" / "a.yaml").write_text("image: o/out:1.0.0\n")
    monkeypatch.setenv("GIT_DIR", ".git")
    assert "o/out" not in adopt("apps")[1]


def test_what_is_written_is_clean(adopt: Adopt, folder: Path) -> None:
    adopt("--write")
    assert main(["lint", "--strict", "--flux"]) == 0


def test_ten_thousand_images(adopt: Adopt, folder: Path) -> None:
    (folder / "apps" / "many.yaml").write_text("".join(f"a{n}:\n  image: o/i{n}:1.0.0\n" for n in range(10_000)))
    _, out, _ = adopt("--write", "-o", "json")
    assert len(json.loads(out)["policies"]) == 10_002  # and two of the others
    assert "Nothing to adopt" in adopt("-o", "summary")[1]


def test_a_folder_that_is_no_repository(adopt: Adopt, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "plain").mkdir()
    monkeypatch.chdir(tmp_path / "plain")
    assert adopt() == (0, "Nothing to adopt.\n", "")
    Path("a.yaml").write_text("image: o/a:1.0.0\n")
    _, out, _ = adopt("--write")
    assert "assumed: the branch is main; --branch says otherwise" in out
    assert b'"flux-system:a"' in Path("a.yaml").read_bytes()


def test_a_failed_write_changes_nothing(adopt: Adopt, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = read(folder)

    def fail(path: object, mode: int) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("cli.file_writing.os.chmod", fail)
    status, _, err = adopt("--write")
    assert status == 1
    assert "nothing was written: " in err
    assert "Permission denied" in err
    assert read(folder) == before


def everything(folder: Path) -> dict[str, object]:
    """Return all that a folder has: folders, links and files with their content."""
    paths = (path for path in folder.rglob("*") if ".git" not in path.parts)
    return {
        path.relative_to(folder).as_posix(): os.readlink(path)
        if path.is_symlink()
        else path.is_file() and path.read_bytes()
        for path in paths
    }


@pytest.mark.parametrize("options", [["--write"], []], ids=str)
@pytest.mark.parametrize(
    ("objects", "said"),
    [
        ("apps", "apps: a folder: name a file in it"),
        ("link.yaml", "link.yaml: a symbolic link, through which nothing is written"),
        ("dangling.yaml", "dangling.yaml: a symbolic link"),
        ("away/new.yaml", "away: a symbolic link"),
        ("apps/pipe", "apps/pipe: no file: name another one"),
        ("apps/web.yaml/new.yaml", "apps/web.yaml/new.yaml: Not a directory"),
    ],
)
def test_objects_go_to_files_alone(
    adopt: Adopt, folder: Path, tmp_path: Path, objects: str, said: str, options: list[str]
) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "a.yaml").write_text("secret: of somebody\n")
    os.symlink("../outside/a.yaml", folder / "link.yaml")
    os.symlink("../outside/none.yaml", folder / "dangling.yaml")
    os.symlink("../outside", folder / "away")
    os.mkfifo(folder / "apps" / "pipe")
    before = everything(tmp_path)
    status, out, err = adopt(*options, "--objects", objects)
    assert (status, out) == (2, "")
    assert said in err
    assert everything(tmp_path) == before


def test_the_file_of_objects_may_not_be_a_link_that_a_repository_has(adopt: Adopt, folder: Path) -> None:
    (folder.parent / "private").write_text("kind: Private\n")
    os.symlink("../private", folder / "image-automation.yaml")
    before = everything(folder.parent)
    for argv in ([], ["--write"], ["-i"]):
        status, out, err = adopt(*argv)
        assert (status, "Private" in out + err) == (2, False)
    assert everything(folder.parent) == before


@pytest.mark.parametrize("broken", range(3))
def test_a_write_that_fails_half_way_is_undone(
    adopt: Adopt, folder: Path, monkeypatch: pytest.MonkeyPatch, broken: int
) -> None:
    for path in folder.rglob("*.yaml"):
        path.chmod(0o640)
    before, replace, calls = everything(folder), os.replace, []

    def fail(source: str, target: Path) -> None:
        calls.append(str(target))
        if len(calls) == broken + 1:
            raise OSError(errno.EIO, "Input/output error", source)
        replace(source, target)

    monkeypatch.setattr("cli.file_writing.os.replace", fail)
    status, _, err = adopt("--write", "--objects", "new/folder/objects.yaml")
    assert status == 1
    assert err == f"nothing was written: {calls[broken]}: Input/output error\n"
    assert everything(folder) == before
    assert (folder / "apps" / "web.yaml").stat().st_mode & 0o777 == 0o640


def test_names_may_be_as_long_as_the_file_system_allows(adopt: Adopt, folder: Path) -> None:
    name = "ä" * 124 + ".yaml"
    (folder / name).write_text("image: o/long:1.0.0\n")
    assert adopt("--write")[0] == 0
    assert b"$imagepolicy" in (folder / name).read_bytes()


def test_what_cannot_be_undone_is_named_with_the_place_of_the_old_content(
    adopt: Adopt, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    values, replace = (folder / "apps" / "values.yaml").read_bytes(), os.replace

    def fail(source: str, target: Path) -> None:
        if target.name == "values.yaml" and b"$imagepolicy" in Path(source).read_bytes():
            replace(source, target)
        else:
            raise OSError(errno.EROFS, "Read-only file system", source)

    monkeypatch.setattr("cli.file_writing.os.replace", fail)
    status, _, err = adopt("--write")
    assert status == 1
    assert "nothing was written" not in err
    assert err.startswith("apps/web.yaml: Read-only file system; these files were written before that and")
    kept = re.search(r"apps/values.yaml \(its old content is in ([^)]+)\)", err)
    assert kept
    assert Path(kept[1]).read_bytes() == values


def test_a_reader_that_leaves_early(adopt: Adopt, folder: Path) -> None:
    (folder / "apps" / "many.yaml").write_text("".join(f"a{n}:\n  image: o/i{n}:1.0.0\n" for n in range(2_000)))
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    command = f"{sys.executable} -m cli.main adopt --offline --write | head -1"
    bash = ["bash", "-o", "pipefail", "-c", command]
    done = subprocess.run(bash, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == "o/i0: 1.0.0 → semver ^1\n"
    assert done.stderr.startswith("wrote apps/many.yaml, ")
    assert b"$imagepolicy" in (folder / "apps" / "many.yaml").read_bytes()


def test_a_broken_file_of_objects_is_not_added_to(adopt: Adopt, folder: Path) -> None:
    (folder / "image-automation.yaml").write_text("a: [\n")
    before = read(folder)
    status, _, err = adopt("--write")
    assert status == 2
    assert "image-automation.yaml cannot be added to: " in err
    assert read(folder) == before


def test_one_file_without_a_repository(adopt: Adopt, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "plain").mkdir()
    monkeypatch.chdir(tmp_path / "plain")
    Path("a.yaml").write_text("image: o/a:1.0.0\n")
    Path("b.yaml").write_text("image: o/b:1.0.0\n")
    for name in ("a.yaml", "b.yaml"):
        adopt("--write", name)
    written = Path("image-automation.yaml").read_text()
    assert written.count("kind: ImageUpdateAutomation") == 1
    assert written.count("kind: ImagePolicy") == 2
    Path("c.yaml").write_text("image: o/a:1.1.0\n")
    assert "policy flux-system/a, which exists" in adopt("c.yaml")[1]


def test_automations_that_look_elsewhere_are_named(adopt: Adopt, folder: Path) -> None:
    adopt("--write")
    objects = folder / "image-automation.yaml"
    objects.write_text(objects.read_text().replace("path: ./", "path: ./clusters"))
    (folder / "apps" / "more.yaml").write_text(VALUES)
    assert "note: apps/more.yaml: no automation looks there; extend the update.path of one\n" in adopt()[1]


def test_nothing_of_a_file_commands_the_terminal(adopt: Adopt, folder: Path) -> None:
    (folder / "apps" / "web.yaml").write_text('kind: "\\e]0;owned\\a"\nimage: {repository: o/a, tag: 1.0.0}\n')
    assert "apps/web.yaml:2: \\x1b]0;owned\\x07, o/a:1.0.0: " in adopt("-o", "summary")[1]


def test_permissions_stay(adopt: Adopt, folder: Path) -> None:
    (folder / "apps" / "values.yaml").chmod(0o640)
    adopt("--write")
    assert (folder / "apps" / "values.yaml").stat().st_mode & 0o777 == 0o640


def test_ctrl_c_leaves_nothing_half_done(adopt: Adopt, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = read(folder)

    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("cli.adoption_run.write_markers", interrupt)
    assert adopt("--write") == (130, "", "interrupted\n")
    assert read(folder) == before


@pytest.mark.parametrize("text", [VALUES + "replicas: 2\n", None], ids=["edited", "deleted"])
def test_what_somebody_does_to_a_file_meanwhile_is_not_written_over(
    adopt: Adopt, folder: Path, monkeypatch: pytest.MonkeyPatch, text: str | None
) -> None:
    """Questions and registries take minutes, in which an editor may save."""
    file = folder / "apps" / "values.yaml"

    def meanwhile(*arguments: Any, **others: Any) -> Adoption:
        file.unlink() if text is None else file.write_text(text)
        return write_markers(*arguments, **others)

    monkeypatch.setattr("cli.adoption_run.write_markers", meanwhile)
    status, out, err = adopt("--write")
    assert (status, out) == (1, "")
    assert err == "nothing was written: apps/values.yaml has changed since it was read: run this again\n"
    want = {"apps/web.yaml": WEB.encode()} | ({"apps/values.yaml": text.encode()} if text else {})
    assert read(folder) == want


def test_what_another_tool_was_told(adopt: Adopt, folder: Path) -> None:
    (folder / "renovate.json").write_text(
        json.dumps(
            {
                "packageRules": [
                    {"matchPackageNames": ["ghcr.io/org/api"], "allowedVersions": "<2.5", "automerge": True},
                    {"matchPackageNames": ["nginx"], "enabled": False},
                ]
            }
        )
    )
    _, out, _ = adopt("--from", "renovate")
    assert "ghcr.io/org/api: v2.0.1 → semver <2.5\n  why: as Renovate, renovate.json:1 says\n" in out
    assert "renovate.json:1: automerge is not carried over" in out
    assert "nginx" not in out


def test_nothing_heavy_is_imported_offline(folder: Path) -> None:
    script = (
        "import sys; from cli.main import main; status = main(['adopt', '--offline']); "
        "sys.stderr.write(' '.join({'aiohttp', 'httpx', 'httpcore', 'dulwich', 'kubernetes', 'urllib3', 'botocore', "
        "'asyncio', 'ssl'} & sys.modules.keys())); sys.exit(status)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    assert done.stderr == ""
    assert "ImagePolicy" in done.stdout


def add(folder: Path) -> None:
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.com"]
    subprocess.run(["git", "add", "-A"], cwd=folder, check=True)
    subprocess.run(["git", *identity, "commit", "-q", "-m", "Start"], cwd=folder, check=True)


def test_markers_keep_the_line_ends_of_the_work_tree(adopt: Adopt, folder: Path) -> None:
    (folder / ".gitattributes").write_text("*.yaml eol=crlf\n")
    (folder / "apps" / "values.yaml").write_bytes(VALUES.replace("\n", "\r\n").encode())
    add(folder)
    out = adopt("--only", "ghcr.io/org/api")[1]
    assert "\r" not in out  # the diff is that of the commit
    assert adopt("--only", "ghcr.io/org/api", "--write")[0] == 0
    marked = (folder / "apps" / "values.yaml").read_bytes()
    assert marked.count(b"\r\n") == marked.count(b"\n") == 3
    assert b'tag: v2.0.1 # {"$imagepolicy": "flux-system:api:tag"}\r\n' in marked


def test_a_file_that_git_converts_is_left_out_with_the_reason(adopt: Adopt, folder: Path) -> None:
    (folder / ".gitattributes").write_text("apps/values.yaml working-tree-encoding=UTF-16\n")
    (folder / "apps" / "values.yaml").write_bytes(VALUES.encode("utf-16"))
    add(folder)
    status, out, _ = adopt()
    assert (status, "org/api" in out) == (0, False)
    assert "note: apps/values.yaml: left out: Git converts it on the way into a commit: edit it by hand\n" in out


def test_what_is_not_checked_out_is_not_written_but_its_objects_are_known(adopt: Adopt, folder: Path) -> None:
    assert adopt("--write", "--objects", "objects/images.yaml", "--only", "ghcr.io/org/api")[0] == 0
    (folder / "more").mkdir()
    (folder / "more" / "values.yaml").write_text(VALUES)
    add(folder)
    subprocess.run(["git", "sparse-checkout", "set", "more"], cwd=folder, check=True)
    assert not (folder / "apps").exists()
    status, out, _ = adopt("--objects", "more/images.yaml")
    assert (status, "policy flux-system/api, which exists, for more/values.yaml:3\n" in out) == (0, True)
    assert "note: apps/values.yaml and 2 more: left out: it is not checked out: git sparse-checkout add it\n" in out
    assert "+++ b/apps" not in out


@pytest.mark.parametrize(
    "text",
    [
        f"image:\n  repository: ghcr.io/org/api\n  tag: v2.0.1@sha256:{'a' * 64}\n",
        f"images:\n- name: ghcr.io/org/api\n  newTag: v2.0.1@sha256:{'a' * 64}\n",
    ],
    ids=["helm", "kustomize"],
)
def test_a_tag_with_its_digest_in_one_value_is_listed_with_what_to_do(adopt: Adopt, folder: Path, text: str) -> None:
    name = "kustomization.yaml" if "newTag" in text else "values.yaml"
    (folder / "apps" / "values.yaml").unlink()
    (folder / "apps" / name).write_text(text)
    status, out, _ = adopt()
    assert (status, "policy flux-system/api" in out) == (0, False)
    assert (
        "ghcr.io/org/api:v2.0.1: tag and digest are one value, and no marker writes both there: `:tag` would drop the "
        "digest; give the digest a key of its own, or write the whole image as one value\n"
    ) in out
