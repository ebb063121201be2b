"""The generated page: fresh, complete, and stale where a type says something else."""

import re
from pathlib import Path

import pytest

from api.kinds import KINDS
from api.openapi import struct_schema
from controllers.runtime.process import flags
from hack import reference


def test_page_is_fresh(capsys: pytest.CaptureFixture[str]) -> None:
    assert reference.main(["--check"]) == 0, capsys.readouterr().out


def test_every_field_of_spec_and_status_has_a_row_with_words() -> None:
    page = reference.page()
    for kind in KINDS:
        section = page.partition(f"\n## {kind.resource.kind}\n")[2].partition("\n## ")[0]
        schema = struct_schema(kind.type, kind.definition.versions[-1])
        wanted = [row.path for row in reference.rows(schema, "") if row.path.startswith(("spec.", "status."))]
        described = re.findall(r"^\| `(\S+)` \| [^|]+ \| .* \| (?=\S)", section, re.MULTILINE)
        assert [path for path in wanted if path not in described] == []


def test_every_flag_has_a_row() -> None:
    table = "".join(reference.flag_table())
    assert [flag.name for flag in flags.COMMON_FLAGS if f"| `--{flag.name}` |" not in table] == []
    assert "| `--leader-election-lease-duration` | `35s` |" in table
    assert "| `--storage-path` |  | **no effect:** nothing is stored on disk |" in table


@pytest.mark.parametrize(
    ("name", "text"),
    [
        pytest.param("reference.md", "| string |", id="reference"),
        pytest.param("operations.md", "| `--concurrent` | `4` |", id="flags"),
    ],
)
def test_stale_page_is_reported_and_mended(
    name: str, text: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for page, content in reference.pages().items():
        (tmp_path / page).write_text(content)
    monkeypatch.setattr(reference, "DOCS", tmp_path)
    assert reference.main(["--check"]) == 0
    path = tmp_path / name
    path.write_text(path.read_text().replace(text, "| something else |", 1))
    assert reference.main(["--check"]) == 1
    assert "| something else |" in capsys.readouterr().out
    assert reference.main([]) == 0
    assert reference.main(["--check"]) == 0
    assert text in path.read_text()


@pytest.mark.parametrize(
    "line",
    [
        pytest.param("| `spec.image` | string | **required** | Address of the image", id="required"),
        pytest.param(
            "| `spec.provider` | string | default `generic`; one of `generic`, `aws`, `azure`, `gcp` |", id="enum"
        ),
        pytest.param("| `spec.accessFrom.namespaceSelectors[].matchLabels{}` | map to string |", id="nested"),
        pytest.param("| `status.lastScanResult.scanTime` | time |", id="time"),
        pytest.param("Rule: spec.interval must be set when", id="rule"),
        pytest.param("- `spec.exclusionList[]`: nothing", id="less-in-an-older-version"),
        pytest.param("LATESTIMAGE, READY, STATUS, AGE, IMAGE (with -o wide)", id="columns"),
    ],
)
def test_page_says(line: str) -> None:
    assert line in reference.page()
