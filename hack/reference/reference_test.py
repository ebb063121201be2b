"""`hack/reference`: generated pages are fresh and complete, and stale where the code says something else."""

import importlib.util
import re
import shutil
from pathlib import Path

import pytest

from api.kinds import EVERY_KIND, EVERY_PROCESS, Kind
from api.openapi import struct_schema
from cli.main import CLUSTER_VERBS, VERBS
from controllers.runtime.process import flags
from controllers.update import findings
from controllers.update.policies import PauseReason
from controllers.update.reach import Refusal
from hack.reference import __main__ as reference
from hack.reference import commands, kinds, reasons
from hack.reference.fields import rows
from hack.reference.flags import flag_table
from hack.reference.reasons import kinds_by_reason, reasons_of

ROOT = reference.ROOT
FILES = ("docs", "mkdocs.yml")


def kind_named(name: str) -> Kind:
    return next(kind for kind in EVERY_KIND if kind.resource.kind == name)


def section_of(page: str, heading: str) -> str:
    return page.partition(f"\n{heading}\n")[2].partition("\n#")[0]


def test_pages_are_fresh(capsys: pytest.CaptureFixture[str]) -> None:
    assert reference.main(["--check"]) == 0, capsys.readouterr().out


@pytest.mark.parametrize("kind", EVERY_KIND, ids=lambda kind: kind.name)
def test_every_field_has_words(kind: Kind) -> None:
    page = kinds.page(kind, "")
    schema = struct_schema(kind.type, kind.definition.versions[-1])
    wanted = [row for row in rows(schema, "") if row.path.startswith(("spec.", "status."))]
    assert wanted
    for row in wanted:
        heading = section_of(page, f"### {row.path.rstrip('[]{}')}")
        in_table = re.search(rf"^\| `{re.escape(row.path)}` \| \S", page, re.MULTILINE)
        assert row.description, row.path
        assert row.description in heading or in_table, row.path


@pytest.mark.parametrize("kind", EVERY_KIND, ids=lambda kind: kind.name)
def test_pages_of_kinds_have_the_order_that_users_of_flux_know(kind: Kind) -> None:
    page = (ROOT / "docs" / "api" / f"{kind.name}.md").read_text()
    wanted = ["Example", "Writing the spec", f"Working with {kind.resource.kind}", "Status", "Conditions"]
    found = [title.replace("ies", "y").removesuffix("s") for title in re.findall(r"^## (.+)$", page, re.MULTILINE)]
    expected = [title.replace("ies", "y").removesuffix("s") for title in wanted]
    assert found == [title for title in expected if title in found]
    assert {"Example", "Writing the spec", "Statu"} <= set(found)
    assert ("Condition" in found) == kind.reconciled


def test_every_flag_has_a_row() -> None:
    table = "".join(flag_table())
    assert [flag.name for flag in flags.COMMON_FLAGS if f"| `--{flag.name}` |" not in table] == []
    assert "| `--leader-election-lease-duration` | `35s` |" in table
    assert "| `--storage-path` |  | **no effect:** nothing is stored on disk |" in table


def test_every_verb_with_a_module_has_a_page() -> None:
    there = {path.stem for path in (ROOT / "cli" / "verbs").glob("*.py")}
    wanted = {verb for verb in (*VERBS, *CLUSTER_VERBS) if verb in there}
    assert {name.removesuffix(".md") for name in commands.pages()} == wanted | {"index"}
    assert len(wanted) > 10


def test_a_verb_without_a_module_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(CLUSTER_VERBS, "levitate", "rise")
    assert "levitate" not in commands.existing(CLUSTER_VERBS)
    assert "levitate" not in commands.pages()["index.md"]


@pytest.mark.parametrize(
    ("verb", "text"),
    [
        pytest.param("reconcile", "## tagline reconcile image repository\n", id="tree"),
        pytest.param("reconcile", "tagline reconcile image repository [name] [flags]", id="tree-usage"),
        pytest.param("suspend", "| `--all` |", id="tree-inherited-flag"),
        pytest.param("policy", "## tagline policy test\n", id="argparse-below"),
        pytest.param("adopt", "| `--only GLOB` | only these images; may be repeated |", id="argparse"),
        pytest.param("lint", "tagline lint [flags] [PATH...]", id="argparse-usage"),
        pytest.param("get", "| `-o`, `--output json\\|yaml\\|name\\|wide` |", id="choices"),
        pytest.param(
            "index",
            '| `-n`, `--namespace string` | namespace of the objects (default `"flux-system"`) |',
            id="global-flags",
        ),
    ],
)
def test_page_of_a_command_says(verb: str, text: str) -> None:
    assert text in commands.pages()[f"{verb}.md"]


def test_every_reason_of_the_tables_is_found() -> None:
    by_kind = {kind.name: {reason.name for reason in reasons_of(kind)} for kind in EVERY_PROCESS}
    assert by_kind["imagerepository"] >= {"AuthenticationFailed", "ReadOperationFailed", "ImageURLInvalid"}
    assert by_kind["imagepolicy"] >= {"AccessDenied", "DependencyNotReady", "IntervalNotConfigured", "Failure"}
    assert by_kind["imageupdateautomation"] >= {"AccessDenied", "FeatureGateDisabled", "InvalidSourceConfiguration"}
    denied = next(one for one in reasons_of(kind_named("ImagePolicy")) if one.name == "AccessDenied")
    assert denied.conditions == "Ready=False, Reconciling"
    assert denied.again == "with growing delays; or when what it waits for changes"


@pytest.mark.parametrize("reason", kinds_by_reason())
def test_every_reason_has_a_cause_and_a_fix(reason: str) -> None:
    page = (ROOT / "docs" / "troubleshooting.md").read_text()
    entry = section_of(page, f"### {reason}")
    assert re.search(r"^\*\*Cause\.\*\* \S", entry, re.MULTILINE), f"docs/troubleshooting.md has no entry for {reason}"
    assert re.search(r"^\*\*Fix\.\*\* \S", entry, re.MULTILINE)


def test_a_reason_that_cannot_be_read_is_reported(tmp_path: Path) -> None:
    path = tmp_path / "outcomes.py"
    path.write_text('X = "Known"\n\ndef outcome(text):\n    return Retry(X, text) if text else Stalled(text, text)\n')
    spec = importlib.util.spec_from_file_location("outcomes", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found = reasons._outcomes(module)
    assert next(found) == ("Retry", "Known")
    with pytest.raises(ValueError, match="outcomes:4: the reason is no constant: text"):
        next(found)


def test_every_finding_has_a_row() -> None:
    page = (ROOT / "docs" / "troubleshooting.md").read_text()
    table = page.partition("\n## Findings\n")[2].partition("\n## ")[0]
    known = {*findings.REASONS.values(), findings.POLICY_WITHOUT_IMAGE, findings.INVALID_IMAGE, *PauseReason, *Refusal}
    assert known == set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE))


def test_no_entry_is_about_a_reason_that_is_gone() -> None:
    page = (ROOT / "docs" / "troubleshooting.md").read_text()
    entries = re.findall(r"^### (\w+)$", page, re.MULTILINE)
    assert entries == sorted(kinds_by_reason())


@pytest.mark.parametrize(
    ("name", "text"),
    [
        pytest.param("docs/api/imagerepository.md", "Address of the image", id="field"),
        pytest.param("docs/flags.md", "| `--concurrent` | `4` |", id="flags"),
        pytest.param("docs/commands/adopt.md", "only these images", id="command"),
        pytest.param("docs/troubleshooting.md", "[`UpdateFailed`](#updatefailed)", id="reasons"),
        pytest.param("mkdocs.yml", "    - adopt: commands/adopt.md\n", id="navigation"),
    ],
)
def test_stale_page_is_reported_and_mended(
    name: str, text: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(ROOT / "docs", tmp_path / "docs")
    shutil.copy(ROOT / "mkdocs.yml", tmp_path)
    monkeypatch.setattr(reference, "ROOT", tmp_path)
    assert reference.main(["--check"]) == 0
    path = tmp_path / name
    before = path.read_text()
    assert text in before
    path.write_text(before.replace(text, "something else", 1))
    assert reference.main(["--check"]) == 1
    assert "something else" in capsys.readouterr().out
    assert reference.main([]) == 0
    assert reference.main(["--check"]) == 0
    assert path.read_text() == before


def test_page_of_a_verb_that_is_gone_is_reported_and_removed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "docs", tmp_path / "docs")
    shutil.copy(ROOT / "mkdocs.yml", tmp_path)
    monkeypatch.setattr(reference, "ROOT", tmp_path)
    gone = tmp_path / "docs" / "commands" / "levitate.md"
    gone.write_text("# tagline levitate\n")
    assert reference.main(["--check"]) == 1
    assert reference.main([]) == 0
    assert not gone.exists()


def test_written_parts_of_a_page_stay() -> None:
    kind = kind_named("ImagePolicy")
    page = kinds.page(kind, "").replace("## Writing the spec", "## Example\n\nBy hand.\n\n## Writing the spec")
    assert kinds.page(kind, page) == page
    with pytest.raises(ValueError, match="lacks the lines"):
        kinds.page(kind, "# ImagePolicy\n")


@pytest.mark.parametrize(
    ("kind", "line"),
    [
        pytest.param("ImageRepository", "Address of the image, without scheme", id="meaning"),
        pytest.param("ImageRepository", "String; **required**.", id="required"),
        pytest.param(
            "ImageRepository", "String; default `generic`; one of `generic`, `aws`, `azure`, `gcp`.", id="enum"
        ),
        pytest.param("ImageRepository", "have; none means every namespace. | map to string |", id="nested"),
        pytest.param("ImageRepository", "| When the scan was made. | time |", id="time"),
        pytest.param("ImagePolicy", "Rule: spec.interval must be set when", id="rule"),
        pytest.param("ImageRepository", "- `spec.exclusionList[]`: nothing", id="less-in-an-older-version"),
        pytest.param("ImagePolicy", "LATESTIMAGE, READY, STATUS, AGE, IMAGE (with -o wide)", id="columns"),
        pytest.param(
            "ImagePolicy",
            "| [`InvalidPolicy`](../troubleshooting.md#invalidpolicy) | Ready=False, Stalled |",
            id="reason",
        ),
    ],
)
def test_page_of_a_kind_says(kind: str, line: str) -> None:
    assert line in kinds.page(kind_named(kind), "")
