"""`tagline lint`, as its users meet it."""

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]  # comes without type hints

from cli.main import main
from controllers.lint.lint import lint as check
from controllers.lint.rules import RULES, LintFinding
from controllers.worktree.paths import ask_git

ROOT = Path(__file__).parents[2]
POLICY = """\
apiVersion: image.toolkit.fluxcd.io/v1
kind: ImagePolicy
metadata: {name: web, namespace: apps}
spec:
  imageRepositoryRef: {name: web}
  policy: {semver: {range: ^1}}
"""
BAD = 'image: o/web:1.0.0 # {"$imagepolicy": apps:web}\n'
UNKNOWN = 'image: o/web:1.0.0 # {"$imagepolicy": "apps:wep"}\n'


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    subprocess.run(["git", "init", "-q", "."], cwd=tmp_path, check=True)
    for name, text in (("objects/policy.yaml", POLICY), ("apps/bad.yaml", BAD), ("apps/ünknown.yaml", UNKNOWN)):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def lint(capsys: pytest.CaptureFixture[str], *argv: str) -> tuple[int, str, str]:
    status = main(["lint", *argv])
    shown = capsys.readouterr()
    return status, shown.out, shown.err


def test_findings_have_place_rule_and_advice(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = lint(capsys)
    assert status == 1
    malformed, unknown = out.splitlines()
    assert malformed.startswith("apps/bad.yaml:1:20: error: this comment is no marker: it must be ")
    assert malformed.endswith(" [malformed-marker] (--fix mends this)")
    assert unknown == (
        "apps/ünknown.yaml:1:8: error: the marker names ImagePolicy 'apps:wep', which is not in the files: "
        "did you mean apps:web? [unknown-policy]"
    )


def test_fixes_are_written_and_the_rest_remains(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, err = lint(capsys, "--fix")
    assert status == 1
    assert "malformed-marker" not in out
    assert err == "mended 1 finding in 1 file\n"
    assert (folder / "apps/bad.yaml").read_text() == 'image: o/web:1.0.0 # {"$imagepolicy": "apps:web"}\n'
    assert lint(capsys, "apps/bad.yaml") == (0, "", "")


def test_a_fix_is_not_written_into_a_file_that_has_changed(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    edited = "# moved\n" + BAD

    def meanwhile(*arguments: Any, **options: Any) -> list[LintFinding]:
        findings = check(*arguments, **options)
        (folder / "apps/bad.yaml").write_text(edited)
        return findings

    monkeypatch.setattr("cli.verbs.lint.lint", meanwhile)
    said = "nothing was written: apps/bad.yaml has changed since it was read: run this again\n"
    assert lint(capsys, "--fix") == (1, "", said)
    assert (folder / "apps/bad.yaml").read_text() == edited


@pytest.mark.parametrize("path", ["apps/bad.yaml", "./apps/bad.yaml", "apps"])
def test_parts_know_the_objects_of_the_whole(path: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "apps/ünknown.yaml").unlink()
    status, out, _ = lint(capsys, path)
    assert status == 1
    assert [line.split("[")[-1][:16] for line in out.splitlines()] == ["malformed-marker"]
    assert lint(capsys, "objects") == (0, "", "")


@pytest.mark.parametrize("paths", [[], ["apps", "objects"], ["apps/bad.yaml"]], ids=str)
def test_git_lists_a_repository_once(
    paths: list[str], folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which takes seconds in a large one."""
    asked: list[tuple[str, ...]] = []

    def ask(folder: Path, *arguments: str, **options: Any) -> bytes:
        asked.append(arguments)
        return ask_git(folder, *arguments, **options)

    monkeypatch.setattr("cli.checkout.ask_git", ask)
    monkeypatch.setattr("controllers.worktree.committed.ask_git", ask)
    assert lint(capsys, *paths)[0] == 1
    counts = Counter(asked)
    assert max(counts[one] for one in asked if one[0] == "check-attr") == 1
    assert max(counts.values()) <= 2  # the names of the files are needed twice


def test_json(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = json.loads(lint(capsys, "-o", "json")[1])
    assert [(one["rule"], one["file"], one["line"], one["column"], one["fixable"]) for one in found] == [
        ("malformed-marker", "apps/bad.yaml", 1, 20, True),
        ("unknown-policy", "apps/ünknown.yaml", 1, 8, False),
    ]


def test_sarif(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = json.loads(lint(capsys, "-o", "sarif")[1])
    assert log["version"] == "2.1.0"
    [run] = log["runs"]
    rules = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    assert rules == list(RULES)
    for result in run["results"]:
        assert rules[result["ruleIndex"]] == result["ruleId"]
        assert result["level"] in {"error", "warning"}
    location = run["results"][1]["locations"][0]["physicalLocation"]
    assert location == {
        "artifactLocation": {"uri": "apps/%C3%BCnknown.yaml"},
        "region": {"startLine": 1, "startColumn": 8},
    }


def test_github(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "apps/a,b.yaml").write_text(UNKNOWN)
    lines = lint(capsys, "-o", "github")[1].splitlines()
    assert lines[0].startswith(
        "::error file=apps/a%2Cb.yaml,line=1,col=8,title=tagline unknown-policy::the marker names ImagePolicy"
    )
    assert all("\n" not in line for line in lines)


def test_warnings_fail_only_when_strict(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "objects/policy.yaml").write_text(POLICY.replace("{range: ^1}", "{range: ^1}, minAge: 1h"))
    (folder / "apps/bad.yaml").unlink()
    (folder / "apps/ünknown.yaml").unlink()
    assert lint(capsys, "--strict")[0] == 0
    assert lint(capsys, "--flux")[0] == 0
    status, out, _ = lint(capsys, "--flux", "--strict")
    assert status == 1
    assert "Flux does not have spec.policy.minAge" in out
    assert lint(capsys, "--flux", "--strict", "--ignore", "flux-drops-field")[0] == 0


def test_tags_are_held_against_policies(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    repository = (
        "---\napiVersion: image.toolkit.fluxcd.io/v1\nkind: ImageRepository\nmetadata: {name: web, namespace: apps}\n"
    )
    (folder / "objects/policy.yaml").write_text(POLICY + repository + "spec: {image: o/web, interval: 10m}\n")
    (folder / "tags").write_text("2.0.0\n2.1.0\n")
    status, out, _ = lint(capsys, "--tags", "o/web=tags", "objects")
    assert status == 1
    assert "the policy accepts none of the 2 known tags (2.0.0, 2.1.0)" in out


def test_bad_requests(
    folder: Path, capsys: pytest.CaptureFixture[str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = tmp_path_factory.mktemp("other")
    subprocess.run(["git", "init", "-q", "--bare", "bare"], check=True)
    for argv, message in (
        (["missing"], "missing: there is no such file or folder"),
        (["bare"], "bare is a bare repository"),
        ([".", str(other)], "these are several repositories: "),
        (["--tags", "x"], "'x' is not of the form IMAGE=FILE"),
    ):
        status, out, err = lint(capsys, *argv)
        assert (status, out) == (2, "")
        assert message in err


def test_files_that_cannot_be_read(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "apps/bad.yaml").unlink()
    (folder / "apps/ünknown.yaml").write_bytes(BAD.encode() + b"\xe9\n")
    with (folder / "huge.yaml").open("wb") as file:
        file.truncate(1 << 30)
    with (folder / "huge.bin").open("wb") as file:
        file.truncate(1 << 30)
    os.symlink(".", folder / "loop")
    status, out, err = lint(capsys)
    assert status == 1
    assert out.startswith("apps/ünknown.yaml:2: error: ")
    assert err == "huge.yaml: left out: larger than 10 MiB\n"


def test_files_outside_of_repositories_are_read_alone(
    tmp_path_factory: pytest.TempPathFactory, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path_factory.mktemp("plain")
    for name in ("a.yaml", "b.yaml", "c.yaml"):
        (folder / name).write_text(BAD)
    status, out, _ = lint(capsys, str(folder / "a.yaml"), str(folder / "b.yaml"))
    assert status == 1
    assert [line.split(":")[0].rpartition("/")[2] for line in out.splitlines()] == ["a.yaml", "b.yaml"]
    assert len(lint(capsys, str(folder))[1].splitlines()) == 3


def test_a_folder_without_manifests(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert lint(capsys, str(tmp_path)) == (0, "", "")


def test_the_hooks_of_pre_commit_run_the_verb(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hooks = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    assert {"tagline-lint", "tagline-lint-fix"} == {hook["id"] for hook in hooks}
    for hook in hooks:
        program, *argv = hook["entry"].split()
        assert program == "tagline"
        assert main([*argv, "apps/bad.yaml", "objects/policy.yaml"]) == (0 if "--fix" in argv else 1)


def test_nothing_heavy_is_imported(folder: Path) -> None:
    script = (
        "import sys; from cli.main import main; main(['lint']); "
        "sys.stderr.write(' '.join({'aiohttp', 'httpx', 'httpcore', 'dulwich', 'kubernetes', 'urllib3', 'botocore', "
        "'asyncio', 'ssl'} & sys.modules.keys()))"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, env=environment)
    assert done.stderr == ""
    assert "unknown-policy" in done.stdout


def add(folder: Path, **config: str) -> None:
    for key, value in config.items():
        subprocess.run(["git", "config", key.replace("_", "."), value], cwd=folder, check=True)
    subprocess.run(["git", "add", "-A"], cwd=folder, check=True)


def test_a_file_that_git_encodes_is_judged_as_it_is_committed(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / ".gitattributes").write_text("apps/bad.yaml working-tree-encoding=UTF-16\n")
    (folder / "apps" / "bad.yaml").write_bytes(BAD.encode("utf-16"))
    before = (folder / "apps" / "bad.yaml").read_bytes()
    add(folder)
    _, out, _ = lint(capsys, "apps/bad.yaml", "--fix")
    assert "apps/bad.yaml:1:20: error: this comment is no marker" in out  # it cannot be mended in the work tree
    assert (folder / "apps" / "bad.yaml").read_bytes() == before


def test_a_fix_keeps_the_line_ends_of_the_work_tree(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / ".gitattributes").write_text("*.yaml eol=crlf\n")
    (folder / "apps" / "bad.yaml").write_bytes(f"a: 1\r\n{BAD[:-1]}\r\n".encode())
    add(folder)
    assert lint(capsys, "apps/bad.yaml", "--fix")[0] == 0
    assert (folder / "apps" / "bad.yaml").read_bytes() == (
        b'a: 1\r\nimage: o/web:1.0.0 # {"$imagepolicy": "apps:web"}\r\n'
    )


def test_objects_that_are_not_checked_out_are_known(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "apps" / "bad.yaml").write_text(BAD.replace("apps:web", '"apps:web"'))
    add(folder, user_name="a", user_email="a@example.com")
    subprocess.run(["git", "commit", "-q", "-m", "Start"], cwd=folder, check=True)
    subprocess.run(["git", "sparse-checkout", "set", "apps"], cwd=folder, check=True)
    assert not (folder / "objects").exists()
    status, out, err = lint(capsys)
    assert (status, err) == (1, "")
    assert [line for line in out.splitlines() if "did you mean apps:web?" in line] == out.splitlines()
    (folder / "apps" / "ünknown.yaml").write_text(UNKNOWN.replace("wep", "web"))
    assert lint(capsys) == (0, "", "")


def test_what_a_partial_clone_lacks_is_one_sentence_and_no_error(
    folder: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    (folder / "apps" / "bad.yaml").write_text("a: 1\n")
    (folder / "apps" / "ünknown.yaml").write_text("a: 2\n")
    add(folder, user_name="a", user_email="a@example.com", uploadpack_allowFilter="true")
    subprocess.run(["git", "commit", "-q", "-m", "Start"], cwd=folder, check=True)
    clone = tmp_path_factory.mktemp("clone") / "fleet"
    command = ["git", "clone", "-q", "--filter=blob:none", "--no-checkout", folder.as_uri(), str(clone)]
    subprocess.run(command, check=True)
    for arguments in (["sparse-checkout", "set", "objects"], ["checkout", "-q"]):
        subprocess.run(["git", *arguments], cwd=clone, check=True)
    monkeypatch.chdir(clone)
    missing = "it is not checked out, and its content is not in this partial clone: git sparse-checkout add it"
    assert lint(capsys) == (0, "", f"apps/bad.yaml and 1 more: left out: {missing}\n")
